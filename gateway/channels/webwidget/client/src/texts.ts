// What the widget says, in the visitor's language or in the site's own words.

import { keys, languages } from "texts:app";

import type english from "../texts/en.json";
import { lang, option } from "./realm.ts";

export type TextKey = keyof typeof english;

const said = languages[lang.slice(0, 2).toLowerCase()] ?? languages["en"]!;

/** A text; `value` goes where the text has `{}`. `data-text-not-sent` overrides `notSent`. */
export function t(key: TextKey, value: string | number = ""): string {
  const own = option("text-" + key.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase()));
  return (own ?? said[keys.indexOf(key)]!).replace("{}", () => value as string);
}
