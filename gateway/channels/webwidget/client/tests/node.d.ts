// What the tests use of Node; its own types would bring a second set of `fetch` and timers.

declare module "node:test" {
  export function test(name: string, run: () => void | Promise<void>): void;
}

declare module "node:assert/strict" {
  export function equal(one: unknown, other: unknown, message?: string): void;
  export function deepEqual(one: unknown, other: unknown, message?: string): void;
  export function ok(value: unknown, message?: string): asserts value;
}
