// Builds the console: `console-<hash>.js`, `console-<hash>.css`, the sprite of icons and whatever
// else pages load, into ../built/ (or into the folder that is named).
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, "..", "built"));

/** One file out of icons/*.svg, each as a symbol `i-NAME`. */
function sprite() {
  const symbols = readdirSync(join(here, "icons"))
    .filter((file) => file.endsWith(".svg"))
    .sort()
    .map((file) => {
      const svg = readFileSync(join(here, "icons", file), "utf8");
      const inside = /<svg[^>]*viewBox="([^"]+)"[^>]*>([\s\S]*)<\/svg>/.exec(svg);
      if (!inside) throw new Error(`icons/${file}: no <svg viewBox="…">`);
      return `<symbol id="i-${basename(file, ".svg")}" viewBox="${inside[1]}">${inside[2].trim()}</symbol>`;
    });
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
}

async function bundle(entry) {
  const result = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    write: false,
    minify: true,
    platform: "browser",
    format: "esm",
    target: ["chrome123", "firefox121", "safari17.5"],
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
  });
  return Buffer.from(result.outputFiles[0].contents);
}

const files = [
  ["console.js", await bundle("src/console.ts")],
  ["console.css", await bundle("styles/index.css")],
  ["icons.svg", sprite()],
  ...readdirSync(join(here, "static")).map((name) => [name, readFileSync(join(here, "static", name))]),
];

mkdirSync(folder, { recursive: true });
for (const old of readdirSync(folder)) rmSync(join(folder, old), { force: true });
for (const [name, content] of files) {
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 12);
  const ending = extname(name);
  writeFileSync(join(folder, `${basename(name, ending)}-${hash}${ending}`), content);
}
