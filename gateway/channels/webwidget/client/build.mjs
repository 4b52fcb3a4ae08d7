// Builds the widget: the loader `widget.js` and what it loads, `app-<hash>.js`, into ../built/
// (or into the folder that is named), and prints their sizes.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

import { build, transform } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const LIMITS = { loader: 3_000, everything: 20_000 }; // bytes, gzipped

/** Texts by language. Every language says everything that English says, and nothing else. */
export function readTexts(folder = join(here, "texts")) {
  const texts = {};
  for (const file of readdirSync(folder).sort()) {
    texts[file.replace(/\.json$/, "")] = JSON.parse(readFileSync(join(folder, file), "utf8"));
  }
  const wanted = Object.keys(texts.en).join();
  for (const [language, said] of Object.entries(texts)) {
    if (Object.keys(said).join() !== wanted) {
      throw new Error(`texts/${language}.json: not the keys of en.json, in their order`);
    }
  }
  return texts;
}

/** What the loader says; all else is the app's. */
const LOADERS = ["openChat"];

/** `texts:loader`, `texts:app`: the keys once, and each language as a list in their order. */
const texts = {
  name: "texts",
  setup(esbuild) {
    esbuild.onResolve({ filter: /^texts:/ }, ({ path }) => ({ path, namespace: "texts" }));
    esbuild.onLoad({ filter: /.*/, namespace: "texts" }, ({ path }) => {
      const all = readTexts();
      const keys = Object.keys(all.en).filter(
        (key) => LOADERS.includes(key) === (path === "texts:loader"),
      );
      const lists = Object.entries(all).map(([language, said]) => [
        language,
        keys.map((key) => said[key]),
      ]);
      const contents = `export const keys = /* @__PURE__ */ ${JSON.stringify(keys.join(" "))}.split(" ");
        export const languages = ${JSON.stringify(Object.fromEntries(lists))};`;
      return { contents, loader: "js" };
    });
  },
};

/** Style sheets are texts, without what only their authors need. */
const styles = {
  name: "styles",
  setup(esbuild) {
    esbuild.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), {
        loader: "css",
        minify: true,
        target: TARGET,
      });
      return { contents: code.trim().replace(/(--\w+): /g, "$1:"), loader: "text" };
    });
  },
};

const TARGET = ["chrome123", "firefox121", "safari17.5"];

export const options = {
  bundle: true,
  write: false,
  platform: "browser",
  format: "iife",
  charset: "utf8",
  logLevel: "warning",
  plugins: [texts, styles],
  tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
};

async function bundle(entry, define = {}) {
  const result = await build({
    ...options,
    entryPoints: [join(here, "src", entry)],
    minify: true,
    target: TARGET,
    legalComments: "none",
    define,
  });
  return result.outputFiles[0].contents;
}

async function main(folder) {
  const app = await bundle("app.ts");
  const name = `app-${createHash("sha256").update(app).digest("hex").slice(0, 12)}.js`;
  const loader = await bundle("loader.ts", { APP_NAME: JSON.stringify(name) });
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder)) {
    if (old.endsWith(".js")) rmSync(join(folder, old));
  }
  writeFileSync(join(folder, name), app);
  writeFileSync(join(folder, "widget.js"), loader);
  const packed = (bytes) => gzipSync(bytes, { level: 9 }).length;
  const sizes = [
    ["widget.js", loader.length, packed(loader), LIMITS.loader],
    [name, app.length, packed(app), undefined],
    ["everything", loader.length + app.length, packed(loader) + packed(app), LIMITS.everything],
  ];
  for (const [what, raw, gzipped, limit] of sizes) {
    const room = limit === undefined ? "" : ` (at most ${limit})`;
    console.log(`${what.padEnd(22)} ${raw} bytes, ${gzipped} gzipped${room}`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  await main(resolve(process.argv[2] ?? join(here, "..", "built")));
}
