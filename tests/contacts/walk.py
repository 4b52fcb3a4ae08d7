"""A random walk through everything that may happen to customers, beside a model of it.

The model shares nothing with the code under test but the names of details: records (a contact as
one identity brought it) with what was said of each, and a list of edges between them. Who stands
for whom, what is shown and what may be seen is worked out anew from these every time.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select

from gateway.store import Transaction
from gateway.store.models import (
    Contact,
    ContactDetail,
    ContactIdentity,
    ContactJoin,
    Conversation,
    Message,
)
from tests.contacts.town import CHANNELS, Town

LEVELS = ("anonymous", "claimed", "verified")
DETAILS = ("name", "email", "phone", "external_id", "custom.tier")
PEOPLE = 40
STEPS = (
    ("sees", 22), ("converts", 6), ("message", 24), ("edits", 8), ("verifies", 8), ("learns", 8),
    ("merges", 6), ("channel_merges", 4), ("splits", 10), ("dismisses", 2), ("merge_and_back", 2),
)  # fmt: skip


@dataclass
class Word:
    """Somebody's word on a detail of a record."""

    value: Any
    level: int
    rank: int
    at: int


@dataclass
class Record:
    """What one identity brought: `words` by who said it and which detail."""

    id: str
    born: int
    words: dict[tuple[str, str], Word] = field(default_factory=dict)


@dataclass
class Edge:
    """A join."""

    id: str
    gone: str
    into: str
    # What the record had of both sides just before, and whether nothing but messages came since.
    kept: Any = None
    quiet: bool = True


