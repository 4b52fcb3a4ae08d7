"""Wake-ups: telling workers through RQ that there is work. The work itself is in the database.

Every wake-up may be lost: the scheduler looks for what is due twice a second. So Redis is given
50 ms and its errors change nobody's answer.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from typing import Any, Literal, get_args

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue

log = structlog.get_logger(__name__)

Kind = Literal[
    "turns", "deliver", "sync", "directory", "upkeep", "watch", "events", "waiting", "deadlines"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

JOB = "gateway.sync.jobs.drain"
"""The job by its dotted name: whoever wakes need not import what runs."""

QUEUES: dict[str, Kind] = {
    "turns": "turns",
    "deliver": "deliver",
    "upkeep": "deliver",
    "deadlines": "deliver",
    "sync": "sync",
    "directory": "sync",
    "watch": "sync",
    "events": "sync",
    "waiting": "sync",
}
"""The queue of each kind of work, one for each worker; what time asks for goes with deliver."""

LISTENED: tuple[Kind, ...] = ("turns", "deliver")
"""Kinds whose drains listen while they run: customers wait for them, and a job takes RQ 5 ms."""

_PATIENCE_S = 0.05
_PENDING_S = 10
_JOB_TTL_S = 60
_JOB_TIMEOUT_S = 600
_MOST_GONE = 16
_LISTEN_S = 1.0
# Take a name off the list and tell whoever has it, until one is there; in one trip.
_TELL = """
for _ = 1, tonumber(ARGV[2]) do
    local name = redis.call('LPOP', KEYS[1])
    if not name then return 0 end
    if redis.call('PUBLISH', name, ARGV[1]) > 0 then return 1 end
end
return 0
"""
# Count those for whom nobody was found; a job is on its way for the first of them.
_COUNT = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
"""
_THE_END = b"the end"


def impatient_redis(url: str) -> redis.Redis:
    """A client for the request path: 50 ms, one try."""
    return redis.Redis.from_url(
        url,
        socket_timeout=_PATIENCE_S,
        socket_connect_timeout=_PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
    )


def patient_redis(url: str) -> redis.Redis:
    """A client for workers, which block on their queue.

    One more try at once: redis-py's own waits for seconds, which a worker spends better on work.
    """
    return redis.Redis.from_url(
        url, socket_connect_timeout=5, health_check_interval=15, retry=Retry(NoBackoff(), 1)
    )


class Waker:
    """Wakes workers. Safe to share; nothing is connected before the first wake-up."""

    def __init__(self, connection: redis.Redis | None) -> None:
        self._redis = connection
        self._scripts: dict[str, Any] = {}  # redis-py has no annotations for them

    def wake(self, kind: str, key: str = "") -> bool:
        """Tell a drain of `kind` that listens, else enqueue one; False if Redis did not answer.

        `key` is the piece that is due, if it is just one: whoever is told need not look for it.
        One is enqueued unless one is on its way already: a key says so, and a drain deletes it
        before it looks, so work owed meanwhile wakes anew.
        """
        if self._redis is None:
            return False
        try:
            if kind not in LISTENED:
                self._enqueue(self._redis, kind)
            elif not self._tell(self._redis, kind, key):
                self._enqueue(self._redis, kind)
                # One that was just being told of something else has its name back by now, or sees
                # that a job waits when it puts it back.
                self._tell(self._redis, kind, key)
        except redis.RedisError as error:
            log.info("wake_lost", kind=kind, error=type(error).__name__)
            return False
        return True

    def _enqueue(self, connection: redis.Redis, kind: str) -> None:
        if self._script(connection, _COUNT)(keys=[_key(kind)], args=[_PENDING_S]) > 1:
            return
        Queue(QUEUES[kind], connection=connection).enqueue_call(
            JOB,
            args=(kind,),
            result_ttl=0,
            failure_ttl=_JOB_TTL_S,
            ttl=_JOB_TTL_S,
            timeout=_JOB_TIMEOUT_S,
        )

    def _tell(self, connection: redis.Redis, kind: str, key: str) -> bool:
        """Tell one of the drains that listen, each in its turn; False if none does."""
        tell = self._script(connection, _TELL)
        return bool(tell(keys=[_listeners(kind)], args=[key, _MOST_GONE]))

    def _script(self, connection: redis.Redis, text: str) -> Any:
        script = self._scripts.get(text)
        if script is None:
            script = self._scripts[text] = connection.register_script(text)
        return script

    def listener(self, kind: str) -> Listener | None:
        """What a drain of `kind` hears while it runs; None where nobody would be told."""
        if self._redis is None or kind not in LISTENED:
            return None
        return Listener(self._redis, kind)

    def awake(self, kind: str) -> None:
        """A drain of `kind` begins: from now on work owed needs another wake-up."""
        if self._redis is None:
            return
        try:
            self._redis.delete(_key(kind))
        except redis.RedisError as error:
            log.info("wake_key_kept", kind=kind, error=type(error).__name__)


