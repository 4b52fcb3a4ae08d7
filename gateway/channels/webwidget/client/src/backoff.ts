// How long to wait before the next try.

const FIRST_MS = 1_000;
const MOST_MS = 60_000;

/**
 * Milliseconds to wait after so many failures in a row (1 or more): doubled each time, and anything
 * from half of it on, so that a thousand browsers do not come back in the same moment.
 */
export function pause(failures: number, random: () => number = Math.random, most = MOST_MS): number {
  const whole = Math.min(most, FIRST_MS * 2 ** (failures - 1));
  return whole / 2 + (whole / 2) * random();
}
