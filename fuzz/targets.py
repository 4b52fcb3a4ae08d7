"""The targets. A finding is an exception that is none of the errors a target may raise."""

from __future__ import annotations

import functools
import hashlib
import hmac
import os
import tempfile
import tomllib
from collections.abc import Callable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from gateway.channels.intercom import IntercomReceiver, markup, open_channel, signature
from gateway.channels.markup import SCHEMES
from gateway.channels.webwidget import content
from gateway.config import IntercomSettings, load_settings
from gateway.errors import ConfigError, NotAuthentic, Unreadable
from gateway.events import Delivery

ROOT = Path(__file__).parents[1]
PAYLOADS = ROOT / "tests" / "channels" / "intercom" / "payloads"
SECRET = "a client secret"
Target = Callable[[bytes], None]


def fuzz_signature(data: bytes) -> None:
    """Nobody is believed who does not know the secret, and whoever does is, whatever they send."""
    header, _, body = data.partition(b"\n")
    headers = {signature.NOTIFICATION_HEADER: header.decode("latin-1")}
    right = "sha1=" + hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    try:
        signature.verify_notification(headers, body, (SECRET,))
    except NotAuthentic:
        assert headers[signature.NOTIFICATION_HEADER] != right
    else:
        assert headers[signature.NOTIFICATION_HEADER].strip().lower() == right
    signature.verify_notification({"x-hub-signature": right}, body, ("another", SECRET))
    for nothing in ((), ("",), (" ",)):
        try:
            signature.verify_notification({"x-hub-signature": right}, body, nothing)
        except NotAuthentic:
            continue
        raise AssertionError("no secret opens a door")


def fuzz_translate(data: bytes) -> None:
    """Any body is read and translated, or refused as unreadable: in the request, so in no time."""
    receiver = _receiver()
    try:
        envelope = receiver.read_envelope(data)
        delivery = receiver.translate(envelope)
    except Unreadable as error:
        _assert_told(error.message)
        return
    assert isinstance(delivery, Delivery)
    assert len(envelope.topic) <= 1_000
    repr(delivery).encode()  # what cannot be written down cannot be kept


def fuzz_markup(data: bytes) -> None:
    """What a browser gets is harmless, whatever the HTML or Markdown was."""
    text = data.decode("utf-8", "surrogateescape")
    for html in (markup.sanitise(text), markup.render(text), content.render(text)):
        _Harmless.check(html)
    markup.plain(text).encode()
    markup.plain_of_markdown(text).encode()
    for tree in (
        content.content_of_html(text),
        content.content_of_markdown(text),
        content.content_of_text(text),
    ):
        _check_tree(tree)


def fuzz_widget(data: bytes) -> None:
    """No bytes at any door of the widget's make it fail, or are answered in another shape."""
    doors = _widget_doors()
    choice, _, rest = data.partition(b"\n")
    head, _, body = rest.partition(b"\n\n")
    doors.ask(choice, head.decode("latin-1"), body)


def fuzz_config(data: bytes) -> None:
    """A file is settings, or one error that names its problems and repeats no secret."""
    folder = _folder()
    path = folder / "fuzzed.toml"
    path.write_bytes(data)
    hidden = "hunter2-" + "x" * 24
    environ = {"GATEWAY_DATA_DIR": str(folder), "GATEWAY_SECRET_KEY": hidden, "SECRET": hidden}
    try:
        settings = load_settings(environ, path)
    except ConfigError as error:
        _assert_told(*error.problems, hidden=hidden)
        return
    assert hidden not in repr(settings)
    tomllib.loads(data.decode())  # what was taken was TOML


TARGETS: Mapping[str, Target] = {
    "signature": fuzz_signature,
    "translate": fuzz_translate,
    "markup": fuzz_markup,
    "widget": fuzz_widget,
    "config": fuzz_config,
}


def seeds(target: str) -> Sequence[bytes]:
    """Where to begin: what the target takes."""
    match target:
        case "signature":
            mark = hmac.new(SECRET.encode(), b"{}", hashlib.sha1).hexdigest()
            return [f"sha1={mark}\n{{}}".encode(), b"\n", b"sha1=\nx"]
        case "translate":
            return [path.read_bytes() for path in sorted(PAYLOADS.glob("*/*.json"))]
        case "markup":
            return [
                b'<p class="no-margin">a <b>b</b> <a href="https://a.example">c</a></p>',
                b"<svg><style><img src=x onerror=alert(1)></style></svg>",
                b"# a\n\n- b\n- [c](javascript:alert(1)) `d`\n\n> ~~e~~ <b>f</b>\n",
                b'<a href="jAvA\tscript:alert(1)">x</a><table><tr><td>1',
                b'<a href=\x18https://a.example">c</a><a href="\x01javascript:alert(1)">d</a>',
                b"<math><mtext><mglyph><style><!--</style><img title='--&gt;&lt;img'>",
            ]
        case "widget":
            return [
                b'sessions\n\n{"key": "acme-web-key"}',
                b'messages\n\n{"client_id": "a", "text": "hello"}',
                b'typing\n\n{"typing": true}',
                b"read\n\n{}",
                b'rating\n\n{"rating": 5}',
                b"stream_tickets\n\n{}",
                b"events?ticket=x\n\n",
                b"messages?after=x\nAuthorization: Bearer x\n\n",
                b"files\nContent-Type: multipart/form-data; boundary=b\n\n--b\r\n\r\n--b--",
            ]
        case _:
            text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
            return [block.split("```")[0].encode() for block in text.split("```toml\n")[1:]]


