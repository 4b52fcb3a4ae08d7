"""Operators' pictures: small, and of a type that browsers cannot be made to run."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, select

from gateway.errors import NotFound, Oversized, Unreadable
from gateway.store import Transaction
from gateway.store.models import Operator, OperatorAvatar
from gateway.store.sql import insert_into

LARGEST = 512 * 1024
"""How many bytes a picture may have."""
TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif")


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A picture as it is served. `digest` is its SHA-256."""

    content: bytes
    content_type: str
    digest: str


def type_of(content: bytes) -> str | None:
    """What a picture is by its first bytes; None for anything else, SVG among it."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[:6] in (b"GIF87a", b"GIF89a"):
        return "image/gif"
    return None


def put(db: Transaction, operator_id: str, content: bytes, now: int) -> None:
    """Give an operator a picture. Raises NotFound, Oversized, Unreadable."""
    if len(content) > LARGEST:
        raise Oversized(f"a picture has at most {LARGEST // 1024} KiB")
    content_type = type_of(content)
    if content_type is None:
        raise Unreadable("this is no PNG, JPEG, WebP or GIF picture")
    if db.scalar(select(Operator.id).where(Operator.id == operator_id)) is None:
        raise NotFound("there is no such operator")
    values = {
        "digest": hashlib.sha256(content).hexdigest(),
        "shown_as": secrets.token_urlsafe(16),
        "content_type": content_type,
        "content": content,
        "set_at": now,
    }
    db.execute(
        insert_into(db, OperatorAvatar)
        .values(operator_id=operator_id, **values)
        .on_conflict_do_update(index_elements=[OperatorAvatar.operator_id], set_=values)
    )


def remove(db: Transaction, operator_id: str) -> None:
    """Take an operator's picture away, if there is one."""
    db.execute(delete(OperatorAvatar).where(OperatorAvatar.operator_id == operator_id))


def digest_of(db: Transaction, operator_id: str) -> str | None:
    """The SHA-256 of an operator's picture; None if there is none."""
    return db.scalar(select(OperatorAvatar.digest).where(OperatorAvatar.operator_id == operator_id))


def find(db: Transaction, operator_id: str) -> Picture:
    """An operator's picture; raise NotFound."""
    picture = _picture(db, OperatorAvatar.operator_id == operator_id)
    if picture is None:
        raise NotFound("there is no picture of this operator")
    return picture


def find_shown(db: Transaction, shown_as: str) -> Picture:
    """The picture that customers see under this name; raise NotFound."""
    picture = _picture(db, OperatorAvatar.shown_as == shown_as)
    if picture is None:
        raise NotFound("there is no such picture")
    return picture


def _picture(db: Transaction, which: ColumnElement[bool]) -> Picture | None:
    row = db.execute(
        select(OperatorAvatar.content, OperatorAvatar.content_type, OperatorAvatar.digest).where(
            which
        )
    ).one_or_none()
    if row is None:
        return None
    return Picture(content=row.content, content_type=row.content_type, digest=row.digest)
