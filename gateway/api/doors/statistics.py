"""The door to counts."""

from __future__ import annotations

from flask import Response

from gateway.api.rooms import Room
from gateway.api.schemas.base import Arguments
from gateway.api.schemas.statistics import StatisticsQuery, StatisticsSchema
from gateway.clock import to_micros
from gateway.rails.answers import json_answer
from gateway.reading.statistics import Period, find_statistics
from gateway.wiring import Parts

_WEEK_US = 7 * 86_400_000_000


def add_statistics_doors(room: Room, parts: Parts) -> None:
    """Add the door; every role may look."""

    @room.door("GET", "/statistics", takes=StatisticsQuery, gives=StatisticsSchema)
    def get_statistics(query: Arguments) -> Response:
        """Count handovers, waits, answers and drafts over a stretch of time"""
        until = query.get("until", to_micros(parts.clock.now()))
        period = Period(
            since=query.get("since", until - _WEEK_US),
            until=until,
            channel=query.get("channel"),
            agent=query.get("agent"),
        )
        with parts.database.read() as db:
            return json_answer(find_statistics(db, period))