def _assert_told(*words: str, hidden: str = "\x00nothing") -> None:
    """A refusal says something, and not what is hidden."""
    assert words
    assert all(words)
    assert hidden not in "\n".join(words)


# -- what they stand on ---------------------------------------------------------------------------


@functools.cache
def _receiver() -> IntercomReceiver:
    settings = IntercomSettings(
        name="acme", agent="support", access_token="t", client_secret=(SECRET,),
        bot_admin_id="814860",
    )  # fmt: skip
    receiver = open_channel("acme", settings).receiver
    assert isinstance(receiver, IntercomReceiver)
    return receiver


@functools.cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="gateway-fuzz-")
    _KEPT.append(folder)
    return Path(folder.name)


_KEPT: list[Any] = []


@functools.cache
def _widget_doors() -> _WidgetDoors:
    return _WidgetDoors(_folder() / "widget.db")


class _WidgetDoors:
    """The widget's doors of a whole gateway over an SQLite file, and a visitor who is known."""

    def __init__(self, path: Path) -> None:
        from gateway.store import migrate
        from tests.channels.webwidget.site import Site

        migrate(f"sqlite:///{path}")
        self._site = Site(f"sqlite:///{path}")
        self._site.app.config["PROPAGATE_EXCEPTIONS"] = False
        self._visitor = self._site.browser()
        self._visitor.open()

    def ask(self, choice: bytes, head: str, body: bytes) -> None:
        rule = "/" + "".join(c for c in choice.decode("latin-1") if "!" <= c <= "~").lstrip("/")
        headers = {"Authorization": f"Bearer {self._visitor.token}"}
        for line in head.split("\n")[:10]:
            name, colon, value = line.partition(":")
            if colon and name.isascii() and name.replace("-", "").isalnum():
                headers[name] = "".join(c for c in value.strip() if " " <= c <= "\xff")
        method = "GET" if not body else "POST"
        headers.setdefault("Content-Type", "application/json")
        headers.pop("Content-Length", None)
        headers.pop("Transfer-Encoding", None)
        answer = self._visitor.client.open(
            f"/widget/v1{rule}", method=method, headers=headers, data=body or None, buffered=False
        )
        try:
            assert answer.status_code < 500, (answer.status, rule, answer.text)
            is_stream = answer.content_type.startswith("text/event-stream")
            if answer.status_code >= 400 and not is_stream and answer.is_json:
                assert set(answer.json["error"]) == {"code", "message", "details"}
        finally:
            answer.close()


_LEFT_OUT = dict.fromkeys(map(ord, "\t\r\n"))


class _Harmless(HTMLParser):
    """Reads HTML as a browser might, and knows what may be in it."""

    _TAGS = {
        "a", "b", "strong", "i", "em", "u", "s", "del", "strike", "p", "br", "hr", "ul", "ol",
        "li", "pre", "code", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "img", "table",
        "thead", "tbody", "tr", "td", "th", "div", "span",
    }  # fmt: skip

    @classmethod
    def check(cls, html: str) -> None:
        html.encode()
        parser = cls()
        parser.feed(html)
        parser.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self._TAGS, tag
        for name, value in attrs:
            assert not name.startswith("on"), name
            assert name not in ("style", "id", "srcdoc", "formaction", "action"), name
            if name in ("href", "src"):
                assert _scheme(value or "") in SCHEMES, value


def _scheme(address: str) -> str:
    """What stands before the colon, as browsers read it: without blanks and controls in front, and
    without tabs and line ends. Addresses may be as broken as they like, where they lead may not.
    """
    begun = address.lstrip("".join(map(chr, range(0x21))))
    return begun.translate(_LEFT_OUT).partition(":")[0].lower()


def _check_tree(tree: Any, depth: int = 0) -> None:
    assert depth <= content.DEEPEST + 2
    for node in tree:
        if isinstance(node, str):
            node.encode()
            continue
        tag, attributes, children = node
        assert tag in content.TAGS, tag
        assert set(attributes) <= {"href", "src", "alt"}, attributes
        for name in ("href", "src"):
            if name in attributes:
                assert _scheme(attributes[name]) in SCHEMES, attributes
        _check_tree(children, depth + 1)


def silence() -> None:
    """Nothing is logged while a million strange things come in."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.devnull)
