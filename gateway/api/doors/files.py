"""Doors to files: an operator uploads one to send it, and callers read what is in a session."""

from __future__ import annotations

from dataclasses import asdict

from flask import Response, request

from gateway.api.callers import operator
from gateway.api.idempotency import REPLAYED, Acted, act_once
from gateway.api.rooms import Room
from gateway.api.schemas.files import FileSchema
from gateway.audit import Thing
from gateway.clock import to_micros
from gateway.config.filetypes import KNOWN
from gateway.conversations.doors import MAY_ACT
from gateway.errors import GatewayError, NotFound
from gateway.files import ROUND_THE_FILE, File, Owner, find, read_upload
from gateway.rails.downloads import download_answer
from gateway.rails.parsing import checked_id
from gateway.reading.attachments import attachment_to_json
from gateway.store import Transaction
from gateway.wiring import Parts

_TYPES = sorted({kind.content_type for kind in KNOWN.values()})


def add_file_doors(room: Room, parts: Parts) -> None:
    """Add the doors."""
    database, files = parts.database, parts.files
    most = files.settings.max_bytes

    @room.door(
        "POST",
        "/files",
        gives=FileSchema,
        status=201,
        roles=MAY_ACT,
        takes_upload=True,
        refuses=(415,),
    )
    def upload_file() -> Response:
        """Upload a file, to be sent with a message before `keep_days` have passed"""
        request.max_content_length = most + ROUND_THE_FILE
        upload = read_upload(
            request.stream, request.content_type or "", request.content_length, most=most
        )
        received = files.receive(Owner(kind="operator", id=operator().id), upload)

        def act(db: Transaction) -> Acted:
            file = files.keep(db, received)
            return Acted(
                body=attachment_to_json(asdict(file.as_attachment())),
                status=201,
                after={"sha256": file.sha256, "size": file.size},
                thing=Thing("file", file.id),
            )

        said = {"sha256": received.sha256, "name": received.name}
        now = to_micros(parts.clock.now())
        try:
            answer = act_once(database, operator().id, said, now, parts.waker.wake, act)
        except GatewayError:
            files.discard(received)
            raise
        if answer.headers.get(REPLAYED):
            files.discard(received)
        return answer

    @room.door("GET", "/files/<file_id>", gives=None, gives_files=_TYPES)
    def get_file(file_id: str) -> Response:
        """Get a file: one that is in a session, or one of yours that is not sent yet"""
        file_id = checked_id("fil", file_id)
        with database.read() as db:
            file = find(db, file_id)
        if file.message_id is None and not _is_own(file):
            raise NotFound("there is no such file")
        return download_answer(files.download(file))


def _is_own(file: File) -> bool:
    return file.owner == Owner(kind="operator", id=operator().id)
