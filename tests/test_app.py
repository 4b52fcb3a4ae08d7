"""The application around the doors: health, metrics, logs, and starting from the environment."""

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from rq import Queue, Worker

from gateway.app.metrics import Metrics
from gateway.logs import set_up_logging
from gateway.wake import patient_redis
from tests.api.house import CHANNEL, House
from tests.services.valkey import ValkeyServer

DOCS = Path(__file__).parents[1] / "docs" / "api.md"


@pytest.fixture
def house(migrated_url: str) -> Iterator[House]:
    house = House(migrated_url)
    yield house
    house.database.dispose()


def ready(house: House) -> tuple[int, Any]:
    answer = house.client().get("/readyz")
    return answer.status_code, answer.json


def test_alive(house: House) -> None:
    assert house.client().get("/healthz").json == {"status": "alive"}


def test_without_redis_webhooks_are_still_served(house: House) -> None:
    status, told = ready(house)
    assert (status, told["status"]) == (200, "degraded")
    assert told["checks"]["database"] == "ok"
    assert "GATEWAY_REDIS_URL" in told["checks"]["redis"]


def test_ready_with_redis_and_a_worker_for_every_queue(
    migrated_sqlite_url: str, own_valkey: ValkeyServer
) -> None:
    house = House(migrated_sqlite_url, redis_url=own_valkey.url)
    status, told = ready(house)
    assert (status, told["status"], told["checks"]["redis"]) == (200, "degraded", "ok")
    assert told["checks"]["workers"] == {"deliver": 0, "sync": 0, "turns": 0}

    connection = patient_redis(own_valkey.url)
    workers = [
        Worker([Queue(name, connection=connection)]) for name in ("deliver", "sync", "turns")
    ]
    for worker in workers:
        worker.register_birth()
    status, told = ready(house)
    assert (status, told["status"]) == (200, "ready"), told
    assert told["checks"]["workers"] == {"deliver": 1, "sync": 1, "turns": 1}

    own_valkey.stop()
    status, told = ready(house)
    assert (status, told["status"]) == (200, "degraded")
    assert "does not answer" in told["checks"]["redis"]
    house.database.dispose()


def test_not_ready_without_tables_or_database(database_url: str, tmp_path: Path) -> None:
    from gateway import wiring
    from gateway.app import create_app
    from tests.api.house import settings

    parts = wiring.build(settings(database_url))
    client = create_app(parts).test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert "gateway migrate" in answer.json["checks"]["database"]
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 200
    parts.database.dispose()

    nowhere = wiring.build(settings("postgresql://nobody@127.0.0.1:1/none"))
    client = create_app(nowhere).test_client()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["status"]) == (503, "unavailable")
    assert "gateway_database_up 0.0" in client.get("/metrics").text
    refused = client.get("/api/v1/sessions", headers={"Authorization": "Bearer gwt_" + "a" * 43})
    assert refused.status_code == 503
    assert refused.headers["Retry-After"]


def number(text: str, metric: str) -> float:
    found = re.search(rf"^{re.escape(metric)} (\S+)$", text, re.MULTILINE)
    assert found, f"{metric} is not in\n{text}"
    return float(found[1])


def test_metrics_count_what_happens(house: House) -> None:
    from tests.api.test_deliveries import payload, post, unreadable

    body = json.dumps(payload("conversation.user.created")).encode()
    for _ in range(2):
        post(house, body)
    post(house, unreadable())
    post(house, body, "another secret")
    session = house.session()
    house.session("1002")
    house.post(f"/sessions/{session}/handover")
    house.clock.advance(60)
    text = house.client().get("/metrics").text
    made = f'gateway_deliveries_total{{channel="{CHANNEL}",state="%s",topic="conversation"}}'
    assert number(text, made % "applied") == 1
    assert number(text, made % "repeated") == 1
    assert number(text, made % "failed") == 1
    assert number(text, 'gateway_requests_total{door="webhooks",status="401"}') == 1
    assert number(text, 'gateway_request_seconds_count{door="webhooks"}') == 4
    assert number(text, 'gateway_sessions_active{mode="human"}') == 1
    assert number(text, 'gateway_sessions_active{mode="ai"}') >= 1
    assert number(text, 'gateway_owed{kind="pushes"}') == 2
    assert number(text, 'gateway_owed_oldest_seconds{kind="pushes"}') == 60
    assert number(text, 'gateway_owed{kind="contact_pushes"}') == 0
    assert number(text, "gateway_deliveries_failed") == 1
    assert number(text, "gateway_database_up") == 1


