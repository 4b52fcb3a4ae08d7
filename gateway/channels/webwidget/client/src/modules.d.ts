// What the build gives besides modules: see build.mjs.

declare module "texts:*" {
  export const keys: readonly string[];
  export const languages: Readonly<Record<string, readonly string[]>>;
}

declare module "*.css" {
  const sheet: string;
  export default sheet;
}

/** The file name of the app: it holds the hash of what is in it. */
declare const APP_NAME: string;
