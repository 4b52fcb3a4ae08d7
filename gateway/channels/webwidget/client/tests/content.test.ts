import { equal, ok } from "node:assert/strict";
import { test } from "node:test";

import type { Content } from "../src/protocol.ts";

/** As little of a document as drawing needs; it writes what it holds as HTML. */
class Fake {
  attributes = new Map<string, string>();
  children: (Fake | string)[] = [];
  onerror: unknown;
  constructor(readonly tag: string) {}
  setAttribute(name: string, value: string): void {
    this.attributes.set(name, String(value));
  }
  removeAttribute(name: string): void {
    this.attributes.delete(name);
  }
  append(...children: (Fake | string)[]): void {
    this.children.push(...children);
  }
  toString(): string {
    const attributes = [...this.attributes].map(([name, value]) => ` ${name}="${value}"`).join("");
    return `<${this.tag}${attributes}>${this.children.join("")}</${this.tag}>`;
  }
}

Object.assign(globalThis, { document: { createElement: (tag: string) => new Fake(tag) } });
const { render } = await import("../src/content.ts");
const draw = (content: unknown): string => render(content as Content).join("");

test("what is allowed is drawn", () => {
  equal(draw([["p", {}, ["a ", ["strong", {}, ["b"]], ["br", {}, []]]]]), "<p>a <strong>b</strong><br></br></p>");
  ok(draw([["a", { href: "https://x.example" }, ["x"]]]).includes('rel="noopener noreferrer nofollow"'));
});

test("a heading is no heading of the page", () => {
  equal(draw([["h1", {}, ["Big"]]]), "<p><strong>Big</strong></p>");
});

test("what is not on the list is its children", () => {
  equal(draw([["script", { src: "https://evil.example" }, ["alert(1)"]]]), "alert(1)");
  equal(draw([["iframe", {}, [["p", {}, ["x"]]]]]), "<p>x</p>");
  equal(draw([["svg", { onload: "alert(1)" }, []]]), "");
  equal(draw([["P", {}, ["x"]]]), "x");
});

test("no attribute gets through but those that are meant", () => {
  equal(draw([["p", { onclick: "alert(1)", style: "position:fixed", class: "x", id: "y" }, ["x"]]]), "<p>x</p>");
});

test("links that run something are no links", () => {
  for (const href of ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//x.example", "/path", 7, null]) {
    equal(draw([["a", { href }, ["x"]]]), "<span>x</span>", String(href));
  }
});

test("pictures come by https, or are words", () => {
  equal(draw([["img", { src: "http://x.example/a.png", alt: "a cat" }, []]]), "a cat");
  equal(draw([["img", { src: "data:image/svg+xml,<svg onload=alert(1)>" }, []]]), "");
  ok(draw([["img", { src: "https://x.example/a.png", alt: "a cat" }, []]]).startsWith('<img src="https://x.example/a.png"'));
});

test("trees that are none, or too deep, do no harm", () => {
  for (const tree of [null, undefined, "text", 7, {}, [null, 7, {}, [], [[]], [7, {}, []], ["p"], ["p", null, null]]]) {
    draw(tree);
  }
  let deep: unknown = ["x"];
  for (let i = 0; i < 100_000; i++) deep = [["blockquote", {}, deep]];
  ok(draw(deep).length < 1_000);
});
