"""The story's verdicts: what did not happen is said, and the rest is not pretended."""

import threading

import pytest

from gateway.demo import steps
from gateway.demo.doors import NotHappened, Patience
from gateway.demo.story import Story
from gateway.demo.transcript import Transcript
from tests.demo.actors import DeskDouble, ObserverDouble, Town


def play(town: Town, *, within_s: float) -> bool:
    patience = Patience(within_s, threading.Event())
    with DeskDouble(town) as desk, ObserverDouble(town) as gateway:
        return steps.play(Story(desk, gateway, patience).steps(), Transcript("Europe/Dublin"))


def test_the_doubles_can_play_it_to_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert play(Town(), within_s=10)
    told = capsys.readouterr().out
    assert told.count("\n  ✓ ") == 6
    assert "✗" not in told


@pytest.mark.parametrize(
    ("town", "said", "proved"),
    [
        (Town(dumb=True), "waited 0.5 s in vain for the AI's words “FL-1077”", 0),
        (Town(talks_over=True), "the AI spoke although Aoife is in charge", 2),
        (Town(forgets=True), "waited 5 s in vain for mode human", 5),
    ],
    ids=["dumb", "talks over a person", "does not hand over"],
)
def test_what_goes_wrong_is_said(
    town: Town, said: str, proved: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not play(town, within_s=5 if proved else 0.5)
    told = capsys.readouterr().out
    assert told.count("\n  ✓ ") == proved
    assert f"✗ {said}" in told
    assert told.count("✗ not reached: ") == 5 - proved


def test_waiting_ends_when_all_is_over() -> None:
    over = threading.Event()
    over.set()
    with pytest.raises(NotHappened, match="stopped while waiting for rain"):
        Patience(60, over).wait("rain", lambda: False)


def test_a_person_can_read_the_transcript(capsys: pytest.CaptureFixture[str]) -> None:
    def line(id: str, kind: str, author: str, text: str, state: str = "sent") -> dict[str, object]:
        return {
            "id": id,
            "kind": kind,
            "author": {"kind": author, "name": {"ai": "shop", "system": None}.get(author, "Nora")},
            "text": text,
            "state": state,
            "occurred_at": "2026-07-01T16:08:09.123456Z",
        }

    transcript = Transcript("Europe/Dublin")
    history = [
        line("1", "message", "customer", "Hello!"),
        line("2", "message", "ai", "**Hello** Nora.\n\nWhat can I do?", state="failed"),
        line("3", "marker", "system", "Transfer to human agent at 1 Jul 2026, 17:08"),
        line("4", "note", "ai", ""),
    ]
    transcript.tell(history)
    history[3]["text"] = "A note."
    transcript.tell(history)
    assert capsys.readouterr().out.splitlines() == [
        "    17:08:09  Nora               Hello!",
        "    17:08:09  shop (AI)          Hello Nora.",
        "                                 What can I do?  [failed]",
        "    17:08:09  ── Transfer to human agent at 1 Jul 2026, 17:08 ──",
        "    17:08:09  shop (AI) (note)   A note.",
    ]
