"""The benches' plumbing: it runs and finds the record right. No timing is asserted."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from bench import backfill, chaos, flood, handover, reconcile, reply, scale, streams, webhook
from bench.agent import MARK
from bench.chaos.lines import line_to
from bench.figures import Spread, quantile
from bench.servers import ROOT
from bench.sidelook import busiest
from bench.stage import Talk
from bench.traffic import CLIENT_SECRET, Traffic, conversations
from gateway.channels.intercom.signature import verify_notification


def test_every_notification_is_signed_and_unique() -> None:
    posted = Traffic().post(300)
    assert len({one.request for one in posted}) == 300
    for one in posted:
        head, _, body = one.request.partition(b"\r\n\r\n")
        signature = head.rpartition(b"X-Hub-Signature: ")[2].split(b"\r\n")[0].decode()
        verify_notification({"X-Hub-Signature": signature}, body, [CLIENT_SECRET])
    assert len(conversations(posted)) > 10


def test_the_mix_has_what_a_workspace_sends() -> None:
    traffic = Traffic()
    traffic.post(2000)
    assert set(traffic.topics) >= {
        "conversation.user.created", "conversation.user.replied", "conversation.admin.replied",
        "conversation.admin.assigned", "conversation.read", "contact.user.created",
    }  # fmt: skip


@pytest.mark.slow(35)
def test_the_whole_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--database", "sqlite", "--seconds", "0.3", "--rounds", "1", "--floor", "ordinary"]
    arguments += ["--connections", "2", "--deliveries", "20", "--folder", str(tmp_path)]
    assert webhook.main(arguments) == 0
    said = capsys.readouterr().out
    assert "RIGHT" in said
    assert "ratio gateway/floor" in said
    assert "commits per webhook: 1.00" in said


@pytest.mark.slow(20)
def test_every_message_is_answered_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--database", "sqlite", "--seconds", "2", "--warm-up", "0", "--rate", "2"]
    assert reply.main([*arguments, "--debounce", "0", "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "0 unanswered, 0 answered twice" in said
    assert re.search(r"CPU by message, ms: .*web \d.*turns \d.*deliver \d", said)


@pytest.mark.slow
def test_the_others_lose_nothing_beside_a_flood(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--database", "sqlite", "--seconds", "0.3", "--rounds", "1", "--rate", "20"]
    arguments += ["--connections", "4", "--folder", str(tmp_path)]
    assert flood.main([*arguments, "--kind", "workspace", "--kind", "hanging up"]) == 0
    said = capsys.readouterr().out
    assert "RIGHT" in said
    assert "workspace: ratio" in said
    assert "hanging up: ratio" in said


@pytest.mark.slow(38)
def test_nobody_speaks_after_a_handover(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--database", "sqlite", "--seconds", "1", "--warm-up", "0.5", "--rate", "5"]
    assert handover.main([*arguments, "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "0 refused, 0 answered 503; 0 answers of the AI began after the 200" in said


def test_a_reply_is_counted_from_the_last_message_of_its_burst() -> None:
    talk = Talk(meant={"q000001": 10.0, "q000002": 10.2})
    talk.replies.append((11.3, tuple(MARK.findall("You wrote q000001 q000002."))))
    assert talk.seconds(since=0) == [pytest.approx(1.1)]
    assert talk.answers() == {"q000001": 1, "q000002": 1}


@pytest.mark.slow(17)
def test_a_pass_beside_live_customers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Nobody is killed, for the lease lasts a minute (tests/healing/test_killed.py kills), and what
    # was just said is left, for it is read when it is 90 s old (tests/healing/test_reconcile.py).
    arguments = ["--conversations", "30", "--rounds", "0", "--kill", "0", "--warm-up", "0"]
    arguments += ["--rate", "2", "--debounce", "0.1", "--leave-young", "--folder", str(tmp_path)]
    assert reconcile.main(arguments) == 0
    said = capsys.readouterr().out
    assert "30 repaired" in said
    assert "0 answered 429" in said
    assert "RIGHT" in said


@pytest.mark.slow(20)
def test_the_past_is_the_truth(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--conversations", "20", "--parts", "120", "--kill", "0", "--seconds", "1"]
    arguments += ["--warm-up", "0", "--rate", "3", "--debounce", "0.1"]
    assert backfill.main([*arguments, "--folder", str(tmp_path)]) == 0
    assert "RIGHT   0 differences" in capsys.readouterr().out


@pytest.mark.slow(24)
def test_streams_beside_webhooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--database", "sqlite", "--streams", "20", "--events", "5", "--rounds", "1"]
    arguments += ["--seconds", "1", "--rate", "5", "--settle", "0.2", "--folder", str(tmp_path)]
    assert streams.main(arguments) == 0
    said = capsys.readouterr().out
    assert "20 of 20 streams open" in said
    assert "5 of 5 received" in said
    assert "RIGHT" in said


def test_the_fullest_window_may_begin_anywhere() -> None:
    assert busiest([0.0, 9.0, 9.5, 10.5, 18.9, 30.0], 10.0) == 4
    assert busiest([0.0, 10.0], 10.0) == 1
    assert busiest([], 10.0) == 0


def test_figures() -> None:
    assert quantile([3, 1, 2, 4], 0.5) == 2
    assert quantile(range(1, 101), 0.99) == 99
    assert Spread.of([1, 3, 2]).text() == "2 (1 to 3)"


@pytest.mark.slow(17)
@pytest.mark.browser
def test_to_the_visitors_screen(tmp_path: Path) -> None:
    # A process of its own: one can have Playwright only once, and ours may have it.
    argv = [sys.executable, "-m", "bench", "widget", "--messages", "5", "--rate", "20"]
    run = subprocess.run(
        [*argv, "--folder", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    said = run.stdout
    assert run.returncode == 0, said + run.stderr
    assert "RIGHT: 5 of 5 messages seen, 0 twice" in said
    assert "REACHED no layout shift" in said


@pytest.mark.slow(20)
def test_nothing_is_lost_where_everything_breaks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--database", "sqlite", "--conversations", "6", "--rate", "4", "--calm", "1"]
    arguments += ["--faults", "redis,cut", "--shorter", "0.2", "--no-pass"]
    assert chaos.main([*arguments, "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "0 unanswered, 0 lost, 0 doubled" in said
    assert "RIGHT" in said


def test_a_line_can_be_cut() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        line_to(server.getsockname()) as line,
        socket.create_connection(("127.0.0.1", line.port), timeout=5) as caller,
        server.accept()[0] as called,
    ):
        caller.sendall(b"hello")
        assert called.recv(10) == b"hello"
        line.cut()
        assert called.recv(10) == b""
        assert caller.recv(10) == b""


@pytest.mark.slow
def test_nobody_notices_that_web_processes_are_restarted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--part", "restarts", "--processes", "web,web,turns,deliver", "--restart", "web"]
    arguments += ["--kills", "0", "--drain", "2", "--rate", "1", "--calm", "0.5"]
    assert scale.main([*arguments, "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "0 errors" in said
    assert "0 messages missed, 0 told twice" in said


@pytest.mark.slow
def test_installations_in_which_nothing_happens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--part", "many", "--installations", "5", "--folder", str(tmp_path)]
    assert scale.main(arguments) == 0
    assert "RIGHT: 5 of 5 known, 5 passes begun" in capsys.readouterr().out
