"""Words in HTML and Markdown, as far as channels share them: what is read, and what is harmless."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

TEXT_MAX = 100_000
CUT = " […]"

# An HTML parser takes quadratic time for thousands of unclosed elements (measured: 17 s for 80,000
# `<div>`, 80 ms for 5,000), and this runs in the request. What is longer is cut, never refused.
HTML_MAX = 4 * TEXT_MAX
TAGS_MAX = 5_000

SCHEMES = {"http", "https", "mailto", "tel"}
"""Where a link may lead."""
DROPPED_WITH_CONTENT = {"script", "style", "title", "template", "noscript", "iframe", "object"}

_SURROGATE = re.compile("[\ud800-\udfff]")


def markdown_reader(*more: str) -> MarkdownIt:
    """What makes HTML of our Markdown; `more` are rules beyond CommonMark that a channel shows.

    Single line breaks are meant, as AIs write them. Raw HTML in Markdown is shown, not obeyed.
    """
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(list(more))


def storable(text: str) -> str:
    """Return `text` without what no database keeps: NULs are dropped, half characters marked."""
    if "\x00" in text:
        text = text.replace("\x00", "")
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    return text


def bounded(html: str) -> str:
    """Return as much of `html` as is read in the request, fit to keep."""
    html = storable(html[:HTML_MAX])
    if html.count("<") > TAGS_MAX:
        end = -1
        for _ in range(TAGS_MAX):
            end = html.find("<", end + 1)
        html = html[:end] + CUT
    return html