class Walk:
    """Takes steps in the town and in the model, and compares."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.chance = random.Random(seed)
        self.records: dict[str, Record] = {}
        self.names: dict[tuple[str, str], str] = {}
        self.edges: list[Edge] = []
        self.undone: set[frozenset[str]] = set()
        self.messages: dict[str, str] = {}
        self.conversations: dict[str, list[str]] = {}
        self.did: Counter[str] = Counter()
        self.seed = seed

    def step(self) -> str:
        """Do one thing, whatever it is; returns what it was."""
        names, weights = zip(*STEPS, strict=True)
        (name,) = self.chance.choices(names, weights)
        getattr(self, name)()
        self.did[name] += 1
        return str(name)

    # -- what happens ------------------------------------------------------------------------------

    def sees(self, level: str | None = None) -> None:
        channel, who = self._anybody()
        said = self._details()
        level = level or self.chance.choice(("anonymous", "claimed", "claimed", "verified"))
        late = self.chance.random() < 0.15
        at = self.town.now + 1_000_000 - (self.chance.randrange(1, 10**8) if late else 0)
        self._hear(channel, who, said, level, at, ())

    def converts(self) -> None:
        """A lead becomes a user: what was claimed, if anything, is verified now."""
        channel, who = self._anybody()
        said = {"external_id": f"x{self.chance.randrange(9)}", **self._details()}
        self._hear(channel, who, said, "verified", self.town.now + 1_000_000, ())

    def channel_merges(self) -> None:
        channel, who = self._anybody()
        alias = f"p{self.chance.randrange(PEOPLE)}"
        if alias != who:
            self._hear(channel, who, {}, "claimed", self.town.now + 1_000_000, (alias,))

    def message(self) -> None:
        """Somebody writes, in one of their conversations or in a new one; or somebody unknown."""
        number = len(self.messages)
        if self.chance.random() < 0.05:
            contact, conversation = None, f"cnv_nobody{number}"
        else:
            self.sees("claimed") if not self.names else None
            contact = self.names[self.chance.choice(sorted(self.names))]
            theirs = self.conversations.setdefault(contact, [])
            if not theirs or self.chance.random() < 0.3:
                theirs.append(f"cnv_{number}")
            conversation = self.chance.choice(theirs)
        self.messages[f"msg_{number}"] = contact or ""

        def write(db: Transaction) -> None:
            known = db.scalar(select(Conversation.id).where(Conversation.id == conversation))
            if known is None:
                db.execute(insert(Conversation).values(
                    id=conversation, installation_id="ins_chat", channel="chat",
                    external_id=conversation, contact_id=contact, created_at=0,
                ))  # fmt: skip
            db.execute(insert(Message).values(
                id=f"msg_{number}", conversation_id=conversation, kind="message",
                author_kind="customer", text="Hello?", state="received", at=number, number=number,
                step=0, created_at=0,
            ))  # fmt: skip

        self.town.do(write)

    def edits(self) -> None:
        standing = self._any_contact()
        if standing is None:
            return
        given = self._details() or {"name": "Nobody"}
        if self.chance.random() < 0.3:
            given[self.chance.choice(sorted(given))] = None
        before = self.shown(standing)
        self.town.edits(standing, **given)
        for detail, value in given.items():
            was = before.get(detail)
            value = _normal(detail, value)
            if value != (was.value if was else None):
                rank = max(1, was.rank if was else 1)
                word = Word(value, 1, rank, self.town.now)
                self.records[standing].words["operator", detail] = word
                self._touch(standing)

    def verifies(self) -> None:
        standing = self._any_contact()
        shown = self.shown(standing) if standing else {}
        if standing is None or not shown:
            return
        detail = self.chance.choice(sorted(shown))
        if shown[detail].level < 2:
            word = Word(shown[detail].value, 2, 2, self.town.now + 1_000_000)
            self.town.verifies(standing, detail)
            self.records[standing].words["operator", detail] = word
            self._touch(standing)
            if detail in ("email", "external_id"):
                self._join_kin(standing)
        else:
            self.town.verifies(standing, detail)

    def learns(self) -> None:
        if not self.names:
            return
        contact = self.names[self.chance.choice(sorted(self.names))]
        found = self._details()
        self.town.learns(contact, **found)
        record = self.records[contact]
        said = {
            (detail, word.value)
            for (who, detail), word in record.words.items()
            if who != "operator"
        }
        for detail, value in found.items():
            if (detail, _normal(detail, value)) not in said:
                record.words["ai", detail] = Word(_normal(detail, value), 1, 1, self.town.now)
                self._touch(contact)

    def merges(self) -> None:
        pair = self._two()
        if pair is None:
            return
        into, gone = pair
        kept = self.dump(into) + self.dump(gone)
        join = self.town.merges(into, gone)
        self._touch(into, gone)
        self.edges.append(Edge(join, self.stands(gone), self.stands(into), kept))

    def merge_and_back(self) -> None:
        """A join that was a mistake, noticed after some messages: nothing may remain of it."""
        pair = self._two()
        if pair is None:
            return
        self.merges_these(*pair)
        for _ in range(self.chance.randrange(3)):
            self.message()
        self._split(self.edges[-1])

    def merges_these(self, into: str, gone: str) -> None:
        kept = self.dump(into) + self.dump(gone)
        join = self.town.merges(into, gone)
        self._touch(into, gone)
        self.edges.append(Edge(join, gone, into, kept))

    def splits(self) -> None:
        if self.edges:
            self._split(self.chance.choice(self.edges))

    def dismisses(self) -> None:
        pair = self._two()
        if pair is not None:
            self.town.dismisses(*pair)

    # -- how the model takes it --------------------------------------------------------------------

    def _hear(
        self, channel: str, who: str, said: dict[str, Any], level: str, at: int,
        merged: tuple[str, ...],
    ) -> None:  # fmt: skip
        given = {detail: value for detail, value in said.items() if detail in DETAILS[:4]}
        known = set(self.records)
        born = self.town.now + 1_000_000
        contact = self.town.sees(who, channel, level=level, as_of=at, merged=merged, **given)
        place = LEVELS.index(level)
        if (channel, who) not in self.names:
            assert contact not in known
            self.names[channel, who] = contact
            self.records[contact] = Record(contact, born)
        assert self.names[channel, who] == contact
        sure = False
        for detail, value in given.items():
            value = _normal(detail, value)
            held = self.records[contact].words.get(("channel", detail))
            if held is None or (
                (place, at) >= (held.level, held.at) and (value, place) != (held.value, held.level)
            ):
                self.records[contact].words["channel", detail] = Word(value, place, place, at)
                self._touch(contact)
                sure |= place == 2 and detail in ("email", "external_id")
        if sure:
            self._join_kin(contact)
        for alias in merged:
            if (channel, alias) not in self.names:
                self.names[channel, alias] = self._found(channel, alias)
                self.records[self.names[channel, alias]] = Record(self.names[channel, alias], born)
            one, other = self.stands(self.names[channel, alias]), self.stands(contact)
            if one != other and not self._apart(one, other):
                self._note_join(one, other)

    def _join_kin(self, contact: str) -> None:
        while True:
            mine = self.stands(contact)
            kin = self._kin_of(mine)
            if kin is None:
                return
            elder, younger = sorted((mine, kin), key=lambda one: (self.records[one].born, one))
            self._note_join(younger, elder)

    def _kin_of(self, mine: str) -> str | None:
        me = self.shown(mine)
        others = sorted(
            {self.stands(one) for one in self.records} - {mine},
            key=lambda one: (self.records[one].born, one),
        )
        for detail in ("external_id", "email"):
            if detail not in me or me[detail].level < 2:
                continue
            for other in others:
                them = self.shown(other)
                same = detail in them and them[detail].level == 2
                if not same or them[detail].value != me[detail].value or self._apart(mine, other):
                    continue
                ids = [shown["external_id"] for shown in (me, them) if "external_id" in shown]
                accounts = {word.value for word in ids if word.level == 2}
                if len(accounts) < 2:
                    return other
        return None

    def _note_join(self, gone: str, into: str) -> None:
        """A join that happened by itself: the record must know of it."""
        with self.town.database.read() as db:
            found = db.scalars(
                select(ContactJoin.id).where(
                    ContactJoin.from_id == gone, ContactJoin.into_id == into,
                    ContactJoin.undone_at.is_(None),
                )
            ).all()  # fmt: skip
        assert len(found) == 1, f"{gone} should have been joined into {into}"
        self._touch(gone, into)
        self.edges.append(Edge(found[0], gone, into))

    def _split(self, edge: Edge) -> None:
        whole = self.members(edge.gone)
        stays, free = self.town.splits(edge.id)
        assert stays in whole
        assert free == edge.gone
        self.edges.remove(edge)
        self.undone.add(frozenset((edge.gone, edge.into)))
        if edge.kept is not None and edge.quiet:
            assert self.dump(edge.gone, edge.into) == sorted(edge.kept, key=str)
        self._touch(edge.gone, edge.into)

    def _touch(self, *contacts: str) -> None:
        """Something other than a message came to these: joins around them are not as they were."""
        around = {one for contact in contacts for one in self.members(contact)}
        for edge in self.edges:
            if edge.gone in around or edge.into in around:
                edge.quiet = False

    # -- what follows from it ----------------------------------------------------------------------

    def stands(self, contact: str) -> str:
        into = {edge.gone: edge.into for edge in self.edges}
        while contact in into:
            contact = into[contact]
        return contact

    def members(self, contact: str) -> set[str]:
        standing = self.stands(contact)
        return {one for one in self.records if self.stands(one) == standing}

    def shown(self, contact: str) -> dict[str, Word]:
        best: dict[str, Word] = {}
        for member in self.members(contact):
            for (_, detail), word in self.records[member].words.items():
                held = best.get(detail)
                if held is None or (word.rank, word.at) > (held.rank, held.at):
                    best[detail] = word
        return {detail: word for detail, word in best.items() if word.value is not None}

    def may_see(self, contact: str) -> set[str]:
        def sure(one: str) -> set[tuple[str, Any]]:
            return {
                (detail, word.value)
                for (_, detail), word in self.records[one].words.items()
                if detail in ("email", "external_id") and word.level == 2
            }

        return {contact} | {one for one in self.members(contact) if sure(one) & sure(contact)}

    def _apart(self, one: str, other: str) -> bool:
        return any(
            frozenset((mine, theirs)) in self.undone
            for mine in self.members(one)
            for theirs in self.members(other)
        )

    # -- comparing ---------------------------------------------------------------------------------

    def compare(self) -> None:
        """The record is the model."""
        with self.town.database.read() as db:
            rows = {row.id: row for row in db.execute(select(Contact.__table__))}
            # Every message belongs to exactly one contact or none.
            owned = db.execute(
                select(Message.id, Conversation.contact_id).join(
                    Conversation, Conversation.id == Message.conversation_id
                )
            ).all()
        assert set(rows) == set(self.records)
        assert len(owned) == len(self.messages) == len({row.id for row in owned})
        standing = {one: self.stands(one) for one in rows}
        for id, contact in owned:
            assert (contact or "") == self.messages[id]
            if contact is not None:
                owner = rows[contact].joined_into or contact
                assert owner == standing[contact]
                assert rows[owner].joined_into is None
        shown = {one: self.shown(one) for one in set(standing.values())}
        for one, row in rows.items():
            assert (row.joined_into or one) == standing[one]
            words = shown[standing[one]]
            for detail in DETAILS[:4]:
                expected = words[detail].value if detail in words else None
                assert getattr(row, detail) == expected, (one, detail)
            assert row.level == LEVELS[max((word.level for word in words.values()), default=0)]
            by = words.get("email") or words.get("external_id")
            assert row.verified is (by is not None and by.level == 2)

    def compare_views(self) -> None:
        """What people are shown, and what customers may see: the slow part."""
        for one in self.chance.sample(sorted(self.records), min(5, len(self.records))):
            card = self.town.card(one)
            words = self.shown(one)
            assert card["id"] == self.stands(one)
            details = {name: found for name, found in card["details"].items() if found}
            details |= {f"custom.{name}": found for name, found in card["custom"].items()}
            assert {name: (found["value"], LEVELS.index(found["level"])) for name, found in
                    details.items()} == {name: (word.value, word.level) for name, word in
                                         words.items()}  # fmt: skip
            # Nobody sees another's history by a claimed address.
            assert self.town.visible(one) == self.may_see(one)
            assert {edge["id"] for edge in card["joins"]} == {
                edge.id for edge in self.edges if self.stands(edge.gone) == card["id"]
            }

    def dump(self, *contacts: str) -> list[Any]:
        """All that the record holds of these contacts and what is joined into them."""
        members = sorted({one for contact in contacts for one in self.members(contact)})
        held: list[Any] = []
        with self.town.database.read() as db:
            for row in db.execute(select(Contact.__table__).where(Contact.id.in_(members))):
                held.append({k: v for k, v in row._mapping.items() if k != "updated_at"})
            for table in (ContactIdentity, ContactDetail):
                query = select(table.__table__).where(table.contact_id.in_(members))
                held += [dict(row._mapping) for row in db.execute(query)]
            held += [
                {"edge": row.id, "from": row.from_id, "into": row.into_id}
                for row in db.execute(
                    select(ContactJoin.__table__).where(
                        ContactJoin.into_id.in_(members), ContactJoin.undone_at.is_(None)
                    )
                )
            ]
        return sorted(held, key=str)

    # -- chance ------------------------------------------------------------------------------------

    def _anybody(self) -> tuple[str, str]:
        return self.chance.choice(CHANNELS), f"p{self.chance.randrange(PEOPLE)}"

    def _any_contact(self) -> str | None:
        standing = sorted({self.stands(one) for one in self.records})
        return self.chance.choice(standing) if standing else None

    def _two(self) -> tuple[str, str] | None:
        standing = sorted({self.stands(one) for one in self.records})
        if len(standing) < 2:
            return None
        one, other = self.chance.sample(standing, 2)
        return one, other

    def _found(self, channel: str, who: str) -> str:
        with self.town.database.read() as db:
            found = db.scalar(
                select(ContactIdentity.contact_id).where(
                    ContactIdentity.installation_id == f"ins_{channel}",
                    ContactIdentity.external_id == who,
                )
            )
        assert found is not None
        return found

    def _details(self) -> dict[str, Any]:
        """A few details out of a small world, so that people share them often."""
        pick = self.chance.randrange
        pool: dict[str, Any] = {
            "name": f"Name {pick(9)}",
            "email": self.chance.choice((f"E{pick(12)}@acme.test", f" e{pick(12)}@Acme.test ")),
            "phone": f"+353 1 555 01{pick(12):02}",
            "external_id": f"x{pick(9)}",
            "custom.tier": self.chance.choice(("gold", 7, True)),
        }
        wanted = self.chance.sample(DETAILS, self.chance.choice((0, 1, 1, 2, 3)))
        return {detail: pool[detail] for detail in DETAILS if detail in wanted}


def _normal(detail: str, value: Any) -> Any:
    return value.strip().lower() if detail == "email" and value is not None else value
