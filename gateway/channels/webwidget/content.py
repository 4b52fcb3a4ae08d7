"""What a message shows, as a small tree: it needs no HTML parser and cannot carry a script.

A node is a string or `[tag, attributes, children]`; which tags and attributes there are is said in
docs/widget-protocol.md. What is not among them is shown as its children.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import nh3

from gateway.channels.markup import (
    DROPPED_WITH_CONTENT,
    SCHEMES,
    TEXT_MAX,
    bounded,
    markdown_reader,
    storable,
)

Node = str | list[Any]
"""Words, or `[tag, attributes, children]`."""
Content = list[Node]

DEEPEST = 24
"""So many elements may lie in each other; what lies deeper is shown in the last one of them."""
MOST_LINKS = 200
"""So many bare addresses of one message become links."""

_SAME_AS = {
    "b": "strong", "i": "em", "del": "s", "strike": "s", "h4": "h3", "h5": "h3", "h6": "h3",
}  # fmt: skip
_VOID = {"br", "hr", "img"}
_BLOCKS = {"p", "pre", "ul", "ol", "li", "blockquote", "h1", "h2", "h3", "hr"}
# Between their children, white space is the source's layout.
_HOLD_BLOCKS = {"ul", "ol", "blockquote"}
_INLINE = {"strong", "em", "s", "code", "a", "img", "br"}
TAGS = frozenset(_BLOCKS | _INLINE)

_cleaner = nh3.Cleaner(
    tags={*TAGS, *_SAME_AS},
    clean_content_tags=DROPPED_WITH_CONTENT,
    attributes={"*": set(), "a": {"href"}, "img": {"src", "alt"}},
    url_schemes=SCHEMES,
    url_relative="deny",  # a relative link would point into the host page
    link_rel=None,  # how a link opens is said by whoever shows it
)
_markdown = markdown_reader("strikethrough")

_LINK = re.compile(r"(?:https?://|mailto:|tel:)[!-~\u00a1-\U0010ffff]{1,2000}", re.IGNORECASE)
_IMAGE = re.compile(r"https://[!-~\u00a1-\U0010ffff]{1,2000}", re.IGNORECASE)
_ADDRESS = re.compile(r"\bhttps?://[^\s<>\"“”«»`]{1,2000}", re.IGNORECASE)
_AFTER_ADDRESS = ".,:;!?'’*_~…。，、！？"
_SPACE = re.compile(r"[ \t\r\n\f]+")
_PARAGRAPHS = re.compile(r"\n[ \t]*\n\s*")


def render(markdown: str) -> str:
    """Return safe HTML for a Markdown text of ours."""
    return _cleaner.clean(_markdown.render(storable(markdown[:TEXT_MAX])))


def content_of_markdown(markdown: str) -> Content:
    """Return the tree of a Markdown text of ours."""
    return content_of_html(_markdown.render(storable(markdown[:TEXT_MAX])))


def content_of_html(html: str) -> Content:
    """Return the tree of any HTML: what is not harmless is left out."""
    tree = _Tree()
    tree.feed(_cleaner.clean(bounded(html)))
    tree.close()
    return tree.finished()


def content_of_text(text: str) -> Content:
    """Return the tree of plain words, such as a customer's: paragraphs, lines and addresses."""
    links = _Links()
    paragraphs: Content = []
    text = storable(text[:TEXT_MAX]).replace("\r\n", "\n").replace("\r", "\n").strip()
    for paragraph in _PARAGRAPHS.split(text) if text else ():
        lines: Content = []
        for number, line in enumerate(paragraph.split("\n")):
            if number:
                lines.append(["br", {}, []])
            lines.extend(links.within(line))
        paragraphs.append(["p", {}, lines])
    return paragraphs


class _Links:
    """Makes links of the bare addresses of one message."""

    def __init__(self) -> None:
        self._left = MOST_LINKS

    def within(self, text: str) -> Content:
        """The text with its addresses as links; none of its strings is empty."""
        nodes: Content = []
        done = 0
        for found in _ADDRESS.finditer(text):
            if not self._left:
                break
            address = _without_what_follows(found.group())
            if address.endswith("//"):
                continue
            self._left -= 1
            if found.start() > done:
                nodes.append(text[done : found.start()])
            nodes.append(["a", {"href": address}, [address]])
            done = found.start() + len(address)
        if done < len(text):
            nodes.append(text[done:])
        return nodes


def _without_what_follows(address: str) -> str:
    """An address without the punctuation of the sentence around it."""
    while True:
        stripped = address.rstrip(_AFTER_ADDRESS)
        for opening, closing in ("()", "[]", "{}"):
            if stripped.endswith(closing) and stripped.count(opening) < stripped.count(closing):
                stripped = stripped[:-1]
        if stripped == address:
            return address
        address = stripped


class _Tree(HTMLParser):
    """Reads HTML that nh3 has written: every element is closed, so nothing is guessed."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._root: Content = []
        # What is open: its tag ("": it is shown as its children) and where its children go.
        self._open: list[tuple[str, Content]] = []
        self._links = _Links()
        self._words: list[str] = []

    def finished(self) -> Content:
        """The tree."""
        self._write()
        return self._root

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        tag = _SAME_AS.get(tag, tag)
        shown = {name: value or "" for name, value in attrs}
        if tag in _VOID:
            self._add_void(tag, shown)
            return
        href = shown.get("href", "")
        if len(self._open) >= DEEPEST or (tag == "a" and not _LINK.fullmatch(href)):
            self._open.append(("", self._parent()))
            return
        self._write()
        parent = self._parent()
        if tag in _BLOCKS and parent and isinstance(parent[-1], str):
            parent[-1] = parent[-1].rstrip(" ")
        children: Content = []
        parent.append([tag, {"href": href} if tag == "a" else {}, children])
        self._open.append((tag, children))

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if self._open[-1][0]:
            self._write()
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def _add_void(self, tag: str, shown: dict[str, str]) -> None:
        if tag == "img" and not _IMAGE.fullmatch(shown.get("src", "")):
            self._words.append(shown.get("alt", ""))
            return
        self._write()
        picture = {"src": shown["src"], "alt": shown.get("alt", "")} if tag == "img" else {}
        self._parent().append([tag, picture, []])

    def _write(self) -> None:
        """Add what was said since the last tag."""
        text, self._words = "".join(self._words), []
        if not text:
            return
        parent = self._parent()
        if self._within("pre"):
            parent.append(text.removesuffix("\n"))
            return
        text = _SPACE.sub(" ", text)
        before = parent[-1] if parent else None
        after_block = isinstance(before, list) and (before[0] == "br" or before[0] in _BLOCKS)
        if after_block or (before is None and self._holds_blocks()):
            text = text.lstrip(" ")
        if not text:
            return
        if self._within("a", "code"):
            parent.append(text)
        else:
            parent.extend(self._links.within(text))

    def _holds_blocks(self) -> bool:
        return not self._open or self._open[-1][0] in _HOLD_BLOCKS or self._open[-1][0] in _BLOCKS

    def _parent(self) -> Content:
        return self._open[-1][1] if self._open else self._root

    def _within(self, *tags: str) -> bool:
        return any(tag in tags for tag, _ in self._open[:DEEPEST])
