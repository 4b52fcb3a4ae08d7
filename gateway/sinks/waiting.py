"""Mails that call operators to somebody who waits: a name, the reason, a link; no transcript."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from gateway.clock import Clock
from gateway.config import SmtpSettings, Workspace
from gateway.errors import Again, Never, UnknownOutcome
from gateway.people.waiting import Mail
from gateway.reading.markers import moment_text
from gateway.sinks.smtp import MailServer, one_line

DEADLINE_S = 90.0
"""How long one connection may last, whatever is sent over it."""
_SUBJECT = 140
_LONGEST = 300
_NOBODY = "A customer"


class WaitMailer:
    """Sends them through one SMTP server. `context` is for servers of a private authority."""

    def __init__(
        self,
        smtp: SmtpSettings,
        *,
        workspace: Workspace,
        public_url: str,
        clock: Clock,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._server = MailServer(smtp, context)
        self._workspace = workspace
        self._public_url = public_url
        self._clock = clock

    @contextlib.contextmanager
    def connected(self) -> Iterator[Connection]:
        """A connection for some mails; raises Again if there is none, or if it ends badly."""
        try:
            with self._server.connected(DEADLINE_S) as server:
                yield Connection(self, server)
        except smtplib.SMTPResponseException as error:
            said = self._server.reply(error.smtp_code, error.smtp_error)
            raise Again(f"the mail server refused: {said}") from None
        except (smtplib.SMTPException, OSError) as error:
            # `from None`: a server's words may quote what it was told.
            message = f"{self._server.host} cannot be reached, or hung up"
            raise Again(f"{message} ({type(error).__name__})") from None

    def compose(self, mail: Mail) -> EmailMessage:
        """The message; nothing in it can add a header. Raises Never for what is no address."""
        name = one_line(mail.name, _LONGEST) or _NOBODY
        reason = one_line(mail.reason, _LONGEST)
        message = EmailMessage()
        try:
            message["To"] = Address(addr_spec=mail.to)
        except (MessageError, ValueError, IndexError) as error:
            raise Never(f"no mail can go to {mail.to}") from error
        message["From"] = self._server.sender
        message["Subject"] = one_line(f"[{self._workspace.name}] Somebody waits: {name}", _SUBJECT)
        message["Date"] = format_datetime(self._clock.now())
        message["Message-ID"] = self._server.message_id(mail.id)
        message["Auto-Submitted"] = "auto-generated"
        since = moment_text(mail.since, self._workspace.zone)
        lines = [
            f"{name} has been waiting for a person since {since}, and nobody was online.",
            *([f"Reason: {reason}"] if reason else []),
            "",
            f"{self._public_url}/console/sessions/{mail.session_id}",
            "",
            "You get this mail once, however long it takes.",
        ]
        message.set_content("\n".join(lines))
        return message

    def send(self, server: smtplib.SMTP, mail: Mail) -> None:
        """Send one mail over an open connection.

        Raises Again if the server has not taken it, Never if it will not, and UnknownOutcome if
        nobody knows.
        """
        message = self.compose(mail)
        try:
            server.send_message(message, self._server.address, [mail.to])
        except smtplib.SMTPRecipientsRefused as error:
            ((code, words),) = error.recipients.values()
            raise self._refused(code, words) from None
        except smtplib.SMTPResponseException as error:
            raise self._refused(error.smtp_code, error.smtp_error) from None
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            raise Never(
                f"the mail server cannot take this address ({type(error).__name__})"
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            message_ = f"{self._server.host} did not say whether it has it"
            raise UnknownOutcome(f"{message_} ({type(error).__name__})") from None

    def _refused(self, code: int, words: bytes | str) -> Again | Never:
        said = f"the mail server refused: {self._server.reply(code, words)}"
        return Never(said) if 500 <= code < 600 else Again(said)


class Connection:
    """An open connection."""

    def __init__(self, mailer: WaitMailer, server: smtplib.SMTP) -> None:
        self._mailer = mailer
        self._server = server

    def send(self, mail: Mail) -> None:
        """Send one mail; raises Again, Never or UnknownOutcome as `WaitMailer.send` does."""
        self._mailer.send(self._server, mail)
