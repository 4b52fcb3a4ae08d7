"""Consents under way: what an administrator's browser carries to the channel's tool and back.

The state is a secret that is good once, for ten minutes, and in the sign-in that began it: whoever
follows a link that somebody else made lets nobody in.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import delete

from gateway.store import Transaction
from gateway.store.models import AppConsent
from gateway.store.sql import insert_into

LASTS_S = 600


def begin(db: Transaction, app: str, signin_id: str, now: int) -> str:
    """Return the state that comes back with the code."""
    db.execute(delete(AppConsent).where(AppConsent.expires_at <= now))
    state = secrets.token_urlsafe(32)
    db.execute(
        insert_into(db, AppConsent).values(
            digest=_digest(state),
            app=app,
            signin_id=signin_id,
            expires_at=now + LASTS_S * 1_000_000,
        )
    )
    return state


def end(db: Transaction, app: str, signin_id: str, state: str, now: int) -> bool:
    """Take a state back; True if it was given for this app to this sign-in, and not used before."""
    taken = db.execute(
        delete(AppConsent)
        .where(
            AppConsent.digest == _digest(state), AppConsent.app == app,
            AppConsent.signin_id == signin_id, AppConsent.expires_at > now,
        )
        .returning(AppConsent.digest)
    )  # fmt: skip
    return taken.one_or_none() is not None


def _digest(state: str) -> str:
    # Found by its hash: how long looking takes tells nothing of the secret.
    return hashlib.sha256(state.encode()).hexdigest()
