"""Many hands at once on the same few customers: nothing is lost, nobody hangs in the air."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Callable

from sqlalchemy import select

from gateway.contacts.trees import load
from gateway.errors import Again, Conflict, NotFound, Unavailable
from gateway.store.models import Contact, ContactJoin
from tests.contacts.town import Town

HANDS = 4
ACTS = int(os.environ.get("CONTACT_ACTS", "25"))


def test_many_hands_at_once(town: Town) -> None:
    people = [town.sees(f"p{n}", name=f"N{n}") for n in range(8)]
    surprises: list[BaseException] = []

    def hand(seed: int) -> None:
        chance = random.Random(seed)

        def see() -> None:
            n, level = chance.randrange(8), chance.choice(("claimed", "verified"))
            town.sees(f"p{n}", email=f"e{chance.randrange(4)}@acme.test", level=level)

        def merge() -> None:
            town.merges(*chance.sample(people, 2))

        def split() -> None:
            with town.database.read() as db:
                edges = db.scalars(
                    select(ContactJoin.id).where(ContactJoin.undone_at.is_(None))
                ).all()
            if edges:
                town.splits(chance.choice(edges))

        def edit() -> None:
            town.edits(chance.choice(people), name=f"Edit {chance.randrange(99)}")

        def learn() -> None:
            town.learns(chance.choice(people), phone=f"+353 1 555 01{chance.randrange(9):02}")

        acts: list[Callable[[], None]] = [see, see, merge, split, split, edit, learn]
        for _ in range(ACTS):
            try:
                chance.choice(acts)()
            except (Conflict, NotFound, Again, Unavailable):
                continue  # somebody was faster
            except BaseException as surprise:
                surprises.append(surprise)
                return

    hands = [threading.Thread(target=hand, args=(seed,)) for seed in range(HANDS)]
    for one in hands:
        one.start()
    for one in hands:
        one.join(120)
    assert surprises == []
    with town.database.read() as db:
        rows = {row.id: row for row in db.execute(select(Contact.__table__))}
        edges = db.execute(
            select(ContactJoin.__table__).where(ContactJoin.undone_at.is_(None))
        ).all()
        into = {edge.from_id: edge.into_id for edge in edges}
        assert len(into) == len(edges)
        for one, row in rows.items():
            standing = one
            for _ in range(len(rows)):  # an edge too many would lead in a circle
                standing = into.get(standing, standing)
            assert standing not in into
            assert (row.joined_into or one) == standing
        for tree in load(db, [one for one in rows if one not in into]).values():
            shown = tree.shown()
            for member in tree.members:
                for detail in ("name", "email", "phone"):
                    expected = shown[detail].value if detail in shown else None
                    assert getattr(rows[member], detail) == expected
