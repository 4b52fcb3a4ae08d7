"""`/files/<token>`: one file, by a link that the AI agent was told with its turn."""

from __future__ import annotations

from flask import Flask, Response

from gateway.files import Files
from gateway.rails.downloads import download_answer


def add_file_links(app: Flask, files: Files) -> None:
    """Add the door. The link is all that it asks for, and holds for a day."""

    @app.get("/files/<token>")
    def linked_file(token: str) -> Response:
        return download_answer(files.download(files.opened_by(token)))
