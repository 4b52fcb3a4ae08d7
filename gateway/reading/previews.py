"""What a message says, in one line of plain words: for lists."""

from __future__ import annotations

import re
from html import unescape

import nh3

# Where a new line begins; what stands within one keeps its place.
_LINES = re.compile(r"</?(?:p|div|li|ul|ol|h[1-6]|br|hr|blockquote|pre|t[rdh])\b", re.IGNORECASE)


def preview(text: str, html: str | None, longest: int) -> str:
    """The words without Markdown's signs, which are in a message's text and not in its HTML."""
    words = text
    if html:
        words = unescape(nh3.clean(_LINES.sub(r" \g<0>", html), tags=set()))
    return " ".join(words.split())[:longest]
