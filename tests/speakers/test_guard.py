"""The loop guard: machines are found out, people are left alone, however fast they type."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import to_micros
from gateway.conversations.doors.handing import return_to_ai
from gateway.conversations.guard import (
    LOOP,
    SHORTEST_REPEAT,
    SHORTEST_TOO_FAST,
    TYPED_PER_S,
    Line,
    automatic_in_a_row,
)
from gateway.conversations.thread import lock_session
from gateway.events import SYSTEM, Answer
from gateway.store import Transaction
from tests.races.moves import back, said, start
from tests.rig import AOIFE, CHANNEL, Rig
from tests.speakers.conftest import Make

# GUARD_EXAMPLES=20000 for the long run.
EXAMPLES = int(os.environ.get("GUARD_EXAMPLES", "150"))
RECEIPT = "Thank you for your message. We have received it and will answer within two days."


def line(author: str, text: str, at_s: float) -> Line:
    """A line as channels tell it: in whole seconds."""
    return Line(author=author, text=text, at=int(at_s) * 1_000_000)


def talk(*lines: tuple[str, str, float]) -> list[Line]:
    return [line(*one) for one in lines]


def with_answers(customer: Sequence[tuple[str, float]], *, answer_s: float) -> list[Line]:
    """The customer's lines, with an answer of the AI so soon after each of them."""
    said = [("customer", text, at) for text, at in customer]
    said += [("ai", f"Answer {n}.", at + answer_s) for n, (_, at) in enumerate(customer)]
    return talk(*sorted(said, key=lambda one: one[2]))


# -- machines --------------------------------------------------------------------------------------


def test_the_same_receipt_again_and_again() -> None:
    lines = with_answers([(RECEIPT, 60.0 * n) for n in range(6)], answer_s=2)
    assert automatic_in_a_row(lines, email=False) == 5


def test_a_bot_with_three_phrases() -> None:
    phrases = ["I did not understand that.", "Please choose: 1, 2 or 3.", "Type MENU for the menu."]
    customer = [(phrases[n % 3], 30.0 * n) for n in range(9)]
    assert automatic_in_a_row(with_answers(customer, answer_s=2), email=False) == 6


@given(
    lengths=st.lists(st.integers(150, 1200), min_size=2, max_size=12),
    think_s=st.floats(0.2, 2.0),
    answer_s=st.floats(0.2, 2.0),
)
def test_a_talkative_model_types_faster_than_anybody(
    lengths: list[int], think_s: float, answer_s: float
) -> None:
    customer = [
        (f"{n} " + "word " * (length // 5), n * (think_s + answer_s))
        for n, length in enumerate(lengths)
    ]
    lines = with_answers(customer, answer_s=answer_s)
    assert automatic_in_a_row(lines, email=False) == len(lengths) - 1


def test_marked_mail() -> None:
    lines = talk(
        ("customer", "Where is my order?", 0),
        ("ai", "On its way.", 1),
        ("customer", "Réponse automatique : absent\n\nJe suis en vacances.", 2),
        ("ai", "Enjoy.", 3),
        ("customer", "Automatic reply: away", 60),
    )
    assert automatic_in_a_row(lines, email=True) == 2
    assert automatic_in_a_row(lines, email=False) == 0
    assert automatic_in_a_row(talk(("customer", "Out of office: x", 0)), email=True) == 1


# -- people ----------------------------------------------------------------------------------------

WORDS = st.text("abcdefghij ", min_size=1, max_size=90)


@settings(max_examples=EXAMPLES)
@given(
    typed=st.lists(st.tuples(WORDS, st.floats(3.0, 15.0)), min_size=1, max_size=40),
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.0, 4.0, 12.0]), min_size=40, max_size=40),
    answer_s=st.floats(0.0, 4.0),
    start_s=st.floats(0, 1),
)
def test_nobody_who_types_is_taken_for_a_machine(
    typed: list[tuple[str, float]], pauses: list[float], answer_s: float, start_s: float
) -> None:
    """Up to 15 characters a second, in bursts without a pause, an AI answering every line."""
    at, customer = start_s, []
    for number, ((text, per_s), pause_s) in enumerate(zip(typed, pauses, strict=False)):
        words = f"{number} {text}"  # nobody says exactly the same again and again
        at += len(words) / per_s + pause_s
        customer.append((words, at))
    assert automatic_in_a_row(with_answers(customer, answer_s=answer_s), email=False) == 0


