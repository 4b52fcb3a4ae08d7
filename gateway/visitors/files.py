"""Files of visitors, and those that were sent to them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from gateway import files as room
from gateway.channels.webwidget.backend import Taken, Visitor
from gateway.errors import NotFound
from gateway.events import Attachment
from gateway.files import Body, File, Files, Owner, read_upload
from gateway.rails.downloads import Download
from gateway.rails.parsing import checked_id
from gateway.store import Database, Transaction
from gateway.store.models import Message
from gateway.visitors import theirs
from gateway.visitors.lines import may_be_seen


class VisitorFiles:
    """What the widget's doors ask about files."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database, self._files = database, files

    def taken(self) -> Taken | None:
        """What is taken here; None: nothing."""
        settings = self._files.settings
        if not settings.types:
            return None
        return Taken(max_bytes=settings.max_bytes, endings=self._files.endings)

    def put(
        self, visitor: Visitor, body: Body, content_type: str, declared: int | None
    ) -> Attachment:
        """Keep what a visitor uploads."""
        most = self._files.settings.max_bytes
        upload = read_upload(body, content_type, declared, most=most)
        return self._files.accept(_owner(visitor), upload).as_attachment()

    def to_say(
        self, visitor: Visitor, file_ids: Sequence[str], external_id: str
    ) -> Sequence[Attachment]:
        """Files that go with the words that the channel knows by this name; raise Invalid."""
        if not file_ids:
            return ()
        with self._database.read() as db:
            said = self._message(db, visitor, external_id)
            found = room.to_send(db, _owner(visitor), file_ids, sent_in=said)
        return [file.as_attachment() for file in found]

    def get(self, visitor: Visitor, file_id: str) -> Download:
        """A file that is theirs to read; raise NotFound for any other."""
        file_id = checked_id("fil", file_id)
        with self._database.read() as db:
            file = room.find(db, file_id)
            if not _may_read(db, visitor, file):
                raise NotFound("there is no such file")
        return self._files.download(file)

    def _message(self, db: Transaction, visitor: Visitor, external_id: str) -> str | None:
        own = theirs.own_conversation(db, visitor)
        return db.scalar(
            select(Message.id).where(
                Message.conversation_id == own, Message.external_id == external_id
            )
        )


def _owner(visitor: Visitor) -> Owner:
    return Owner(kind="visitor", id=visitor.id, channel=visitor.channel)


def _may_read(db: Transaction, visitor: Visitor, file: File) -> bool:
    """One's own, or one in a line that one may see."""
    if file.message_id is None:
        return file.owner == _owner(visitor)
    try:
        theirs.place_of_line(db, visitor, file.message_id)
    except NotFound:
        return False
    seen = select(Message.id).where(Message.id == file.message_id, may_be_seen())
    return db.scalar(seen) is not None
