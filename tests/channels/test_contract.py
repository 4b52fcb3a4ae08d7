"""The contract of every channel, run over every recorded payload.

A channel is a folder under gateway/channels. Here it brings `tests/channels/<name>/contract.py`
with its RECEIVER, and `tests/channels/<name>/payloads/<variant>/<topic>.json`.
"""

import copy
import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import gateway.channels
from gateway import events
from gateway.channels.base import Receiver
from gateway.errors import NotAuthentic, Unreadable

HERE = Path(__file__).parent
CHANNELS = [found.name for found in pkgutil.iter_modules(gateway.channels.__path__) if found.ispkg]
VOCABULARY = tuple(get_args(events.Event))
PAYLOADS = [
    pytest.param(name, path, id=f"{name}:{path.parent.name}/{path.stem}")
    for name in CHANNELS
    for path in sorted((HERE / name / "payloads").glob("*/*.json"))
]
over_payloads = pytest.mark.parametrize(("name", "path"), PAYLOADS)


def receiver_of(name: str) -> Receiver:
    receiver: Receiver = importlib.import_module(f"tests.channels.{name}.contract").RECEIVER
    return receiver


def translate(receiver: Receiver, body: bytes) -> events.Delivery:
    return receiver.translate(receiver.read_envelope(body))


@pytest.mark.parametrize("name", CHANNELS)
def test_every_channel_folder_is_under_contract(name: str) -> None:
    assert (HERE / name / "contract.py").is_file(), f"tests/channels/{name}/contract.py is missing"
    assert list((HERE / name / "payloads").glob("*/*.json")), f"no payload of {name} is recorded"
    for method in ("verify", "read_envelope", "translate", "without_words"):
        assert callable(getattr(receiver_of(name), method))


@pytest.mark.parametrize("name", CHANNELS)
def test_unsigned_input_is_not_authentic(name: str) -> None:
    with pytest.raises(NotAuthentic):
        receiver_of(name).verify({}, b"{}")


@over_payloads
def test_files_are_named_by_their_topic(name: str, path: Path) -> None:
    assert receiver_of(name).read_envelope(path.read_bytes()).topic == path.stem


@over_payloads
def test_only_the_vocabulary_is_spoken(name: str, path: Path) -> None:
    delivery = translate(receiver_of(name), path.read_bytes())
    assert type(delivery) is events.Delivery
    for event in delivery.events:
        assert type(event) in VOCABULARY


@over_payloads
def test_translation_is_deterministic(name: str, path: Path) -> None:
    body = path.read_bytes()
    again = json.dumps(dict(reversed(json.loads(body).items()))).encode()  # the order of keys
    assert translate(receiver_of(name), body) == translate(receiver_of(name), body)
    assert translate(receiver_of(name), body) == translate(receiver_of(name), again)


@over_payloads
def test_facts_lie_in_the_conversation_the_envelope_names(name: str, path: Path) -> None:
    envelope = receiver_of(name).read_envelope(path.read_bytes())
    for event in receiver_of(name).translate(envelope).events:
        if isinstance(event, events.Happened):
            assert event.conversation == envelope.conversation


@over_payloads
def test_facts_are_told_apart_and_placed(name: str, path: Path) -> None:
    told = translate(receiver_of(name), path.read_bytes()).events
    facts = [event for event in told if isinstance(event, events.Happened)]
    keys = [(type(fact), fact.id) for fact in facts]
    assert len(set(keys)) == len(keys)
    assert len({fact.at for fact in facts}) == len(facts)
    for fact in facts:
        assert 0 < fact.at.at < 2**63
        assert 0 <= fact.at.number < 2**63
        assert 0 < len(fact.id) <= 255


@over_payloads
def test_events_survive_being_kept(name: str, path: Path) -> None:
    for event in translate(receiver_of(name), path.read_bytes()).events:
        kept = msgspec.json.encode(event)
        assert b"\\u0000" not in kept
        assert msgspec.json.encode(msgspec.json.decode(kept, type=type(event))) == kept


@over_payloads
@pytest.mark.parametrize("named", [True, False], ids=["named", "by time"])
def test_words_that_were_taken_back_are_in_no_body(name: str, path: Path, named: bool) -> None:
    """What happened is told as before; a body of which that cannot be said is empty."""
    receiver, body = receiver_of(name), path.read_bytes()
    assert receiver.without_words(body, (), 0) == body
    told = translate(receiver, body).events
    words = [one for one in told if isinstance(one, events.MessageReceived | events.NoteAdded)]
    messages = {one.id for one in words} if named else ()
    clean = receiver.without_words(body, messages, 0 if named else 2**60)
    for one in words:
        for line in one.text.split("\n"):
            if " " in line:  # else it may be a name, as below a letter
                assert json.dumps(line)[1:-1].encode() not in clean
        assert all(each.url.encode() not in clean for each in one.attachments)
    if not clean:
        assert not named or "contact" in path.stem
        return
    assert receiver.read_envelope(clean).id == receiver.read_envelope(body).id
    again = translate(receiver, clean).events
    left = [one for one in again if isinstance(one, events.Happened)]
    assert {(type(one), one.id, one.at) for one in left} >= {
        (type(one), one.id, one.at) for one in told if isinstance(one, events.Happened)
    }
    assert not any(
        one.text or one.attachments
        for one in left
        if isinstance(one, events.MessageReceived | events.NoteAdded)
    )


@over_payloads
def test_any_spoilt_leaf_is_read_or_refused(name: str, path: Path) -> None:
    """Each leaf and branch in turn is removed, null, or of another type."""
    receiver = receiver_of(name)
    content = json.loads(path.read_bytes())
    read = refused = 0
    for spoilt in spoilt_copies(content):
        try:
            delivery = translate(receiver, json.dumps(spoilt).encode())
        except Unreadable:
            refused += 1
        else:
            read += 1
            assert all(type(event) in VOCABULARY for event in delivery.events)
    assert read
    assert refused


SPOILERS: tuple[Any, ...] = (None, [], {}, "", "\x00", 0, -1, 1.5, True, 2**70, [None], {"id": []})


def spoilt_copies(content: Any) -> Iterator[Any]:
    for steps in places(content):
        for spoiler in (..., *SPOILERS):
            spoilt = copy.deepcopy(content) if not steps else shallow(content, steps)
            holder = spoilt
            for step in steps[:-1]:
                holder = holder[step]
            if spoiler is ...:
                del holder[steps[-1]]
            else:
                holder[steps[-1]] = spoiler
            yield spoilt


def shallow(content: Any, steps: tuple[Any, ...]) -> Any:
    """Copy only what lies on the way."""
    if not steps:
        return content
    copied = copy.copy(content)
    copied[steps[0]] = shallow(content[steps[0]], steps[1:])
    return copied


def places(value: Any, steps: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if steps:
        yield steps
    keys: Any = ()
    if isinstance(value, dict):
        keys = value
    elif isinstance(value, list):
        keys = range(len(value))
    for key in keys:
        yield from places(value[key], (*steps, key))
