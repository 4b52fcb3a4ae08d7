"""Message bodies: what people type, the HTML Intercom keeps, the plain text it shows."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

_KEPT = frozenset(
    [
        "p",
        "br",
        "b",
        "strong",
        "i",
        "em",
        "u",
        "a",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "code",
        "pre",
        "blockquote",
        "img",
    ]
)
_BLOCKS = frozenset(["p", "ul", "ol", "pre", "blockquote", "h1", "h2", "h3", "h4"])
_DROPPED_WITH_CONTENT = frozenset(["script", "style", "iframe", "object", "template", "noscript"])
_BREAKING = frozenset(
    ["p", "br", "li", "ul", "ol", "pre", "blockquote", "h1", "h2", "h3", "h4", "div"]
)
_VOID = frozenset({"br", "img"})


def html_of_typed_text(text: str) -> str:
    """Turn what somebody typed into the HTML that Intercom stores for it."""
    paragraphs = [p for p in re.split(r"\n\s*\n", text.replace("\r\n", "\n").strip()) if p.strip()]
    return "".join(
        '<p class="no-margin">' + escape(p, quote=False).replace("\n", "<br>") + "</p>"
        for p in paragraphs
    )


def html_of_api_body(body: str) -> str:
    """Sanitise a body given to the API; a body without tags is plain text."""
    # Vendor rule (OA PR #654): reply and note accept HTML, sanitised, `<div>` stripped.
    cleaner = _Cleaner(keep_newlines=re.search(r"<[a-zA-Z/!]", body) is None)
    cleaner.feed(body.replace("\r\n", "\n").strip())
    cleaner.close()
    return cleaner.result()


def text_of_html(html: str | None) -> str:
    """Render HTML as the plain text of API 2.15 webhooks and `display_as=plaintext`."""
    if not html:
        return ""
    reader = _TextReader()
    reader.feed(html)
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "".join(reader.out)).strip()


def is_blank(html: str | None) -> bool:
    """Say whether a body shows neither words nor a picture."""
    return not text_of_html(html)


class _Cleaner(HTMLParser):
    """Keeps a short list of tags; runs of bare text become paragraphs."""

    def __init__(self, *, keep_newlines: bool) -> None:
        super().__init__(convert_charrefs=True)
        self._keep_newlines = keep_newlines
        self._out: list[str] = []
        self._run: list[str] = []
        self._open: list[str] = []
        self._skipping = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self._skipping += 1
        if self._skipping:
            return
        if tag not in _KEPT:
            if tag == "div":
                self._end_run()
            return
        if tag in _BLOCKS and not self._open:
            self._end_run()
        self._write(f"<{tag}{_kept_attributes(tag, dict(attrs))}>")
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _DROPPED_WITH_CONTENT:
            self._skipping = max(0, self._skipping - 1)
            return
        if self._skipping or tag not in self._open:
            if tag == "div" and not self._skipping:
                self._end_run()
            return
        while self._open:
            last = self._open.pop()
            self._write(f"</{last}>", closing_block=last in _BLOCKS and not self._open)
            if last == tag:
                break

    def handle_data(self, data: str) -> None:
        if self._skipping:
            return
        if self._keep_newlines:
            for index, paragraph in enumerate(re.split(r"\n\s*\n", data)):
                if index:
                    self._end_run()
                self._write(escape(paragraph, quote=False).replace("\n", "<br>"))
        else:
            self._write(escape(data, quote=False))

    def result(self) -> str:
        while self._open:
            last = self._open.pop()
            self._write(f"</{last}>", closing_block=last in _BLOCKS and not self._open)
        self._end_run()
        return "".join(self._out)

    def _write(self, text: str, *, closing_block: bool = False) -> None:
        in_block = closing_block or any(tag in _BLOCKS for tag in self._open)
        opens_block = text.startswith("<") and text[1:].split(">")[0].split(" ")[0] in _BLOCKS
        (self._out if in_block or (opens_block and not self._run) else self._run).append(text)

    def _end_run(self) -> None:
        run = "".join(self._run)
        self._run = []
        if run.strip():
            self._out.append(f'<p class="no-margin">{run.strip()}</p>')


def _kept_attributes(tag: str, attrs: dict[str, str | None]) -> str:
    if tag == "p":
        return ' class="no-margin"'
    name = {"a": "href", "img": "src"}.get(tag)
    value = attrs.get(name) if name else None
    if not value or not re.match(r"(https?:|mailto:)", value.strip(), re.IGNORECASE):
        return ""
    extra = ' rel="nofollow noopener noreferrer" target="_blank"' if tag == "a" else ""
    return f' {name}="{escape(value.strip())}"{extra}'


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            # Observed (dub): pictures become placeholders in plain text.
            self.out.append("[Image]")
        elif tag == "br" or (tag in _BREAKING and self.out and not self.out[-1].endswith("\n")):
            self.out.append("\n")
        if tag == "li":
            self.out.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BREAKING and tag not in _VOID:
            self.out.append("\n")

    def handle_data(self, data: str) -> None:
        self.out.append(data)