def test_every_metric_is_documented(house: House) -> None:
    house.get("/sessions")
    text = house.client().get("/metrics").text
    page = DOCS.read_text()
    for name, kind in re.findall(r"^# TYPE (gateway_\w+) (\w+)$", text, re.MULTILINE):
        if not name.endswith("_created"):
            assert name in page, (name, kind)


def test_several_processes_count_together(migrated_sqlite_url: str, tmp_path: Path) -> None:
    script = (
        "import sys; from tests.api.house import House; house = House(sys.argv[1], people=False);"
        "house.client().get('/healthz'); house.client().get('/healthz');"
        "print(house.client().get('/metrics').text)"
    )
    folder = tmp_path / "metrics"
    folder.mkdir()
    environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    texts = [
        subprocess.run(
            [sys.executable, "-c", script, migrated_sqlite_url],
            env=environ, capture_output=True, text=True, check=True,
            cwd=Path(__file__).parents[1],
        ).stdout
        for _ in range(2)
    ]  # fmt: skip
    seen = [number(text, 'gateway_requests_total{door="other",status="200"}') for text in texts]
    assert seen == [2, 5]  # the first process's /metrics is answered after it was counted


def test_a_topic_from_outside_makes_no_new_numbers(sqlite_metrics: Metrics) -> None:
    from gateway.channels.base import Envelope
    from gateway.inbox import Receipt

    receive = sqlite_metrics.counting(lambda *_: Receipt(id=None, state="applied"))

    class Named:
        name = CHANNEL

    for word in ("a", "b", "c.d"):
        envelope = Envelope(installation="", id=None, topic=word, conversation=None, content={})
        receive(Named(), envelope, b"")  # type: ignore[arg-type]
    text = sqlite_metrics.text().decode()
    assert text.count("gateway_deliveries_total{") == 1
    assert 'topic="other"' in text


@pytest.fixture
def sqlite_metrics(migrated_sqlite_url: str) -> Iterator[Metrics]:
    from gateway.store import Database

    database = Database(migrated_sqlite_url)
    yield Metrics(database)
    database.dispose()


# -- logs ----------------------------------------------------------------------------------------


@pytest.fixture
def log_lines() -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    set_up_logging()
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = before


@pytest.mark.usefixtures("log_lines")
def test_a_log_line_says_where_and_never_what(capsys: pytest.CaptureFixture[str]) -> None:
    log = structlog.get_logger("test")
    try:
        try:
            raise KeyError("the customer's words")
        except KeyError as error:
            raise ValueError("the customer's secret") from error
    except ValueError:
        log.error("door_broke", exc_info=True)
    said = capsys.readouterr().err
    line = json.loads(said)
    assert (line["event"], line["level"]) == ("door_broke", "error")
    assert line["trace"][0] == "ValueError"
    assert "KeyError" in line["trace"]
    assert f"in {test_a_log_line_says_where_and_never_what.__name__}" in line["trace"][1]
    assert "customer" not in said


# -- from the environment ------------------------------------------------------------------------


CONFIG = """
[agents.support]
kind = "scripted"

[channels.acme-intercom]
kind = "intercom"
agent = "support"
access_token = "t"
client_secret = "s"
bot_admin_id = "1"
"""


def test_the_environment_is_enough(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(CONFIG)
    script = (
        "from wsgi import app; client = app.test_client();"
        "print(client.get('/readyz').text); print(client.head('/webhooks/acme-intercom').status)"
    )
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "GATEWAY_DATA_DIR": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    told, status = done.stdout.splitlines()
    assert json.loads(told)["checks"]["database"] == "ok"
    assert status == "200 OK"


def test_wrong_settings_end_the_start(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("[channels.x]\nkind = 'intercom'\n")
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "GATEWAY_DATA_DIR": str(tmp_path / "data"),
    }
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=tmp_path, env=environ, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode != 0
    assert "settings are not usable" in done.stderr
