"""Workspaces: which installation of a channel a delivery is of, or that it is a foreign one."""

from __future__ import annotations

from sqlalchemy import select

from gateway.channels.base import Channel
from gateway.store import Transaction, new_id
from gateway.store.models import Installation
from gateway.store.sql import insert_into


class Installations:
    """Our ids of workspaces. Those that are found are remembered: they never change."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], str] = {}

    def of(self, db: Transaction, channel: Channel, external_id: str, now: int) -> str | None:
        """Our id of the workspace; None if the delivery is of a foreign one.

        The first delivery of a private channel pins its workspace, unless the settings name it.
        """
        known = self._known.get((channel.name, external_id))
        if known is not None:
            return known
        if not external_id:
            return None  # a report that names no workspace decides nothing
        if channel.installation is None:
            slot = "" if channel.private else external_id
            where = Installation.slot == slot
        else:
            if external_id != channel.installation:
                return None
            # What the settings say wins over what was pinned before they said it.
            slot = external_id
            where = Installation.external_id == external_id
        query = select(Installation.id, Installation.external_id).where(
            Installation.channel == channel.name, where
        )
        row = db.execute(query).one_or_none()
        if row is not None and row.external_id == external_id:
            self._known[channel.name, external_id] = row.id
        elif row is None:
            db.execute(
                insert_into(db, Installation)
                .values(
                    id=new_id("ins"),
                    channel=channel.name,
                    slot=slot,
                    external_id=external_id,
                    created_at=now,
                )
                .on_conflict_do_nothing()
            )
            row = db.execute(query).one()
        return row.id if row.external_id == external_id else None


def pinned(db: Transaction, channel: Channel) -> str | None:
    """Our id of a private channel's workspace; None if it was never heard of."""
    known = (
        Installation.slot == ""
        if channel.installation is None
        else Installation.external_id == channel.installation
    )
    return db.scalar(select(Installation.id).where(Installation.channel == channel.name, known))
