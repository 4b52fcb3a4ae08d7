"""Files that came with a message, or are uploaded to go with one."""

from __future__ import annotations

from marshmallow import fields

from gateway.api.schemas.base import Told, about, example


class AttachmentSchema(Told):
    """A file that came with a message."""

    id = fields.String(
        allow_none=True,
        metadata=about("null: the channel keeps it", "fil_06f3k9w2v0a1b2c3d4e5f6g7h8"),
    )
    url = fields.String(
        metadata=about(
            "of a file with an `id`: below the gateway's address, with your token",
            "/api/v1/files/fil_06f3k9w2v0a1b2c3d4e5f6g7h8",
            "https://downloads.example/parcel.jpg",
        )
    )
    name = fields.String(metadata=example("parcel.jpg"))
    content_type = fields.String(metadata=about("as its content shows", "image/jpeg"))
    size = fields.Integer(allow_none=True, metadata=about("bytes", 48_213))
    width = fields.Integer(allow_none=True, metadata=about("of a picture, in pixels", 640))
    height = fields.Integer(allow_none=True, metadata=about("of a picture, in pixels", 480))


class FileSchema(AttachmentSchema):
    """A file that was uploaded."""

    id = fields.String(metadata=example("fil_06f3k9w2v0a1b2c3d4e5f6g7h8"))
