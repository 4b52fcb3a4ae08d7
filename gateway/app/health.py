"""Alive, and able to serve.

`/readyz` is 200 as long as the database keeps what comes in: with Redis or every worker down a
takeover still mutes the AI, so a load balancer must go on sending webhooks here. It then says
`degraded`, and what is wrong. A process that was asked to end says `leaving` and 503, while it
serves on: a load balancer shall send others elsewhere.
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

import redis
from flask import Flask, Response
from rq import Queue, Worker
from rq.worker import BaseWorker
from sqlalchemy.exc import SQLAlchemyError

from gateway.app.leaving import Leaving
from gateway.clock import Clock
from gateway.errors import GatewayError
from gateway.rails.answers import json_answer
from gateway.store import Database
from gateway.store.migrate import pending
from gateway.wake import QUEUES, impatient_redis
from gateway.wiring import Parts

Json = dict[str, Any]

_SILENT_S = 120.0
"""A worker that has not been heard of for this long is taken for gone."""


def add_health(app: Flask, parts: Parts, leaving: Leaving) -> None:
    """Add `/healthz` and `/readyz`."""
    look = Look(parts.database, parts.settings.redis_url, parts.clock)

    @app.get("/healthz")
    def alive() -> Response:
        return json_answer({"status": "alive"})

    @app.get("/readyz")
    def ready() -> Response:
        if leaving.begun:
            return json_answer({"status": "leaving"}, 503)
        found = look.around()
        return json_answer(found, 503 if found["status"] == "unavailable" else 200)


class Look:
    """Looks at what the gateway stands on."""

    def __init__(self, database: Database, redis_url: str | None, clock: Clock) -> None:
        self._database = database
        self._redis = impatient_redis(redis_url) if redis_url else None
        self._clock = clock
        self._migrated = False

    def around(self) -> Json:
        """Every check with what is wrong; `status` is ready, degraded or unavailable."""
        database = self._look_at_database()
        redis_trouble, workers = self._look_at_workers()
        checks = {"database": database, "redis": redis_trouble or "ok", "workers": workers}
        if database != "ok":
            status = "unavailable"
        elif redis_trouble is None and all(count for count in workers.values()):
            status = "ready"
        else:
            status = "degraded"
        return {"status": status, "checks": checks}

    def _look_at_database(self) -> str:
        try:
            if not self._migrated:
                self._migrated = not pending(self._database)
            if not self._migrated:
                return "its tables are of another version; run `gateway migrate`"
            with self._database.read() as db:
                db.connection().exec_driver_sql("SELECT 1")
        except (SQLAlchemyError, GatewayError) as error:
            return f"does not answer ({type(error).__name__})"
        return "ok"

    def _look_at_workers(self) -> tuple[str | None, dict[str, int]]:
        counts: dict[str, int] = dict.fromkeys(sorted(set(QUEUES.values())), 0)
        if self._redis is None:
            return "not configured (GATEWAY_REDIS_URL)", counts
        try:
            self._redis.ping()
            for name in counts:
                queue = Queue(name, connection=self._redis)
                found = Worker.all(queue=queue)
                counts[name] = sum(self._is_alive(worker) for worker in found)
        except redis.RedisError as error:
            return f"does not answer ({type(error).__name__})", counts
        return None, counts

    def _is_alive(self, worker: BaseWorker) -> bool:
        heard = worker.last_heartbeat
        if heard is None:
            return False
        if heard.tzinfo is None:
            heard = heard.replace(tzinfo=UTC)
        return (self._clock.now() - heard).total_seconds() < _SILENT_S
