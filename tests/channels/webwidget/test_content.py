"""The tree that a message is shown as: what Markdown means, and that nothing harmful comes out."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.webwidget.content import (
    DEEPEST,
    MOST_LINKS,
    TAGS,
    content_of_html,
    content_of_markdown,
    content_of_text,
    render,
)

HREF = re.compile(r"(https?://|mailto:|tel:)\S+", re.IGNORECASE)


def link(address: str, *words: Any) -> Any:
    return ["a", {"href": address}, list(words) or [address]]


def p(*children: Any) -> Any:
    return ["p", {}, list(children)]


@pytest.mark.parametrize(
    ("markdown", "tree"),
    [
        ("", []),
        ("Hello", [p("Hello")]),
        ("one\ntwo", [p("one", ["br", {}, []], "two")]),
        (
            "**a** *b* ~~c~~ `d<e`",
            [
                p(
                    ["strong", {}, ["a"]], " ", ["em", {}, ["b"]], " ", ["s", {}, ["c"]], " ",
                    ["code", {}, ["d<e"]],
                )
            ],
        ),
        ("# A\n#### B", [["h1", {}, ["A"]], ["h3", {}, ["B"]]]),
        (
            "- a\n- b\n  1. c",
            [["ul", {}, [["li", {}, ["a"]], ["li", {}, ["b", ["ol", {}, [["li", {}, ["c"]]]]]]]]],
        ),
        ("> a\n\n---", [["blockquote", {}, [p("a")]], ["hr", {}, []]]),
        ("```py\nif x:\n    y\n```", [["pre", {}, [["code", {}, ["if x:\n    y"]]]]]),
        ("[x](https://a.example/?b=1&c)", [p(link("https://a.example/?b=1&c", "x"))]),
        ("See https://a.example/b_c.", [p("See ", link("https://a.example/b_c"), ".")]),
        ("`https://a.example`", [p(["code", {}, ["https://a.example"]])]),
        ("[m](mailto:a@b.example) [t](tel:+49123)",
         [p(link("mailto:a@b.example", "m"), " ", link("tel:+49123", "t"))]),
        ("![A cat](https://a.example/cat.png)",
         [p(["img", {"src": "https://a.example/cat.png", "alt": "A cat"}, []])]),
        # What may not be shown is its words.
        ("![A cat](http://a.example/cat.png)", [p("A cat")]),
        ("[x](/basket) [y](//evil.example)", [p("x y")]),
        ("<b>bold</b> <script>alert(1)</script>", [p("<b>bold</b> <script>alert(1)</script>")]),
    ],
)  # fmt: skip
def test_markdown(markdown: str, tree: Any) -> None:
    assert content_of_markdown(markdown) == tree
    # It is kept as HTML, and shown as the same.
    assert content_of_html(render(markdown)) == tree


@pytest.mark.parametrize(
    ("html", "tree"),
    [
        ("<div>a <u>b</u></div>", ["a b"]),
        ("<p>a</p>\n<p>b</p>", [p("a"), p("b")]),
        ("<b>a</b><i>b</i><del>c</del>",
         [["strong", {}, ["a"]], ["em", {}, ["b"]], ["s", {}, ["c"]]]),
        ("<script>alert(1)</script><style>*{}</style>a", ["a"]),
        ("<p onclick=x style=y class=z id=w>a</p>", [p("a")]),
        ("<a href='javascript:alert(1)'>a</a>", ["a"]),
        ("<a href='java\nscript:alert(1)'>a</a>", ["a"]),
        ("<a href=' https://a.example '>a</a>", ["a"]),
        ("<a href='data:text/html,x'>a</a><img src='data:image/png;base64,x' alt='b'>", ["ab"]),
        ("<img src=x onerror=alert(1)>", []),
        ("<svg><a xlink:href='javascript:x'>a</a></svg>b", ["b"]),
        ("&lt;b&gt;", ["<b>"]),
    ],
)  # fmt: skip
def test_html(html: str, tree: Any) -> None:
    assert content_of_html(html) == tree


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", []),
        ("  \n ", []),
        ("a\nb\r\nc", [p("a", ["br", {}, []], "b", ["br", {}, []], "c")]),
        ("a\n\n \n\nb", [p("a"), p("b")]),
        ("**a** <b>c</b> [x](https://a.example)",
         [p("**a** <b>c</b> [x](", link("https://a.example"), ")")]),
        ("(https://a.example/b_(c))?", [p("(", link("https://a.example/b_(c)"), ")?")]),
        ("HTTPS://A.example, ftp://b.example", [p(link("HTTPS://A.example"), ", ftp://b.example")]),
        ("javascript://x https://", [p("javascript://x https://")]),
    ],
)  # fmt: skip
def test_text(text: str, tree: Any) -> None:
    assert content_of_text(text) == tree


def check(nodes: Any, depth: int = 0) -> int:
    """Only what the protocol names, nothing too deep; how many nodes there are."""
    assert depth <= DEEPEST
    count = 0
    for node in nodes:
        count += 1
        if isinstance(node, str):
            assert node
            continue
        tag, attributes, children = node
        assert tag in TAGS
        expected = {"a": {"href"}, "img": {"src", "alt"}}.get(tag, set())
        assert set(attributes) == expected
        if tag == "a":
            assert HREF.fullmatch(attributes["href"])
        if tag == "img":
            assert attributes["src"].lower().startswith("https://")
        if tag in ("br", "hr", "img"):
            assert not children
        count += check(children, depth + 1)
    return count


_NAMES = (
    "a",
    "b",
    "p",
    "ul",
    "li",
    "pre",
    "code",
    "img",
    "script",
    "svg",
    "style",
    "math",
    "table",
)
_BITS = st.one_of(
    st.text(max_size=12),
    st.sampled_from([f"<{name}>" for name in _NAMES] + [f"</{name}>" for name in _NAMES]),
    st.sampled_from(
        [
            "<a href='javascript:x'>", "<a href=\"https://a.example/'\">", "<a href=mailto:x>",
            "<a href='JaVaScRiPt:x'>", "<a href='&#106;avascript:x'>",
            "<img src=https://i/x onload=y>",
            "<img src=x alt='<b>'>", "<!--", "-->", "<![CDATA[", "]]>", "&lt;", "&#0;", "&", "\x00",
            "\ud800", "[a](javascript:x)", "[a](<data:x>)", "![a](https://b/c)", "```", "~~", "**",
            "> ", "- ", "1. ", "\n", "\n\n", "    ", "|", "https://a.example/", "http://[", "tel:1",
        ]
    ),
)  # fmt: skip


@given(st.lists(_BITS, max_size=40).map("".join))
def test_only_what_is_harmless_comes_out(hostile: str) -> None:
    for read in (content_of_html, content_of_markdown, content_of_text):
        check(read(hostile))
    check(content_of_html(render(hostile)))


@given(st.lists(_BITS, max_size=40).map("".join))
def test_a_customers_words_are_never_obeyed(hostile: str) -> None:
    def tags(nodes: Any) -> set[str]:
        return {
            tag for node in nodes if not isinstance(node, str) for tag in {node[0], *tags(node[2])}
        }

    assert tags(content_of_text(hostile)) <= {"p", "br", "a"}


@pytest.mark.parametrize(
    "hostile",
    [
        "<blockquote>" * 50_000, "<b>" * 50_000, "> " * 20_000, "[" * 50_000, "*" * 50_000,
        "https://a.example/ " * 20_000, "https://" + "a" * 200_000, "(" * 50_000, "\n" * 100_000,
        "https://a.example/" + ")" * 100_000, "<a href='https://x/" + "y" * 100_000 + "'>z",
        "- a\n" * 50_000, "<p>" + "<br>" * 50_000,
    ],
)  # fmt: skip
def test_size_and_time_have_an_end(hostile: str) -> None:
    for read in (content_of_html, content_of_markdown, content_of_text):
        began = time.process_time()
        tree = read(hostile)
        assert time.process_time() - began < 5  # seconds; most take milliseconds
        check(tree)
        assert str(tree).count("'href'") <= MOST_LINKS + 5_000
