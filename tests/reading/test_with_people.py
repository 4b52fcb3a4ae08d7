"""What waits for people and what they hold: in which order, who sees it as theirs, how many."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from gateway.conversations import doors
from gateway.conversations.doors import Caller
from gateway.people import operators, teams
from gateway.reading.with_people import Counts, Desk, DeskFilter, Seat, find_desk
from gateway.store.models import Message
from gateway.visitors import marks
from tests.desk import PLAIN
from tests.desk import Desk as Office
from tests.services.statements import counted

NOBODY_MAY = "no"


def look(it: Office, who: Caller, **wanted: Any) -> Desk:
    seat = Seat(id=who.id, links=wanted.pop("links", {}), channels=wanted.pop("channels", (PLAIN,)))
    limit = wanted.pop("limit", 200)
    with it.database.read() as db:
        return find_desk(
            db, seat, DeskFilter(**wanted), refusal=lambda status, mode: NOBODY_MAY, limit=limit
        )


def ids(desk: Desk) -> list[str]:
    return [session["id"] for session in desk.items]


def test_who_waits_comes_first_by_the_deadline_and_the_ai_s_own_are_not_there(
    on_both: Office,
) -> None:
    it = on_both
    ann, bob = it.operator("Ann"), it.operator("Bob")
    answered = it.says("One", "c1")
    it.hand_over(answered, ann)
    it.act(doors.write_message, answered, ann, text="Here I am, a <b> & c")
    html = "<p>Order <strong>7</strong>:</p><p>a &lt;b&gt; &amp; c</p>"
    it.database.write(
        lambda db: db.execute(
            update(Message).where(Message.author_kind == "operator").values(html=html)
        )
    )
    it.advance(10)
    later = it.says("Two", "c2")
    it.hand_over(later, ann)
    it.advance(10)
    latest = it.says("Three", "c3")
    it.hand_over(latest, ann)
    by_ai = it.says("Four", "c4")
    gone = it.says("Five", "c5")
    it.hand_over(gone, ann)
    it.act(doors.finish, gone, ann, reason="")

    desk = look(it, ann)
    assert ids(desk) == [later, latest, answered]
    assert by_ai not in ids(desk)
    assert desk.counts == Counts(all=3, mine=1, unassigned=2, waiting=2)
    assert [one["mine"] for one in desk.items] == [False, False, True]
    assert look(it, bob).counts == Counts(all=3, mine=0, unassigned=2, waiting=2)
    assert look(it, bob, channels=()).counts.waiting == 0, "where one cannot answer nobody waits"
    assert desk.items[0]["last"] == {"author": "customer", "text": "Two", "files": 0}
    assert desk.items[2]["last"] == {
        "author": "operator",
        "text": "Order 7: a <b> & c",
        "files": 0,
    }
    assert {one["workspace"] for one in desk.items} == {"plain"}

    short = look(it, ann, limit=2)
    assert (ids(short), short.more) == ([later, latest], True)
    assert not desk.more


def test_filters_choose_mine_unassigned_and_a_name(on_both: Office) -> None:
    it = on_both
    ann, bob = it.operator("Ann"), it.operator("Bob")
    mine, bobs, free = (it.says("Hello?", f"c{n}") for n in (1, 2, 3))
    for session in (mine, bobs, free):
        it.hand_over(session, ann)
    it.act(doors.accept, mine, ann)
    it.act(doors.accept, bobs, bob)
    assert ids(look(it, ann, show="mine")) == [mine]
    assert ids(look(it, ann, show="unassigned")) == [free]
    assert ids(look(it, ann, name="bo")) == [bobs]
    assert ids(look(it, ann, name="BOB ")) == [bobs]
    assert ids(look(it, ann, name="_")) == [], "no wildcards"
    assert ids(look(it, ann, name="nobody")) == []


def test_what_is_held_under_the_channel_s_name_for_somebody_is_theirs(on_both: Office) -> None:
    it = on_both
    ann = it.operator("Ann")
    it.database.write(lambda db: operators.link(db, ann.id, PLAIN, "9000"))
    session = it.says("Hello?")
    it.hand_over(session, ann)
    linked = Caller(id=ann.id, name="Ann", role="operator", as_operator="9000")
    it.act(doors.accept, session, linked)
    assert ids(look(it, ann, links={PLAIN: "9000"}, show="mine")) == [session]
    assert look(it, ann, links={PLAIN: "9000"}).counts.mine == 1
    assert look(it, it.operator("Bob"), links={PLAIN: "9001"}).counts.mine == 0


def test_unread_is_what_the_customer_said_since_one_read_or_somebody_answered(
    on_both: Office,
) -> None:
    it = on_both
    ann = it.operator("Ann")
    session = it.says("One")
    it.says("Two")
    it.hand_over(session, ann)

    def unread() -> int:
        (one,) = look(it, ann).items
        return int(one["unread"])

    assert unread() == 2
    # Up to where somebody inside has read is for the customer; what counts here is one's own.
    by = {"kind": "operator", "id": ann.id, "name": "Ann"}
    it.database.write(lambda db: marks.read_up_to(db, "operator", session, None, by, it.now))
    assert unread() == 2
    it.database.write(lambda db: marks.read_by(db, ann.id, session, None, it.now))
    assert unread() == 0
    it.says("Three")
    assert unread() == 1
    it.act(doors.write_message, session, ann, text="Yes?")
    assert unread() == 0
    it.says("Four")
    assert unread() == 1


def test_a_session_that_waits_for_a_team_of_ours_is_offered_to_it_by_its_name(
    on_both: Office,
) -> None:
    it = on_both
    ann, bob = it.operator("Ann"), it.operator("Bob")
    team = it.database.write(lambda db: teams.add(db, "Second line", [bob.id], it.now))
    session = it.says("Hello?")
    it.act(doors.assign_team, session, ann, team=team.id, link="")
    (one,) = look(it, ann, show="unassigned").items
    assert one["responsible"]["team_name"] == "Second line"
    assert one["wait"]["step"] == "accept"
    assert not one["wait"]["overdue"]
    it.act(doors.accept, session, bob)
    it.act(doors.assign_team, session, bob, team=team.id, link="")
    (one,) = look(it, ann).items
    assert (one["responsible"]["kind"], one["responsible"]["team"]) == ("unassigned", team.id)
    assert it.markers(session) == ["handover", "assigned", "assigned_team"]


def test_a_deadline_that_has_passed_is_told(on_both: Office) -> None:
    it = on_both
    ann = it.operator("Ann")
    session = it.says("Hello?")
    it.hand_over(session, ann)
    for _ in range(20):
        (one,) = look(it, ann).items
        if one["wait"]["overdue"]:
            return
        it.advance(60)
        it.work("deadlines")
    raise AssertionError("nothing was ever found to take too long")


def test_many_sessions_take_no_more_statements_than_a_few(on_both: Office) -> None:
    it = on_both
    ann = it.operator("Ann")
    counts: list[int] = []
    for upto in (2, 12):
        for number in range(upto):
            session = it.says("Hello?", f"c{upto}-{number}")
            it.hand_over(session, ann)
            if number % 2:
                it.act(doors.accept, session, ann)
        with counted(it.database) as seen:
            look(it, ann)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 12
