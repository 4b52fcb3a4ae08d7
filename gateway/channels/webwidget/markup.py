"""Our own words for a visitor: Markdown as safe HTML, and as plain text."""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

# `breaks`: an AI's single line breaks are meant. Raw HTML in Markdown is shown, not obeyed.
_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("strikethrough")
_cleaner = nh3.Cleaner(
    tags={
        "p", "br", "strong", "em", "s", "code", "pre", "ul", "ol", "li", "a", "blockquote",
        "h1", "h2", "h3", "h4", "h5", "h6", "img", "hr",
    },
    attributes={"a": {"href"}, "img": {"src", "alt"}},
    url_schemes={"http", "https", "mailto", "tel"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
)  # fmt: skip


def render(text: str) -> str:
    """Markdown as HTML that is safe in a browser."""
    return _cleaner.clean(_markdown.render(text)).strip()
