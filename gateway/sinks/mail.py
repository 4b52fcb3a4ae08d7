"""Alerts as e-mail: one message with everything that is owed at one time."""

from __future__ import annotations

import smtplib
import ssl
import textwrap
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from email.utils import format_datetime

import structlog

from gateway.clock import Clock
from gateway.config import SmtpSettings, Workspace
from gateway.errors import Again
from gateway.reading.markers import moment_text
from gateway.signs import Notice, counted
from gateway.sinks.smtp import MailServer, one_line

log = structlog.get_logger(__name__)

DEADLINE_S = 20.0
_SUBJECT = 140


class MailSink:
    """Sends through one SMTP server. `context` is for servers of a private authority (tests)."""

    together = True

    def __init__(
        self,
        smtp: SmtpSettings,
        to: Sequence[str],
        *,
        workspace: Workspace,
        public_url: str,
        clock: Clock,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = MailServer(smtp, context)
        self._to = tuple(to)
        self._workspace = workspace
        self._public_url = public_url
        self._clock = clock

    def tell(self, notices: Sequence[Notice]) -> None:
        """Send one message within 20 s in all; raise Again if the server has not taken it."""
        message = self.compose(notices)
        try:
            with self._server.connected(DEADLINE_S) as server:
                refused = server.send_message(message, self._server.address, self._to)
        except smtplib.SMTPResponseException as error:
            said = self._server.reply(error.smtp_code, error.smtp_error)
            raise Again(f"the mail server refused: {said}") from None
        except (smtplib.SMTPException, OSError) as error:
            # `from None`: a server's words may quote what it was told.
            message_ = f"no mail could be sent through {self._server.host}"
            raise Again(f"{message_} ({type(error).__name__})") from None
        if refused:
            log.warning("mail_refused", count=len(refused), of=len(self._to))

    def compose(self, notices: Sequence[Notice]) -> EmailMessage:
        """The message for these; nothing in them can add a header."""
        message = EmailMessage()
        message["From"] = self._server.sender
        message["To"] = ", ".join(self._to)
        message["Subject"] = one_line(f"[{self._workspace.name}] {_subject(notices)}", _SUBJECT)
        message["Date"] = format_datetime(self._clock.now())
        # The same notices again are the same message.
        message["Message-ID"] = self._server.message_id(notices[0].id)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content("\n".join(self._lines(notices)))
        return message

    def _lines(self, notices: Sequence[Notice]) -> Iterator[str]:
        headings = {
            "raised": "Something is wrong:",
            "reminded": "Still wrong:",
            "cleared": "Over:",
        }
        for event, heading in headings.items():
            told = [notice for notice in notices if notice.event == event]
            if told:
                yield heading
                yield ""
            for notice in told:
                yield from _wrapped(f"{notice.channel or 'the gateway'}: {notice.what}.")
                if notice.cleared_at is None:
                    yield f"    Since {self._moment(notice.since)}."
                    yield from _wrapped(f"What to do: {notice.do}.", "    ")
                else:
                    began, ended = self._moment(notice.since), self._moment(notice.cleared_at)
                    yield f"    From {began} to {ended}."
                yield ""
        yield "To look again: gateway doctor"
        for channel in sorted({notice.channel for notice in notices if notice.channel}):
            yield f"or {self._public_url}/api/v1/channels/{channel}/health"

    def _moment(self, micros: int) -> str:
        return moment_text(micros, self._workspace.zone)


def _subject(notices: Sequence[Notice]) -> str:
    if len(notices) == 1:
        (notice,) = notices
        over = {"raised": "", "reminded": "still: ", "cleared": "over: "}[notice.event]
        return f"{notice.channel or 'the gateway'}: {over}{notice.what}"
    kinds = (("raised", "new problem"), ("reminded", "old problem"), ("cleared", "problem"))
    counts = {event: sum(one.event == event for one in notices) for event, _ in kinds}
    parts = [
        counted(counts[event], word) + (" over" if event == "cleared" else "")
        for event, word in kinds
        if counts[event]
    ]
    return ", ".join(parts)


def _wrapped(text: str, indent: str = "  ") -> list[str]:
    # Addresses stay whole: they are to be clicked.
    return textwrap.wrap(
        one_line(text, 4_000), 78, initial_indent=indent, subsequent_indent=indent,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
