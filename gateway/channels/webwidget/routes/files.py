"""A visitor's files: put here before their message is, and read by whoever may read that."""

from __future__ import annotations

from flask import Response, request

from gateway.channels.webwidget.routes.doors import Caller, Doors
from gateway.errors import NotFound
from gateway.rails.answers import json_answer
from gateway.rails.downloads import download_answer

_ROUND_THE_FILE = 16 * 1024


def add_file_doors(doors: Doors) -> None:
    """Add the doors."""
    backend = doors.backend
    taken = backend.files_taken()
    most = taken.max_bytes if taken else 0

    @doors.door("POST", "/files", most_bytes=most + _ROUND_THE_FILE)
    def put_file(caller: Caller) -> Response:
        """Put a file here, to go with a message"""
        if taken is None:
            raise NotFound("no files are taken here")
        file = backend.put_file(
            caller.visitor, request.stream, request.content_type or "", request.content_length
        )
        return json_answer(caller.deployment.teller.attachment(file), 201)

    @doors.door("GET", "/files/<file_id>")
    def get_file(caller: Caller, file_id: str) -> Response:
        """Get a file of the visitor's, or one that is in a talk of theirs"""
        return download_answer(backend.file(caller.visitor, file_id))
