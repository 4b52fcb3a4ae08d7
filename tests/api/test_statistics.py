"""Statistics: every count against one made by hand from the same rows, on both databases."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from gateway.events import Actor
from gateway.store import Transaction, new_id
from gateway.store.models import (
    ChatSession,
    Conversation,
    Draft,
    Message,
    StretchRow,
    TurnRow,
)
from gateway.store.sql import insert_into
from tests.api.house import CHANNEL, House

MINUTE = 60_000_000
TRIGGERS = (None, "manual", "automatic", "assignee")
DROPPED = {
    "the session was handed to people (manual)": "taken_over_meanwhile",
    "somebody spoke while the draft was being written": "superseded",
    "not said: The customer said “lawyer”": "rule",
}


class City:
    """Rows of many sessions, in memory and in the database."""

    def __init__(self, house: House, count: int) -> None:
        self.house, self.rows, self.chance = house, [], random.Random(7)
        self.sessions: list[dict[str, Any]] = []
        self.stretches: list[dict[str, Any]] = []
        self.turns: list[dict[str, Any]] = []
        self.drafts: list[dict[str, Any]] = []
        self.start = house.now
        house.database.write(lambda db: self._fill(db, count))

    def _fill(self, db: Transaction, count: int) -> None:
        installation = self.house.installation(db)
        for number in range(count):
            at = self.start + number * MINUTE
            conversation, session = new_id("cnv"), new_id("ses")
            finished = at + self.chance.randrange(1, 500) * 1_000_000
            is_finished = self.chance.random() < 0.7
            self._add(
                db, Conversation, self.rows, id=conversation, installation_id=installation,
                channel=CHANNEL, external_id=str(number), contact_at=0, thread="{}",
                read_attempts=0, created_at=at,
            )  # fmt: skip
            self._add(
                db, ChatSession, self.sessions, id=session, conversation_id=conversation,
                channel=CHANNEL if number % 3 else "another",
                agent="support" if number % 2 else "x",
                opened_by="m1", opened_at=at, opened_number=1, opened_step=0, mode="ai", epoch=0,
                status="finished" if is_finished else "active", responsible_kind="ai",
                finished_at=finished if is_finished else None, message_count=1,
                parameters={}, results={},
            )  # fmt: skip
            for index in range(self.chance.choice((0, 0, 1, 2))):
                trigger = self.chance.choice(TRIGGERS)
                began = at + index * MINUTE
                self._add(
                    db, StretchRow, self.stretches, session_id=session, number=index,
                    began_at=began, trigger=trigger,
                    reason=f"reason {self.chance.randrange(30)}" if trigger else None,
                    accepted_at=self._later(began), first_reply_at=self._later(began),
                )  # fmt: skip
            for _ in range(self.chance.randrange(4)):
                state = self.chance.choice(("recorded", "discarded", "failed"))
                turn = self._add(
                    db, TurnRow, self.turns, id=new_id("trn"), conversation_id=conversation,
                    session_id=session, epoch=0, cause="message", state=state, owed_at=at,
                    due_at=at, tries=1, timeouts=0, upto_at=0, upto_number=0,
                    asked_at=at if self.chance.random() < 0.8 else None,
                    ended_at=at + self.chance.randrange(60) * MINUTE,
                    why=self.chance.choice(list(DROPPED)) if state == "discarded" else None,
                )  # fmt: skip
                if state == "recorded" and self.chance.random() < 0.5:
                    self._draft(db, conversation, turn, at)

    def _draft(self, db: Transaction, conversation: str, turn: dict[str, Any], at: int) -> None:
        message, state = new_id("msg"), self.chance.choice(("sent", "edited", "expired", "open"))
        self._add(
            db, Message, self.rows, id=message, conversation_id=conversation, kind="draft",
            session_id=turn["session_id"], author_kind="ai", text="", html="", attachments=[],
            state="received", at=at, number=0, step=0, redacted=False, created_at=at,
        )  # fmt: skip
        self._add(
            db, Draft, self.drafts, message_id=message, session_id=turn["session_id"],
            turn_id=turn["id"], state=state, created_at=at,
            ended_at=None if state == "open" else at,
        )  # fmt: skip

    def _later(self, at: int) -> int | None:
        took = self.chance.randrange(1, 1_000) * 100_000
        return at + took if self.chance.random() < 0.6 else None

    def _add(self, db: Transaction, model: Any, kept: list[Any], **row: Any) -> dict[str, Any]:
        db.execute(insert_into(db, model).values(row))
        kept.append(row)
        return row


def taken(times: list[int | None]) -> dict[str, Any]:
    known = sorted(one for one in times if one is not None)

    def at(percent: int) -> float | None:
        return known[-(-len(known) * percent // 100) - 1] / 1e6 if known else None

    return {"count": len(known), "of": len(times), "p50_s": at(50), "p90_s": at(90)}


def part(count: int, of: int) -> dict[str, int]:
    return {"count": count, "of": of}


@pytest.mark.parametrize("place", [{}, {"channel": CHANNEL}, {"agent": "x", "channel": "another"}])
def test_every_count_is_what_the_rows_say(house: House, place: dict[str, str]) -> None:
    city = City(house, 60)
    since, until = city.start + 5 * MINUTE, city.start + 50 * MINUTE
    query = {"since": "2026-11-22T16:05:00Z", "until": "2026-11-22T16:50:00Z", **place}
    answer = house.get("/statistics", role="viewer", query_string=query)
    assert answer.status_code == 200, answer.text
    told = answer.json

    def here(row: dict[str, Any]) -> bool:
        session = next(s for s in city.sessions if s["id"] == row.get("session_id", row.get("id")))
        return all(session[name] == value for name, value in place.items())

    sessions = [s for s in city.sessions if since <= s["opened_at"] < until and here(s)]
    finished = [s for s in sessions if s["finished_at"]]
    held = {row["session_id"] for row in city.stretches}
    answered = {row["session_id"] for row in city.turns if row["state"] == "recorded"}
    alone = [s for s in finished if s["id"] not in held and s["id"] in answered]
    assert told["sessions"] == {
        "opened": len(sessions),
        "finished": part(len(finished), len(sessions)),
        "with_people": part(sum(s["id"] in held for s in sessions), len(sessions)),
        "by_ai_alone": part(len(alone), len(finished)),
    }

    handed = [
        row for row in city.stretches
        if row["trigger"] and since <= row["began_at"] < until and here(row)
    ]  # fmt: skip
    total = len(handed)
    assert told["handovers"]["count"] == total
    by_trigger = Counter(row["trigger"] for row in handed)
    assert {
        row["trigger"]: (row["count"], row["of"]) for row in told["handovers"]["by_trigger"]
    } == {trigger: (count, total) for trigger, count in by_trigger.items()}
    by_reason = Counter(row["reason"] for row in handed)
    shown = told["handovers"]["by_reason"]
    assert len(shown) == min(20, len(by_reason))
    assert all(by_reason[row["reason"]] == row["count"] for row in shown)
    rest = total - sum(row["count"] for row in shown)
    assert told["handovers"]["other_reasons"] == part(rest, total)

    def waited(name: str) -> list[int | None]:
        return [row[name] - row["began_at"] if row[name] else None for row in handed]

    assert told["times"] == {
        "accept": taken(waited("accepted_at")),
        "first_reply": taken(waited("first_reply_at")),
        "finish": taken(
            [s["finished_at"] - s["opened_at"] if s["finished_at"] else None for s in sessions]
        ),
    }

    asked = [
        row for row in city.turns
        if row["asked_at"] and since <= row["ended_at"] < until and here(row)
    ]  # fmt: skip
    states = Counter(row["state"] for row in asked)
    dropped = Counter(DROPPED[row["why"]] for row in asked if row["state"] == "discarded")
    assert {name: told["answers"][name] for name in ("asked", "recorded", "failed")} == {
        "asked": len(asked),
        "recorded": part(states["recorded"], len(asked)),
        "failed": part(states["failed"], len(asked)),
    }
    assert told["answers"]["discarded"] == part(states["discarded"], len(asked))
    assert {
        row["code"]: (row["count"], row["of"]) for row in told["answers"]["discarded_by_reason"]
    } == {code: (count, states["discarded"]) for code, count in dropped.items()}

    drafts = Counter(
        row["state"] for row in city.drafts if since <= row["created_at"] < until and here(row)
    )
    made = sum(drafts.values())
    assert told["drafts"] == {
        "made": made,
        **{
            state: part(drafts[state], made)
            for state in ("sent", "edited", "discarded", "expired", "open")
        },
    }


def test_nothing_is_counted_as_nothing(house: House) -> None:
    told = house.get("/statistics?since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z").json
    assert told["since"] == "2026-01-01T00:00:00Z"
    assert told["sessions"]["by_ai_alone"] == part(0, 0)
    assert told["times"]["accept"] == {"count": 0, "of": 0, "p50_s": None, "p90_s": None}
    assert told["handovers"]["by_trigger"] == []


def test_a_week_until_now_unless_told_otherwise(sqlite_house: House) -> None:
    told = sqlite_house.get("/statistics").json
    assert (told["since"], told["until"]) == ("2026-11-15T16:00:00Z", "2026-11-22T16:00:00Z")
    assert sqlite_house.get("/statistics?since=yesterday").status_code == 422


def test_what_people_do_is_counted(house: House) -> None:
    """Through the doors, not from rows of ours."""
    session = house.session("1001")
    house.session("1002")
    house.clock.advance(10)
    house.post(f"/sessions/{session}/handover", {"reason": "upset"})
    house.clock.advance(30)
    bob = Actor(kind="operator", id="500", name="Bob")
    house.happen("1001", house.assigned("1001", "operator", "500"))
    house.clock.advance(20)
    house.happen("1001", house.said("1001", "Here I am", bob))
    house.clock.advance(20)
    house.post(f"/sessions/{session}/finish")
    house.clock.advance(60)
    told = house.get("/statistics").json
    assert told["sessions"]["opened"] == 2
    assert told["sessions"]["with_people"] == part(1, 2)
    assert told["handovers"]["by_trigger"] == [{"trigger": "manual", "count": 1, "of": 1}]
    assert told["handovers"]["by_reason"] == [{"reason": "upset", "count": 1, "of": 1}]
    assert told["times"]["accept"] == {"count": 1, "of": 1, "p50_s": 31.0, "p90_s": 31.0}
    assert told["times"]["first_reply"] == {"count": 1, "of": 1, "p50_s": 52.0, "p90_s": 52.0}
    assert told["times"]["finish"]["count"] == 1
