"""An entry when the gateway starts with other settings than before."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time
from pathlib import Path
from typing import Any

from sqlalchemy import select

from gateway.audit.entries import SYSTEM, Json, Thing, changes, write
from gateway.audit.masking import HIDDEN
from gateway.config import Settings
from gateway.store import Transaction
from gateway.store.models import KnownConfiguration
from gateway.store.sql import insert_into, locked

# Where a start may differ from another without anybody having changed a thing.
_OF_THE_PROCESS = frozenset({"public_url", "data_dir", "redis_url"})
# They make the fingerprints of the others.
_OUR_KEYS = frozenset({"secret_key", "previous_secret_keys"})


def note(db: Transaction, settings: Settings, *, now: int) -> bool:
    """Write an entry of what has changed since the settings were noted last; True if anything."""
    shown = shown_settings(settings)
    fresh = db.execute(
        insert_into(db, KnownConfiguration)
        .values(one=1, settings=shown, at=now)
        .on_conflict_do_nothing()
        .returning(KnownConfiguration.one)
    ).one_or_none()
    if fresh is not None:
        return False
    known = db.scalars(locked(db, select(KnownConfiguration))).one()
    if known.settings == shown:
        return False
    before, after = changes(_printed_anew(known.settings, settings, shown), shown)
    known.settings, known.at = shown, now
    db.flush()
    if not before and not after:
        return False
    write(
        db,
        SYSTEM,
        "change_settings",
        Thing("settings"),
        _without_prints(before),
        _without_prints(after),
        now=now,
    )
    return True


def shown_settings(settings: Settings, secret_key: str | None = None) -> Json:
    """Every setting by its dotted name; of a secret a fingerprint that only our key can make."""
    key = (secret_key or settings.secret_key).encode()
    return {
        name: _print(key, value) if secret else value
        for name, value, secret in _flat(settings, "", False)
        if name.partition(".")[0] not in _OF_THE_PROCESS | _OUR_KEYS
    }


def _printed_anew(known: Json, settings: Settings, shown: Json) -> Json:
    """What was known, with fingerprints as our key of today makes them of the same secrets."""
    anew = dict(known)
    for key in settings.previous_secret_keys:
        for name, value in shown_settings(settings, key).items():
            if name in known and known[name] == value:
                anew[name] = shown[name]
    return anew


def _flat(node: Any, name: str, secret: bool) -> Iterator[tuple[str, Any, bool]]:
    if is_dataclass(node):
        for field in fields(node):
            inner = f"{name}.{field.name}" if name else field.name
            yield from _flat(getattr(node, field.name), inner, secret or not field.repr)
    elif isinstance(node, Mapping) and not secret:
        for key, value in node.items():
            yield from _flat(value, f"{name}.{key}", secret)
    elif isinstance(node, tuple | list) and any(is_dataclass(one) for one in node):
        for number, value in enumerate(node):
            yield from _flat(value, f"{name}.{number}", secret)
    else:
        yield name, _plain(node), secret


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value) if isinstance(value, Path | date | time) else repr(value)


def _print(key: bytes, value: Any) -> str | None:
    if not value:
        return None
    return f"{HIDDEN} {hmac.digest(key, repr(value).encode(), 'sha256').hex()[:16]}"


def _without_prints(shown: Json) -> Json:
    return {
        name: HIDDEN if isinstance(value, str) and value.startswith(f"{HIDDEN} ") else value
        for name, value in shown.items()
    }
