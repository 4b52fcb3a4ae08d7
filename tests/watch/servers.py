"""A mail server and a webhook receiver that keep what they get, over real sockets."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response


@dataclass
class Mails:
    """A mail server: what it took, what it is to answer, and who may log in."""

    port: int = 0
    taken: list[EmailMessage] = field(default_factory=list)
    to: list[list[str]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    passwords: set[str] = field(default_factory=lambda: {"pass-word"})
    refuse: str = ""
    refuse_to: tuple[str, ...] = ()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refuse_to:
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.taken.append(message)
        self.to.append(list(envelope.rcpt_tos))
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        login = (data.login.decode(), data.password.decode())
        self.logins.append(login)
        known = login[0] == "gateway" and login[1] in self.passwords
        return AuthResult(success=known, handled=False)


@contextmanager
def mail_server(
    *,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
) -> Iterator[Mails]:
    """Run a mail server on a thread of its own."""
    mails = Mails()
    loop = asyncio.new_event_loop()

    def connected() -> SMTP:
        return SMTP(
            mails, loop=loop, hostname="mail.test", tls_context=starttls,
            require_starttls=starttls is not None, authenticator=mails.authenticate,
            auth_required=login, auth_require_tls=False,
        )  # fmt: skip

    server = loop.run_until_complete(loop.create_server(connected, "127.0.0.1", 0, ssl=tls))
    mails.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield mails
    finally:

        async def end() -> None:
            server.close()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@dataclass
class Posts:
    """A webhook receiver: what it got, and what it answers next (then 204)."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append((headers, request.get_data()))
        answer = self.answers.pop(0) if self.answers else Response(status=204)
        return answer(environ, start_response)


@contextmanager
def webhook_server() -> Iterator[Posts]:
    """Run a receiver of webhooks on a thread of its own."""
    posts = Posts()
    server = make_server("127.0.0.1", 0, posts, threaded=True)
    posts.url = f"http://127.0.0.1:{server.server_port}/alerts?key=not-to-be-told"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield posts
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
