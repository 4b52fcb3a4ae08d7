"""One SMTP server: how it is reached, and what its answers mean."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from email.utils import parseaddr

from gateway.config import SmtpSettings

_WAIT_S = 10.0
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class MailServer:
    """The server of `[smtp]`. `context` is for servers of a private authority (tests)."""

    def __init__(self, smtp: SmtpSettings, context: ssl.SSLContext | None = None) -> None:
        self._smtp = smtp
        self._context = context
        self.host = smtp.host
        self.sender = smtp.sender
        self.address = parseaddr(smtp.sender)[1]

    @contextlib.contextmanager
    def connected(self, deadline_s: float) -> Iterator[smtplib.SMTP]:
        """A connection, protected and logged in, that ends after so long whatever happens.

        Raises SMTPException or OSError.
        """
        smtp, context = self._smtp, self._context or ssl.create_default_context()
        port = smtp.port or _PORTS[smtp.security]
        server: smtplib.SMTP
        if smtp.security == "tls":
            server = smtplib.SMTP_SSL(smtp.host, port, timeout=_WAIT_S, context=context)
        else:
            server = smtplib.SMTP(smtp.host, port, timeout=_WAIT_S)
        # smtplib's timeouts hold per read, so a drip would never end.
        end = threading.Timer(deadline_s, _hang_up, (server,))
        end.daemon = True
        end.start()
        try:
            with server:
                if smtp.security == "starttls":
                    server.starttls(context=context)
                if smtp.username:
                    server.login(smtp.username, smtp.password)
                yield server
        finally:
            end.cancel()

    def reply(self, code: int, words: bytes | str) -> str:
        """What the server said, in a line, without our password."""
        text = words.decode("ascii", "replace") if isinstance(words, bytes) else str(words)
        if self._smtp.password:
            text = text.replace(self._smtp.password, "…")
        return one_line(f"{code} {text}", 200)

    def message_id(self, id: str) -> str:
        """The same id again is the same message."""
        return f"<{id}@{self.address.rpartition('@')[2]}>"


def one_line(text: str, longest: int) -> str:
    """Text without line breaks and other control characters, not too long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _hang_up(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        # It may be closed already: then there is nothing to end.
        with contextlib.suppress(OSError):
            server.sock.shutdown(socket.SHUT_RDWR)