def test_yes_and_no_are_habits() -> None:
    customer = [(("Yes", "No", "ok thanks", "Yes")[n % 4], 3.0 * n) for n in range(40)]
    assert automatic_in_a_row(with_answers(customer, answer_s=1), email=False) == 0


def test_buttons_come_at_once() -> None:
    customer = [(f"Show me the details of order FL-{1000 + n}", 1.0 * n) for n in range(20)]
    assert automatic_in_a_row(with_answers(customer, answer_s=0.5), email=False) == 0


def test_a_text_that_is_pasted_now_and_then() -> None:
    customer = []
    for n in range(12):
        text = f"{n} " + "log line " * 200 if n % 3 else f"And what does number {n} mean?"
        customer.append((text, 10.0 * n))
    assert automatic_in_a_row(with_answers(customer, answer_s=2), email=False) <= 2


def test_a_message_in_many_lines_is_one() -> None:
    lines = talk(("customer", "Hello", 0), ("ai", "Hi", 1))
    lines += [
        line("customer", f"line {n} of what I was writing all along", 4 * n) for n in range(9)
    ]
    assert automatic_in_a_row(lines, email=False) == 0


def test_a_persons_words_end_it() -> None:
    lines = with_answers([(RECEIPT, 60.0 * n) for n in range(6)], answer_s=2)
    lines.append(line("operator", "Hello?", 400))
    assert automatic_in_a_row(lines, email=False) == 0
    lines.append(line("customer", RECEIPT, 401))
    assert automatic_in_a_row(lines, email=False) == 0


def test_limits_are_what_they_are() -> None:
    short = [("x" * (SHORTEST_REPEAT - 1), 10.0 * n) for n in range(6)]
    assert automatic_in_a_row(with_answers(short, answer_s=1), email=False) == 0
    longer = [("x" * SHORTEST_REPEAT, 10.0 * n) for n in range(6)]
    assert automatic_in_a_row(with_answers(longer, answer_s=1), email=False) == 5
    size = SHORTEST_TOO_FAST
    seconds = int(size / TYPED_PER_S)
    just = [(f"{n:0{size}}", float(n * (seconds - 1))) for n in range(3)]
    assert automatic_in_a_row(with_answers(just, answer_s=0), email=False) == 0
    faster = [(f"{n:0{size}}", float(n * (seconds - 2))) for n in range(3)]
    assert automatic_in_a_row(with_answers(faster, answer_s=0), email=False) == 2


def test_nothing_is_no_loop() -> None:
    assert automatic_in_a_row([], email=False) == 0
    assert automatic_in_a_row(talk(("ai", "Hi", 0), ("system", "x", 1)), email=True) == 0


# -- through a whole gateway -----------------------------------------------------------------------


def responder(it: Rig, cid: str, *texts: str, times: int, every_s: float = 60.0) -> int:
    """Let a machine answer each of our words; return how often the AI was asked."""
    before = len(it.agent.turns)
    for number in range(times):
        it.advance(every_s)
        heard = len(it.said_by_bot(cid))
        it.agent.next = [Answer(messages=[f"Answer {number}, for sure."])]
        it.world.customer_replies(cid, texts[number % len(texts)].format(number))
        it.settle()
        if len(it.said_by_bot(cid)) == heard:  # it answers only who writes
            break
    return len(it.agent.turns) - before


def looped(it: Rig, cid: str, reason: str) -> None:
    session = it.session(cid)
    assert session.mode == "human"
    assert (session.handover["trigger"], session.handover["reason"]) == ("rule", reason)
    turn = it.turns()[-1]
    assert (turn.state, turn.why) == ("discarded", f"not asked: {reason}")