class Listener:
    """A running drain's ear: it is told of work, and nothing needs to be enqueued for it.

    Its name stands in a list. Who wakes takes one off and tells that drain, which puts it back
    before it looks; so one that is held up is told once, and then others are. Who finds no name
    counts that, and a drain that puts its name back sees that it did. `hears` is False
    while Redis is away; `makes_way` turns true when another kind of work waits for this worker, or
    Redis was emptied: then RQ must say anew that there is one.
    """

    def __init__(self, connection: redis.Redis, kind: str) -> None:
        self._redis: Any = connection  # redis-py has no annotations for this
        self._key = _key(kind)
        self._listeners = _listeners(kind)
        self._name = f"{self._listeners}:{secrets.token_hex(8)}"
        # The key of another kind is there while a job of it waits in our queue.
        self._others = [
            _key(other) for other in KINDS if other != kind and QUEUES[other] == QUEUES[kind]
        ]
        self._channel: Any = None
        self._thread: threading.Thread | None = None
        self._stir = threading.Event()
        # Whether our name is to be in the list, and whether somebody has just taken it to tell us.
        self._wanted = self._away = False
        # How many had found nobody to tell when we looked last: what they meant is looked for once.
        self._missed: bytes | None = None
        self._told: deque[str] = deque()
        self.hears = False
        self.makes_way = False

    def open(self, stir: threading.Event) -> None:
        """Begin to listen; `stir` is set whenever something is heard."""
        self._stir = stir
        try:
            self._channel = self._redis.pubsub()
            self._channel.subscribe(self._name)
            self._channel.get_message(timeout=_LISTEN_S)  # from here on nothing is missed
        except redis.RedisError as error:
            log.info("wakes_not_heard", error=type(error).__name__)
            return
        self.hears = True
        self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
        self._thread.start()

    def ask_for_work(self, *, check: bool) -> None:
        """Have our name in the list, before we look: of what is owed from then on, we are told.

        `check` whether it is there still: Redis may have been emptied.
        """
        was_wanted = self._wanted
        if not self.hears or (was_wanted and not check):
            return
        self._wanted = True
        try:
            if not check:
                self._list()
                return
            away = self._away
            with self._redis.pipeline(transaction=False) as together:
                together.lrem(self._listeners, 0, self._name)
                together.rpush(self._listeners, self._name)
                together.get(self._key)
                if self._others:
                    together.exists(*self._others)
                removed, _, missed, *waits = together.execute()
            self._heard_of(missed)
            # If not emptied, somebody has just taken it to tell us: we go for nothing, at most.
            emptied = was_wanted and not away and not removed
            self.makes_way = emptied or any(waits)
        except redis.RedisError as error:
            self._lost(error)

    def _list(self) -> None:
        """Put our name into the list, and see whether somebody looked for one in vain before."""
        with self._redis.pipeline(transaction=False) as together:
            together.rpush(self._listeners, self._name)
            together.get(self._key)
            _, missed = together.execute()
        self._heard_of(missed)
        self._away = False
        if not self._wanted:  # the hands have become full meanwhile
            self._redis.lrem(self._listeners, 0, self._name)

    def _heard_of(self, missed: bytes | None) -> None:
        if missed is not None and missed != self._missed:
            self._told.append("")
        self._missed = missed

    def told(self) -> list[str]:
        """Take what we were told since the last time: keys, and "" for work without one."""
        taken = []
        while self._told:
            taken.append(self._told.popleft())
        return taken

    def want_no_more(self) -> None:
        """Have others told from now on: there are no hands left."""
        if not self.hears or not self._wanted:
            return
        self._wanted = False
        try:
            self._redis.lrem(self._listeners, 0, self._name)
        except redis.RedisError as error:
            self._lost(error)

    def close(self) -> bool:
        """Listen no more; True if we were told of work that was not looked for."""
        if self._thread is None:
            return False
        self.want_no_more()
        try:
            self._redis.publish(self._name, _THE_END)
        except redis.RedisError as error:
            self._lost(error)
        self._thread.join(2 * _LISTEN_S)
        return bool(self._told)

    def _run(self) -> None:
        try:
            with self._channel as channel:
                while True:
                    message = channel.get_message(timeout=_LISTEN_S)
                    if message is None:
                        if not self.hears:
                            return
                    elif message["type"] == "unsubscribe":
                        return
                    elif message["data"] == _THE_END:
                        channel.unsubscribe()  # who has our name already is answered, or finds none
                    elif message["type"] == "message":
                        self._away = True
                        if self._wanted:  # before we look: others will soon have more to tell
                            self._list()
                        self._told.append(message["data"].decode())
                        self._stir.set()
        except (redis.RedisError, OSError, ValueError) as error:
            self._lost(error)

    def _lost(self, error: Exception) -> None:
        if self.hears:
            log.info("wakes_not_heard", error=type(error).__name__)
        self.hears = False
        self._stir.set()


def _key(kind: str) -> str:
    return f"wake:{kind}"


def _listeners(kind: str) -> str:
    return f"wake:{kind}:listeners"
