"""Endpoints that are slow, broken, full or gone: a turn ends in time, and with the right error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Response
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agents.openai import OpenAIAgent
from gateway.errors import Again, ConfigError, Never, Unreadable
from gateway.events import Answer
from gateway.policy import AgentTerms
from tests.agents.chat_endpoint import (
    KEY,
    Endpoint,
    call,
    chat_endpoint,
    completion,
    refusal,
    slowly,
)
from tests.agents.servers import answering, raw_server, response_of
from tests.agents.turns import asked


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
def test_passing_refusals(status: int) -> None:
    error = refusal(status, {"code": "rate_limit_exceeded"})
    with chat_endpoint(error) as endpoint, pytest.raises(Again) as raised:
        endpoint.agent().ask(asked("Hi"))
    assert raised.value.details == {"status": status}
    assert raised.value.message.endswith(f"answered {status} (rate_limit_exceeded)")
    assert len(endpoint.asked) == 1  # the SDK tries nothing again: the gateway does


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413, 422])
def test_lasting_refusals(status: int) -> None:
    error = refusal(status, {"code": None, "type": "some_type"})
    with chat_endpoint(error) as endpoint, pytest.raises(Never) as raised:
        endpoint.agent().ask(asked("Hi"))
    assert raised.value.details == {"status": status}
    assert len(endpoint.asked) == 1


def test_an_endpoints_wish_for_a_pause() -> None:
    error = refusal(429, {}, **{"Retry-After": "7"})
    with chat_endpoint(error) as endpoint, pytest.raises(Again) as raised:
        endpoint.agent().ask(asked("Hi"))
    assert raised.value.after_s == 7.0


@pytest.mark.parametrize(
    "error",
    [
        None, {}, [], "the-body", {"code": 3}, {"code": "the-body with words"},
        {"message": f"Incorrect API key provided: {KEY}, the-body", "code": "x" * 65},
    ],
)  # fmt: skip
def test_errors_keep_secrets_and_words(error: Any) -> None:
    with chat_endpoint(refusal(401, error)) as endpoint:
        agent = endpoint.agent(base_url=endpoint.url.replace("//", "//user:pass-word@"))
        with pytest.raises(Never) as raised:
            agent.ask(asked("the-words"))
    told = "".join(traceback.format_exception(raised.value, limit=0)) + repr(raised.value.details)
    for secret in (KEY, "pass-word", "the-body", "the-words"):
        assert secret not in told
    assert raised.value.message == f"the AI agent at {endpoint.url[7:-3]} answered 401"


def test_logs_keep_secrets_and_words() -> None:
    """Even where the package is told to say everything."""
    program = (
        "import logging, sys; from gateway.logs import set_up_logging; set_up_logging()\n"
        "from tests.agents.chat_endpoint import *; from tests.agents.turns import asked\n"
        "with chat_endpoint(completion('the-answer')) as endpoint:\n"
        "    url = endpoint.url.replace('//', '//user:pass-word@')\n"
        "    endpoint.agent(base_url=url).ask(asked('the-words'))\n"
        "print('asked')"
    )
    environ = {**os.environ, "OPENAI_LOG": "debug"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environ, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "asked\n", done.stderr
    for secret in (KEY, "pass-word", "the-words", "the-answer"):
        assert secret not in done.stderr


# -- time ------------------------------------------------------------------------------------------


def test_a_drip_ends_at_the_deadline() -> None:
    body = json.dumps(completion("Hello!")).encode()
    with chat_endpoint(slowly(body, 5.0)) as endpoint:
        began = time.monotonic()
        with pytest.raises(Again, match=r"within 0\.5 s") as raised:
            endpoint.agent(terms={"timeout_s": 0.5}).ask(asked("Hi"))
        assert time.monotonic() - began < 2
    assert raised.value.details == {"timeout": True}


def test_the_deadline_is_for_all_rounds_together() -> None:
    def slow(_: Any) -> Any:
        time.sleep(0.2)
        return completion(None, call("set_result", name="a", value=1))

    with chat_endpoint(slow) as endpoint, pytest.raises(Again) as raised:
        endpoint.agent(terms={"timeout_s": 0.5}).ask(asked("Hi"))
    assert raised.value.details == {"timeout": True}
    assert len(endpoint.asked) in (2, 3)


def test_nobody_listens() -> None:
    agent = Endpoint(url="http://127.0.0.1:1/v1").agent()
    with pytest.raises(Again, match=r"127\.0\.0\.1:1 cannot be reached") as raised:
        agent.ask(asked("Hi"))
    assert raised.value.details == {}


# -- what is no completion -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"null", b"[]", b"nonsense", b"\xff", b'{"choices": []}', b'{"choices": null}',
        b'{"choices": [{"message": null}]}', b'{"error": {"message": "overloaded"}}',
        b'{"choices": [{"message": {"content": 3}}]}',
        b'{"choices": [{"message": {"tool_calls": [{}]}}]}', b"[" * 100_000,
        b'{"choices": [{"message": {"content": "' + b"x" * 1_100_000 + b'"}}]}',
        Response("<html>Welcome</html>", content_type="text/html"), Response(status=204),
    ],
)  # fmt: skip
def test_unreadable_answers_are_tried_again(body: Any) -> None:
    with chat_endpoint(body) as endpoint, pytest.raises(Again) as raised:
        endpoint.agent().ask(asked("Hi"))
    assert "overloaded" not in raised.value.message


@pytest.mark.parametrize(
    "answer",
    [completion(None), completion(""), completion(" \n"), completion("<think>What do they want?"),
     completion([]), completion("\x00")],
)  # fmt: skip
def test_an_empty_answer_is_tried_again(answer: Any) -> None:
    with chat_endpoint(answer) as endpoint, pytest.raises(Again, match="answered nothing"):
        endpoint.agent().ask(asked("Hi"))


def test_a_filtered_answer_is_final() -> None:
    answer = completion("I w", why="content_filter")
    with chat_endpoint(answer) as endpoint, pytest.raises(Never, match="filtered its own answer"):
        endpoint.agent().ask(asked("Hi"))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)
CALLS = st.fixed_dictionaries(
    {
        "function": st.fixed_dictionaries(
            {
                "name": st.sampled_from(["transfer_to_human", "finish", "set_result", "x"])
                | JSON_VALUES,
                "arguments": JSON_VALUES | JSON_VALUES.map(json.dumps)
                | st.fixed_dictionaries(
                    {"name": JSON_VALUES, "value": JSON_VALUES, "trigger": JSON_VALUES,
                     "reason": JSON_VALUES, "message": JSON_VALUES}
                ).map(json.dumps),
            }
        )
    },
    optional={"id": JSON_VALUES},
)  # fmt: skip
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "content": st.text() | JSON_VALUES,
        "refusal": st.none() | st.text() | JSON_VALUES,
        "tool_calls": st.lists(CALLS, max_size=3) | JSON_VALUES,
    },
)


@settings(max_examples=120)
@given(
    message=MESSAGES,
    why=st.sampled_from(["stop", "length", "tool_calls", "content_filter", None, 3]),
    mode=st.sampled_from(["ai", "copilot"]),
)
def test_any_completion_is_an_answer_or_a_known_error(message: Any, why: Any, mode: str) -> None:
    body = json.dumps({"choices": [{"message": message, "finish_reason": why}]}).encode()
    with raw_server(answering(response_of(body))) as url:
        agent = Endpoint(url=url.removesuffix("/turn")).agent()
        try:
            answer = agent.ask(asked("Hi", mode=mode))
        except (Again, Never):
            return
    kept = json.dumps([answer.messages, answer.results], allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in kept
    kept.encode()
    if mode == "copilot":
        assert answer.handover is None
        assert not answer.finish


# -- many, none, and the package -------------------------------------------------------------------


def test_many_threads_share_one_agent() -> None:
    def echo(request: Any) -> Any:
        return completion(request["messages"][-1]["content"].split()[-1])

    with chat_endpoint(echo) as endpoint:
        agent = endpoint.agent()
        with ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda n: agent.ask(asked(f"word {n}")), range(60)))
        agent.close()
    assert answers == [Answer(messages=(str(n),)) for n in range(60)]


def test_it_never_answers_later() -> None:
    with pytest.raises(Unreadable):
        Endpoint(url="http://127.0.0.1:1/v1").agent().read_reply({}, b"{}")


@pytest.mark.parametrize("url", ["", "api.example", "ftp://a/", "http://a:x/"])
def test_an_address_that_can_never_work(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url must be"):
        OpenAIAgent(AgentTerms(name="a"), model="m", base_url=url)


@pytest.mark.parametrize("key", ["a b", "a\nb", "clé"])
def test_a_key_that_can_never_work(key: str) -> None:
    with pytest.raises(ConfigError) as raised:
        OpenAIAgent(AgentTerms(name="a"), model="m", base_url="http://a/", api_key=key)
    assert key not in str(raised.value)


def test_without_the_package_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(ConfigError) as raised:
        OpenAIAgent(AgentTerms(name="support"), model="m", base_url="http://a/v1")
    (problem,) = raised.value.problems
    assert "[agents.support]" in problem
    assert "pip install 'channel-gateway[openai]'" in problem


def test_a_web_process_does_not_import_it(tmp_path: Path) -> None:
    """Wiring an agent of this kind, as every process does, brings neither the SDK nor its HTTP."""
    program = (
        "import sys, wsgi\n"
        "from gateway.agents.openai import OpenAIAgent\n"
        "from gateway.policy import AgentTerms\n"
        "OpenAIAgent(AgentTerms(name='a'), model='m', base_url='http://127.0.0.1:1/v1')\n"
        "sys.exit(bool({'openai', 'httpx2', 'pydantic'} & set(sys.modules)))"
    )
    environment = {**os.environ, "GATEWAY_DATA_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60, env=environment)
    assert done.returncode == 0
