"""Changing operators and teams: what was before, what is after, and what cannot be."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from sqlalchemy import update

from gateway.errors import Conflict, NotAuthentic, NotFound, Unreadable
from gateway.people import editing, operators, teams
from gateway.people.editing import Change
from gateway.store import Database, Transaction
from gateway.store.models import Operator

NOW = 1_700_000_000_000_000
BLANK = {
    "name": "Ann", "role": "operator", "active": True, "max_sessions": None,
    "working_hours": None, "days_off": [], "team_ids": [], "links": {},
}  # fmt: skip


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database(migrated_url)
    yield database
    database.dispose()


def add(database: Database, name: str, role: str = "operator") -> str:
    return database.write(
        lambda db: operators.add(
            db, email=f"{name}@acme.test", name=name.title(), role=role, now=NOW
        )
    ).id


def edit(database: Database, id: str, **changes: Any) -> Change:
    return database.write(lambda db: editing.edit(db, id, changes, NOW))


def test_what_is_named_changes_and_the_rest_stays(database: Database) -> None:
    ann = add(database, "ann")
    team = database.write(lambda db: teams.add(db, "First line", [], NOW)).id
    assert edit(database, ann) == Change(before=BLANK, after=BLANK)
    change = edit(
        database, ann, name=" Ann  Lee ", role="admin", max_sessions=3,
        working_hours="mon-fri  09:00-17:00", days_off=[date(2026, 12, 25), date(2026, 12, 25)],
        team_ids=[team, team], links={"one": "1", "two": "2"},
    )  # fmt: skip
    after = {
        "name": "Ann Lee", "role": "admin", "active": True, "max_sessions": 3,
        "working_hours": "mon-fri 09:00-17:00", "days_off": ["2026-12-25"], "team_ids": [team],
        "links": {"one": "1", "two": "2"},
    }  # fmt: skip
    assert change == Change(before=BLANK, after=after)
    add(database, "bob", "admin")
    change = edit(
        database, ann, role="operator", max_sessions=None, working_hours=None, days_off=[],
        team_ids=[], links={"one": None, "two": "3", "never": None},
    )  # fmt: skip
    assert change == Change(before=after, after={**BLANK, "name": "Ann Lee", "links": {"two": "3"}})


CANNOT_BE: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"name": " "}, Unreadable, "1 to 200"),
    ({"role": "boss"}, Unreadable, "not a role"),
    ({"max_sessions": 0}, Unreadable, "max_sessions"),
    ({"max_sessions": 1001}, Unreadable, "max_sessions"),
    ({"working_hours": "nine to five"}, Unreadable, "working_hours: 'nine' is no day"),
    ({"days_off": [date.fromordinal(700_000 + n) for n in range(401)]}, Unreadable, "400"),
    ({"team_ids": ["tea_x"]}, NotFound, "no team tea_x"),
    ({"links": {"one": ""}}, Unreadable, "CHANNEL:ADMIN_ID"),
    ({"name": "Bob", "links": {"one": "9"}}, Conflict, "another operator"),
]


def test_what_cannot_be_changes_nothing(database: Database) -> None:
    ann, other = add(database, "ann"), add(database, "other")
    edit(database, other, links={"one": "9"})
    for changes, error, said in CANNOT_BE:
        with pytest.raises(error, match=said):
            edit(database, ann, **changes)
    with database.read() as db:
        assert editing.profile(db, ann) == BLANK
        with pytest.raises(NotFound):
            editing.profile(db, "opr_x")


def test_who_is_deactivated_comes_in_no_more(database: Database) -> None:
    ann = add(database, "ann")
    database.write(
        lambda db: operators.add(
            db, email="gus@acme.test", name="Gus", role="viewer", now=NOW, password="s3cret words"
        )
    )
    with database.read() as db:
        gus = operators.find(db, "gus@acme.test").id
    tokens = [database.write(lambda db: operators.new_token(db, gus, NOW)) for _ in range(2)]
    hers = database.write(lambda db: operators.new_token(db, ann, NOW))
    assert edit(database, gus, active=False).after == {**BLANK, "name": "Gus", "role": "viewer",
                                                       "active": False}  # fmt: skip
    with database.read() as db:
        assert not operators.password_holds(db, "gus@acme.test", "s3cret words")
        assert operators.authenticate(db, hers).id == ann
        for token in tokens:
            with pytest.raises(NotAuthentic):
                operators.authenticate(db, token)
    edit(database, gus, active=True)
    with database.read() as db:
        assert operators.password_holds(db, "gus@acme.test", "s3cret words")
        with pytest.raises(NotAuthentic):  # the old ones are gone for good
            operators.authenticate(db, tokens[0])


def test_somebody_can_always_administrate(database: Database) -> None:
    ann = add(database, "ann", "admin")
    for changes in ({"role": "viewer"}, {"active": False}):
        values: dict[str, Any] = changes
        with pytest.raises(Conflict, match="nobody could administrate"):
            edit(database, ann, **values)
    bob = add(database, "bob", "admin")
    edit(database, ann, active=False)
    with pytest.raises(Conflict):
        edit(database, bob, role="operator")


def test_of_two_who_dismiss_each_other_one_stays(database: Database) -> None:
    for round in range(5):
        pair = [add(database, f"admin{round}{side}", "admin") for side in "ab"]
        together, refused = threading.Barrier(2), []

        def dismiss(id: str, together: threading.Barrier, refused: list[str]) -> None:
            together.wait()
            try:
                edit(database, id, active=False)
            except Conflict:
                refused.append(id)

        threads = [threading.Thread(target=dismiss, args=(id, together, refused)) for id in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(refused) == 1
        # The next pair are the only ones again.
        database.write(
            lambda db: db.execute(update(Operator).values(role="viewer", deactivated_at=None))
        )


# -- teams -------------------------------------------------------------------------------------


def test_a_teams_life(database: Database) -> None:
    ann, bob = sorted((add(database, "ann"), add(database, "bob")))
    team = database.write(lambda db: teams.add(db, " First  line", [bob, ann, bob], NOW))
    assert (team.name, team.member_ids) == ("First line", (ann, bob))
    change = database.write(lambda db: teams.edit(db, team.id, name="Second", member_ids=[ann]))
    assert change == Change(
        before={"name": "First line", "member_ids": [ann, bob]},
        after={"name": "Second", "member_ids": [ann]},
    )
    for _ in range(2):
        change = database.write(lambda db: teams.join(db, team.id, bob))
    assert change.before == change.after == {"name": "Second", "member_ids": [ann, bob]}
    for _ in range(2):
        change = database.write(lambda db: teams.leave(db, team.id, ann))
    assert change.after == {"name": "Second", "member_ids": [bob]}
    with database.read() as db:
        assert teams.find_by_name(db, "Second").id == team.id
        assert [one.name for one in teams.find_all(db)] == ["Second"]
    change = database.write(lambda db: teams.remove(db, team.id))
    assert change == Change(before={"name": "Second", "member_ids": [bob]}, after={})
    with database.read() as db:
        assert editing.profile(db, bob)["team_ids"] == []
        with pytest.raises(NotFound):
            teams.find(db, team.id)


def test_what_cannot_be_a_team(database: Database) -> None:
    one = database.write(lambda db: teams.add(db, "One", [], NOW)).id
    two = database.write(lambda db: teams.add(db, "Two", [], NOW)).id
    for work, error, said in (
        (lambda db: teams.add(db, "One", [], NOW), Conflict, "a team One already"),
        (lambda db: teams.edit(db, two, name="One"), Conflict, "a team One already"),
        (lambda db: teams.add(db, " ", [], NOW), Unreadable, "1 to 100"),
        (lambda db: teams.add(db, "x" * 101, [], NOW), Unreadable, "1 to 100"),
        (lambda db: teams.edit(db, one, member_ids=["opr_x"]), NotFound, "no operator opr_x"),
        (lambda db: teams.join(db, one, "opr_x"), NotFound, "no operator opr_x"),
        (lambda db: teams.join(db, "tea_x", "opr_x"), NotFound, "no such team"),
        (lambda db: teams.find_by_name(db, "Three"), NotFound, "there are: One, Two"),
    ):
        with pytest.raises(error, match=said):
            database.write(work)
    # Its own name again is no other's.
    assert database.write(lambda db: teams.edit(db, one, name="One")).after == {
        "name": "One", "member_ids": [],
    }  # fmt: skip


def test_of_two_teams_that_want_one_name_the_second_is_told(database: Database) -> None:
    for round in range(5):
        pair = [
            database.write(lambda db, n=f"{side}{round}": teams.add(db, n, [], NOW)).id  # type: ignore[misc]
            for side in "ab"
        ]
        together = threading.Barrier(3)
        works: list[Callable[[Transaction], object]] = [
            *(lambda db, id=id, n=f"wanted{round}": teams.edit(db, id, name=n) for id in pair),
            lambda db, n=f"wanted{round}": teams.add(db, n, [], NOW),
        ]
        said: list[BaseException | None] = []

        def change(
            work: Callable[[Transaction], object],
            together: threading.Barrier,
            said: list[BaseException | None],
        ) -> None:
            together.wait()
            try:
                database.write(work)
            except BaseException as error:
                said.append(error)
            else:
                said.append(None)

        threads = [threading.Thread(target=change, args=(work, together, said)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert said.count(None) == 1
        assert [type(one) for one in said if one is not None] == [Conflict, Conflict]
