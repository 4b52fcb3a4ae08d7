"""Faults that could creep in, one line each, and the checks that must turn red.

A check is a test, or a scope of `python -m tests.exhaust`. `more`: only where all are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

RACES = "tests/races/test_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """`old` stands once in the module, and becomes `new`."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault, the promise that it breaks, and the check that notices."""

    promise: str
    name: str
    edits: tuple[Edit, ...]
    check: str
    more: bool = False


_CANCELS_NOTHING = Edit(
    module="gateway.conversations.consequences",
    old="    pushes.cancel(db, why=why, now=now, session_id=ref.id, ours_too=back)\n",
    new="",
)
_BEGINS_WHATEVER = Edit(
    module="gateway.conversations.lanes",
    old='case "answer" if state != "ai" or session.epoch != push.epoch:',
    new='case "answer" if state == "finished":',
)
_SENDS_AGAIN_AT_ONCE = Edit(
    module="gateway.conversations.lanes",
    old="""            state="unknown",
            due_at=Push.begun_at + READ_BACK_US[0],""",
    new="""            state="owed",
            due_at=Push.begun_at,""",
)

FAULTS = (
    Fault(
        promise="P1", name="the AI's owed words are not cancelled by a takeover",
        edits=(_CANCELS_NOTHING,),
        check=f"{RACES}takeover.py::test_between_the_answer_and_the_claim_of_its_lane", more=True,
    ),
    Fault(
        promise="P1", name="a begin does not ask who is in charge",
        edits=(_CANCELS_NOTHING, _BEGINS_WHATEVER),
        check="exhaust:takeover",
    ),
    Fault(
        promise="P1", name="an answer is used whoever took over meanwhile",
        edits=(
            Edit(
                module="gateway.conversations.consequences",
                old="    turns.discard_open(db, ref, why, now)\n", new="",
            ),
            Edit(
                module="gateway.conversations.asking.answers",
                old='if row.epoch != turn.epoch or row.mode == "human":', new="if False:",
            ),
        ),
        check=f"{RACES}takeover.py::test_while_the_answer_is_thought_out", more=True,
    ),
    Fault(
        promise="P1", name="what was on the wire is not told",
        edits=(
            Edit(
                module="gateway.conversations.consequences",
                old="        pushes.mark_overlapped(db, ref.id)\n", new="        pass\n",
            ),
        ),
        check=f"{RACES}takeover.py::test_between_begin_and_post",
    ),
    Fault(
        promise="P1", name="a sender begins with a claim that it has lost",
        edits=(
            Edit(
                module="gateway.conversations.lanes",
                old=' push.state == "owed" and is_ours()',
                new=' push.state == "owed"',
            ),
        ),
        check=f"{RACES}workers.py::test_begin_asks_for_the_token", more=True,
    ),
    Fault(
        promise="P2", name="a notification is kept, and applied by somebody else later",
        edits=(
            Edit(
                module="gateway.inbox.inbox",
                old="                new.append(one)\n", new="                pass\n",
            ),
        ),
        check=f"{RACES}lost.py::test_every_worker_stopped_and_redis_down",
    ),
    Fault(
        promise="P3", name="what comes late counts as the newest",
        edits=(
            Edit(
                module="gateway.conversations.record",
                old="    late = [fact for fact in fresh if place(fact) < thread.newest]\n",
                new="    late: list[Fact] = []\n",
            ),
        ),
        check="tests/order/test_late.py::test_every_order",
    ),
    Fault(
        promise="P4", name="what a failed delivery might have said is not looked at",
        edits=(
            Edit(
                module="gateway.inbox.inbox",
                old=".values(held_since=held.held_since or now, read_due=now)",
                new=".values(held_since=None)",
            ),
        ),
        check=f"{RACES}failed_deliveries.py::test_the_ai_waits_until_the_conversation_has_been_read",
        more=True,
    ),
    Fault(
        promise="P4", name="a wake-up that is lost is lost for good",
        edits=(
            Edit(
                module="gateway.sync.scheduler",
                old="    due = [kind for kind in kinds if bench.works[kind].due(1)]\n",
                new="    due: list[Kind] = []\n",
            ),
        ),
        check=f"{RACES}wakes.py::test_redis_is_emptied",
    ),
    Fault(
        promise="P4", name="what was committed may not be on the disk yet",
        edits=(
            Edit(
                module="gateway.store.database",
                old='"synchronous=FULL"', new='"synchronous=OFF"',
            ),
        ),
        check="tests/store/test_database.py::test_sqlite_waits_for_the_disk",
    ),
    Fault(
        promise="P5", name="after an unknown outcome it is sent again at once",
        edits=(_SENDS_AGAIN_AT_ONCE,),
        check=f"{RACES}outcomes.py::test_it_happened_and_nobody_said_so", more=True,
    ),
    Fault(
        promise="P5", name="an echo of ours is not recognised",
        edits=(
            Edit(
                module="gateway.conversations.pushes",
                old="    return bool(push.folded in (folded, hashed(folded)))\n",
                new="    return False\n",
            ),
        ),
        check="exhaust:killed",
    ),
    Fault(
        promise="P5", name="one look is enough after an unknown outcome",
        edits=(
            Edit(
                module="gateway.conversations.lanes",
                old="    if push.reads + 1 < len(READ_BACK_US):\n", new="    if False:\n",
            ),
        ),
        check=f"{RACES}outcomes.py::test_it_happens_between_the_two_reads", more=True,
    ),
    Fault(
        promise="P6", name="the newest of a lane goes first",
        edits=(
            Edit(
                module="gateway.conversations.heads",
                old="    .order_by(_PUSHES.c.id)\n    .limit(1)",
                new="    .order_by(_PUSHES.c.id.desc())\n    .limit(1)",
            ),
        ),
        check=f"{RACES}outcomes.py::test_the_next_part_waits_for_the_outcome_of_the_first",
    ),
    Fault(
        promise="P7", name="any signature is right",
        edits=(
            Edit(
                module="gateway.channels.intercom.signature",
                old="        held |= hmac.compare_digest(digest, given)\n",
                new="        held |= bool(digest) and bool(given)\n",
            ),
        ),
        check="tests/channels/intercom/test_signature.py",
    ),
    Fault(
        promise="P7", name="a visitor may read what another one's session holds",
        edits=(
            Edit(
                module="gateway.visitors.theirs",
                old="    return and_(Conversation.channel == visitor.channel, mine)\n",
                new="    return and_(Conversation.channel == visitor.channel, or_(mine, True))\n",
            ),
        ),
        check="tests/channels/webwidget/test_talk.py::"
        "test_a_known_visitor_chooses_among_sessions_of_every_device",
    ),
    Fault(
        promise="P7", name="the channel's HTML reaches a browser as it came",
        edits=(
            Edit(
                module="gateway.channels.intercom.markup",
                old='return _IMAGE.sub("", _reader.clean(bounded(html)))',
                new='return _IMAGE.sub("", bounded(html))',
            ),
            Edit(
                module="gateway.channels.intercom.markup",
                old="    clean = _reader.clean(bounded(html))\n    images",
                new="    clean = bounded(html)\n    images",
            ),
        ),
        check="tests/channels/intercom/test_markup.py", more=True,
    ),
)  # fmt: skip
