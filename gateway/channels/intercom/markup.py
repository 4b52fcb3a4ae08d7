"""Words in Intercom's HTML: read as plain text, made safe to show, written from our Markdown."""

from __future__ import annotations

import re
from typing import NamedTuple

import nh3

from gateway.channels.markup import (
    CUT,
    DROPPED_WITH_CONTENT,
    SCHEMES,
    TEXT_MAX,
    bounded,
    markdown_reader,
    storable,
)

_INLINE = {"a", "b", "code", "em", "i", "s", "strong", "td", "th", "u"}
_HEADINGS = {"h1", "h2", "h3", "h4", "h5", "h6"}
_BLOCKS = _HEADINGS | {"blockquote", "br", "div", "hr", "li", "ol", "p", "pre", "ul"}
_BLOCKS |= {"table", "tbody", "thead", "tr"}

# Pictures stay until they have been read as attachments; no page of ours loads them unasked.
_reader = nh3.Cleaner(
    tags=_INLINE | _BLOCKS | {"img"},
    clean_content_tags=DROPPED_WITH_CONTENT,
    attributes={"*": set(), "a": {"href"}, "img": {"src", "alt"}},
    url_schemes=SCHEMES,
    url_relative="deny",  # a relative link would point into our own console
    link_rel="noopener noreferrer nofollow",
)
# What Intercom keeps of a reply's HTML (reply description; OA PR #654: `<div>` is stripped).
_writer = nh3.Cleaner(
    tags={
        "h1",
        "h2",
        "p",
        "br",
        "pre",
        "ul",
        "ol",
        "li",
        "a",
        "b",
        "strong",
        "i",
        "em",
        "code",
        "img",
    },
    clean_content_tags={"script", "style"},
    attributes={"*": set(), "a": {"href"}, "img": {"src", "alt"}},
    url_schemes=SCHEMES,
    url_relative="deny",
    link_rel=None,
)
_markdown = markdown_reader()

# nh3 writes well-formed HTML with attributes in double quotes, so this never guesses.
_TAG = re.compile(r'<(/?)([a-z][a-z0-9]*)(?: [^\s"=<>]+="[^"]*")*>')
_IMAGE = re.compile(r'<img(?:\s[^\s"=<>]+="[^"]*")*\s*/?>')
_ATTRIBUTE = re.compile(r'\s([^\s"=<>]+)="([^"]*)"')
_PARAGRAPH_GAPS = re.compile(r"\n{3,}")
_PREFORMATTED = re.compile(r"(<pre>.*?</pre>)", re.DOTALL)
_DEEPER_HEADING = re.compile(r"(</?h)[3-6]>")
_HTML_BODY = re.compile(
    r"\s*<(?:p|div|h[1-6]|ul|ol|pre|blockquote|table|img|br|a|b|strong|i|em|u|span|code|center)"
    r"(?:\s[^<]*)?/?>",
    re.IGNORECASE,
)
_MOSTLY = ("<p>", '<p class="no-margin">')
_PLACEHOLDER = re.compile(r"^[ \t]*\[(?:Image|Attachment|GIF)\][ \t]*$", re.MULTILINE)


class Image(NamedTuple):
    """A picture found inside HTML."""

    url: str
    name: str


class Words(NamedTuple):
    """A body, read: plain `text`, sanitised `html` ("" if the body was plain), its pictures."""

    text: str
    html: str
    images: tuple[Image, ...]


SILENCE = Words("", "", ())


def is_html(body: str) -> bool:
    """Tell HTML from plain text: Intercom's HTML bodies begin with an element, mostly `<p>`."""
    return body.startswith(_MOSTLY) or _HTML_BODY.match(body) is not None


def read_html(html: str) -> Words:
    """Read an HTML body as text, as safe HTML, and as the pictures in it."""
    clean = _reader.clean(bounded(html))
    images: tuple[Image, ...] = ()
    if "<img" in clean:
        images = tuple(_image(tag) for tag in _IMAGE.findall(clean) if " src=" in tag)
        clean = _IMAGE.sub("", clean)
    text = _text(clean)
    return Words(text, clean if text else "", images)


def read_text(body: str) -> Words:
    """Read a plain-text body, as webhooks have it from API 2.15 on."""
    return Words(_limited(_tidy(storable(body[: TEXT_MAX + 1]))), "", ())


def without_placeholders(text: str) -> str:
    """Drop the `[Image]` lines that stand for attachments in plain-text bodies (2.15)."""
    return _tidy(_PLACEHOLDER.sub("", text)) if "[" in text else text


def plain(html: str) -> str:
    """Return the words of `html`: a line per block, links as their text, no pictures."""
    return read_html(html).text


def sanitise(html: str) -> str:
    """Return `html` safe for a browser: few tags, no style, no script, no picture."""
    return _IMAGE.sub("", _reader.clean(bounded(html)))


def render(markdown: str) -> str:
    """Return the HTML that is sent to Intercom for a Markdown text of ours."""
    html = _DEEPER_HEADING.sub(r"\g<1>2>", _markdown.render(storable(markdown)))
    # Line breaks between elements mean nothing in HTML; nobody knows what Intercom makes of them.
    pieces = _PREFORMATTED.split(_writer.clean(html))
    pieces[::2] = [piece.replace("\n", "") for piece in pieces[::2]]
    return "".join(pieces)


def plain_of_markdown(markdown: str) -> str:
    """Return a Markdown text of ours as Intercom tells it back in plain words."""
    return plain(render(markdown))


def _text(clean: str) -> str:
    """Return the text of HTML that nh3 has written: one pass, a line per block."""
    if "<" not in clean:
        return _limited(_tidy(_unescaped(clean.replace("\n", " "))))
    told = _TAG.split(clean)
    pieces: list[str] = []
    preformatted = 0
    new_line = True
    for words, closing, name in zip(told[::3], told[1::3], told[2::3], strict=False):
        if words:
            # A line break in the source is a space, except in <pre>.
            pieces.append(words if preformatted else words.replace("\n", " "))
            new_line = new_line and words.isspace()
        if name == "br" or (not new_line and name in _BLOCKS):
            pieces.append("\n")
            new_line = True
        if name == "pre":
            preformatted += -1 if closing else 1
        elif name == "li" and not closing:
            pieces.append("- ")
        elif closing and name in ("td", "th"):
            pieces.append(" ")
    pieces.append(told[-1].replace("\n", " "))
    return _limited(_tidy(_unescaped("".join(pieces))))


def _unescaped(text: str) -> str:
    """Undo nh3's escapes, the only ones that it writes; `&amp;` last."""
    if "&" not in text:
        return text
    text = text.replace("&nbsp;", " ").replace("&lt;", "<").replace("&gt;", ">")
    return text.replace("&quot;", '"').replace("&amp;", "&")


def _tidy(text: str) -> str:
    # Not a regular expression: "spaces before a line's end" takes quadratic time on many spaces.
    text = "\n".join(map(str.strip, text.replace("\xa0", " ").split("\n")))
    return _PARAGRAPH_GAPS.sub("\n\n", text).strip()


def _limited(text: str) -> str:
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - len(CUT)] + CUT


def _image(tag: str) -> Image:
    attributes = {name: _unescaped(value) for name, value in _ATTRIBUTE.findall(tag)}
    return Image(attributes.get("src", ""), attributes.get("alt", ""))
