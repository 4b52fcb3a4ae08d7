// Colours that a site chooses freely, and what can be read on them.

/** Red, green, blue, from 0 to 255. */
export type Rgb = readonly number[];

/** Read `#abc`, `#aabbcc` or `rgb(1, 2, 3)`; null for every other notation. */
export function parse(color: string): Rgb | null {
  let digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(color)?.[1];
  if (digits) {
    if (digits.length < 6) digits = digits.replace(/./g, "$&$&");
    const number = parseInt(digits, 16);
    return [number >> 16, (number >> 8) & 255, number & 255];
  }
  const parts = /^rgba?\((\d+)[, ]+(\d+)[, ]+(\d+)/.exec(color);
  return parts && [+parts[1]!, +parts[2]!, +parts[3]!];
}

/** Contrast of two colours as WCAG 2 has it, from 1 to 21. */
export function contrast(one: Rgb, other: Rgb): number {
  const a = luminance(one) + 0.05;
  const b = luminance(other) + 0.05;
  return a > b ? a / b : b / a;
}

/** White where it can be read on this colour, else black: one of both always can. */
export function textOn(color: Rgb): string {
  return contrast(color, [255, 255, 255]) >= 4.5 ? "#fff" : "#000";
}

function luminance(color: Rgb): number {
  return 0.2126 * linear(color[0]!) + 0.7152 * linear(color[1]!) + 0.0722 * linear(color[2]!);
}

function linear(channel: number): number {
  const part = channel / 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}
