"""Markup: what people read, what browsers are given, what Intercom is sent."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.channels.intercom import markup


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<p class="no-margin">one</p><p class="no-margin">two</p>', "one\ntwo"),
        ("<p>a<br>b</p>", "a\nb"),
        ("<p>a<br><br>b</p>", "a\n\nb"),
        ("<p>a\nb</p>", "a b"),
        ("<ul><li>x</li><li><p>y</p></li></ul>", "- x\n- y"),
        ("<pre><code>x = 1\n  y</code></pre>", "x = 1\ny"),
        ("<p>5 &lt; 6 &amp;&amp; &quot;7&quot; &#39;8&#39; &nbsp;9</p>", "5 < 6 && \"7\" '8'  9"),
        ("<p>&amp;lt;b&amp;gt;</p>", "&lt;b&gt;"),
        ('<p>see <a href="https://a.example">the page</a></p>', "see the page"),
        ('<p>a<img src="https://a.example/1.png">b</p>', "ab"),
        ("<table><tr><td>1</td><td>2</td></tr><tr><td>3</td></tr></table>", "1 2\n3"),
        ("<p>a</p><script>alert(1)</script><style>p{}</style>", "a"),
        ("<p> </p>", ""),
        ("", ""),
        ("<p>a\x00b</p>", "ab"),
        ("<p>cut", "cut"),
        ("<p>😀 ünï</p>", "😀 ünï"),
    ],
)
def test_plain_keeps_the_words(html: str, text: str) -> None:
    assert markup.plain(html) == text


ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '<img src="https://track.example/pixel.gif">',
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<svg><style><img src=x onerror=alert(1)></style></svg>",
    '<a href="javascript:alert(1)">x</a>',
    '<a href="jAvA\tscript:alert(1)">x</a>',
    '<a href="&#106;avascript:alert(1)">x</a>',
    '<a href="\x01javascript:alert(1)">x</a>',
    '<a href=" \x1fjava\tscript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<a href="vbscript:x">x</a>',
    '<a href="/console/logout">x</a>',
    '<a href="//evil.example">x</a>',
    '<a href="https://a.example" onclick="alert(1)" style="position:fixed" target="_top">x</a>',
    '<p style="background:url(javascript:alert(1))" class="modal" id="x" title="y">x</p>',
    "<iframe src=https://evil.example></iframe>",
    "<object data=x></object><embed src=x>",
    "<form action=https://evil.example><input name=password><button>ok</button></form>",
    '<base href="https://evil.example/"><link rel=stylesheet href=x><meta http-equiv=refresh>',
    "<math><mtext><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=a(1)>'>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "<textarea><script>alert(1)</script></textarea>",
    "<p><!--<img src=x onerror=alert(1)>--></p>",
    "<template><script>alert(1)</script></template>",
    "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
]
SAFE_TAG = re.compile(
    r"</?(?:a|b|blockquote|br|code|div|em|h[1-6]|hr|i|li|ol|p|pre|s|strong|table|tbody|td|th"
    r'|thead|tr|u|ul)(?: href="(?:https?|mailto|tel):[^"]*")?'
    r'(?: rel="noopener noreferrer nofollow")?>'
)


def assert_safe(html: str) -> None:
    """Nothing is left that is not on the list, down to the last attribute."""
    rest = SAFE_TAG.sub("", html)
    assert "<" not in rest, html


@pytest.mark.parametrize("html", ATTACKS)
def test_attacks_come_to_nothing(html: str) -> None:
    assert_safe(markup.sanitise(html))
    assert_safe(markup.read_html(html).html)


@given(st.lists(st.sampled_from(ATTACKS) | st.text("<>/=\"'& pai!-", max_size=12), max_size=6))
def test_mixed_attacks_come_to_nothing(pieces: list[str]) -> None:
    assert_safe(markup.sanitise("".join(pieces)))


@given(st.text())
def test_what_is_safe_stays_as_it_is(html: str) -> None:
    once = markup.sanitise(html)
    assert markup.sanitise(once) == once


def test_links_do_not_give_the_opener_away() -> None:
    clean = markup.sanitise('<a href="https://a.example/?x=1&amp;y=2">x</a>')
    assert 'rel="noopener noreferrer nofollow"' in clean
    assert 'href="https://a.example/?x=1&amp;y=2"' in clean


def test_pictures_become_attachments() -> None:
    words = markup.read_html('<p>a<img src="https://a.example/1.png?x=1&amp;y=2" alt="it"></p>')
    assert words.images == (markup.Image("https://a.example/1.png?x=1&y=2", "it"),)
    assert "img" not in words.html
    assert markup.read_html('<img src="data:image/png;base64,AA">').images == ()


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ('<p class="no-margin">x</p>', True),
        (" <div>x", True),
        ("<br>", True),
        ("5 < 6", False),
        ("<3 you", False),
        ("<please> help", False),
        ("<a@b.example>", False),
        ("see <p>", False),
        ("", False),
    ],
)
def test_html_is_told_from_plain_text(body: str, html: bool) -> None:
    assert markup.is_html(body) is html


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("one\ntwo", "<p>one<br>two</p>"),
        ("**a** *b* `c`", "<p><strong>a</strong> <em>b</em> <code>c</code></p>"),
        ("# a\n\n#### b", "<h1>a</h1><h2>b</h2>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("1. a", "<ol><li>a</li></ol>"),
        ("[a](https://a.example)", '<p><a href="https://a.example">a</a></p>'),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ("<b>a</b> & b", "<p>&lt;b&gt;a&lt;/b&gt; &amp; b</p>"),
        ("```py\na\n\nb\n```", "<pre><code>a\n\nb\n</code></pre>"),
        ("> a\n\n---", "<p>a</p>"),
        ("![a](https://a.example/1.png)", '<p><img src="https://a.example/1.png" alt="a"></p>'),
        ("a\x00b \ud83d", "<p>ab �</p>"),
        ("", ""),
    ],
)
def test_markdown_becomes_what_intercom_keeps(markdown: str, html: str) -> None:
    assert markup.render(markdown) == html


@given(st.text())
def test_any_markdown_is_rendered_safely(markdown: str) -> None:
    html = markup.render(markdown)
    allowed = r"</?(?:a|b|br|code|em|h1|h2|i|img|li|ol|p|pre|strong|ul)(?: [a-z]+=\"[^\"]*\")*>"
    assert "<" not in re.sub(allowed, "", html)
    assert markup.plain_of_markdown(markdown) == markup.plain(html)


def test_an_echo_reads_as_what_was_sent() -> None:
    ours = "Try **this**:\n\n1. Switch *off*\n2. Wait & see\n\nMore: [page](https://a.example)"
    told = markup.render(ours).replace("<p>", '<p class="no-margin">')
    assert markup.plain(told) == markup.plain_of_markdown(ours)


@pytest.mark.parametrize(
    "unit", ["<div>", "<ul><li>", "<b><p>", "</p>", "<i><a href=x>", " ", "&", "\n ", "<table><td>"]
)
def test_hostile_bodies_take_no_time(unit: str) -> None:
    body = "<p>" + unit * (1_000_000 // len(unit))
    start = time.process_time()
    assert len(markup.read_html(body).text) <= markup.TEXT_MAX
    assert len(markup.read_text(body).text) <= markup.TEXT_MAX
    # Unbounded it takes minutes; this is no matter of a fast machine.
    assert time.process_time() - start < 20


def test_long_words_are_cut_with_a_mark() -> None:
    for words in (markup.read_text("a" * 200_000), markup.read_html(f"<p>{'a' * 200_000}</p>")):
        assert len(words.text) == markup.TEXT_MAX
        assert words.text.endswith(markup.CUT)