def test_two_machines_end_with_a_person(make_on_both: Make) -> None:
    it = make_on_both(handover_message="Somebody is coming.")
    cid = start(it)
    asked = responder(it, cid, RECEIPT, times=1000)
    assert asked == 5
    looped(it, cid, LOOP)
    assert said(it, cid)[-1] == "Somebody is coming."
    assert len(said(it, cid)) == 7
    assert any(LOOP in m.text for m in it.history(cid, "note"))
    # The machine answers that as well, and nobody answers it.
    responder(it, cid, RECEIPT, times=3)
    assert len(said(it, cid)) == 7


def test_a_machine_that_never_says_the_same(make: Make) -> None:
    it = make()
    cid = start(it)
    long = "Number {}: " + "and another thing that I wanted to tell you at length " * 8
    assert responder(it, cid, long, times=1000, every_s=4.0) == 4
    looped(it, cid, LOOP)


def test_a_person_gives_it_back_and_the_count_begins_anew(make: Make) -> None:
    it = make()
    cid = start(it)
    responder(it, cid, RECEIPT, times=1000)
    looped(it, cid, LOOP)
    it.advance(60)
    back(it, cid)
    it.advance(1)
    it.settle()
    assert it.session(cid).mode == "ai"
    # The words that were too many are answered, and that is the first of the new count.
    assert responder(it, cid, RECEIPT, times=1000) == 4
    looped(it, cid, LOOP)


def test_nobody_came_and_the_ai_is_back(make: Make) -> None:
    """The gateway's own return to the AI does not let the two machines go on."""
    it = make()
    cid = start(it)
    responder(it, cid, RECEIPT, times=1000)
    looped(it, cid, LOOP)
    it.advance(60)
    terms, now = it.parts.terms[CHANNEL], to_micros(it.clock.now())

    def give_back(db: Transaction) -> None:
        held, row = lock_session(db, it.session(cid).id)
        return_to_ai(db, terms, held, row.id, by=SYSTEM, now=now)

    it.parts.database.write(give_back)
    it.settle()
    assert responder(it, cid, RECEIPT, times=1000) == 0
    looped(it, cid, LOOP)


def test_the_limit_of_a_day(make_on_both: Make) -> None:
    it = make_on_both(max_answers_a_day=8, loop_guard_turns=0)
    cid = start(it)
    assert responder(it, cid, "Word {}", times=1000, every_s=10.0) == 7
    looped(it, cid, "Limit: 8 answers of the AI within 24 hours")


def test_a_customer_who_comes_back_every_day_meets_no_limit(make: Make) -> None:
    it = make(max_answers_a_day=4, idle_timeout_s=0.0)
    cid = start(it)
    assert responder(it, cid, "Word {}", times=8, every_s=8 * 3600.0) == 8
    assert it.session(cid).mode == "ai"


def test_switched_off(make: Make) -> None:
    it = make(loop_guard_turns=0, max_answers_a_day=0)
    cid = start(it)
    assert responder(it, cid, RECEIPT, times=7) == 7


def test_an_eager_ai_and_a_fast_typist(make: Make) -> None:
    """A line every three seconds, an answer to each of them within a second: still a customer."""
    it = make()
    cid = start(it)
    lines = ("ok but where is it now", "it said monday", "today is tuesday {}", "so {} days late")
    assert responder(it, cid, *lines[2:], times=20, every_s=3.0) == 20
    assert it.session(cid).mode == "ai"


def test_a_person_took_over_and_came_back_by_the_channel(make: Make) -> None:
    it = make()
    cid = start(it)
    responder(it, cid, RECEIPT, times=4)
    it.advance(5)
    it.world.assign(cid, AOIFE, by=AOIFE)
    it.settle()
    it.advance(5)
    it.world.assign(cid, "814860", by=AOIFE)
    it.settle()
    it.agent.next.clear()
    assert responder(it, cid, RECEIPT, times=3) == 3
    assert it.session(cid).mode == "ai"
