"""Posts notifications to the subscribed URL under Intercom's delivery rules."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import requests

from intercom_standin import shapes
from intercom_standin.agenda import Agenda
from intercom_standin.delivery import Delivery, new_session, post
from intercom_standin.faults import Faults
from intercom_standin.records import Json, Notification
from intercom_standin.signing import body_signature, hub_signature

USER_AGENT = "intercom-parrot-service-client/1.0"
ERRORS_BEFORE_PAUSE = 1000
PAUSE_S = 15 * 60
THROTTLE_LIMIT_IN_RETRIES = 120  # two hours, when a retry is a minute


class Notifier:
    """Delivers by itself (`auto`) or lets notifications pile up for a test (`manual`)."""

    def __init__(
        self,
        *,
        url: str | None,
        client_secret: str,
        app_id: str,
        version: Callable[[], str],
        faults: Faults,
        mode: str = "auto",
        retry_after_s: float = 60.0,
        timeout_s: float = 5.0,
        topics: Iterable[str] | None = None,
        threads: int = 8,
        clock: Callable[[], float] = time.time,
        keeps_connections: bool = False,
    ) -> None:
        if mode not in ("auto", "manual"):
            raise ValueError("mode is auto or manual")
        self.url = url
        self.client_secret = client_secret
        self.app_id = app_id
        self.mode = mode
        self.retry_after_s = retry_after_s
        self.timeout_s = timeout_s
        self.topics = set(topics) if topics is not None else None
        self.disabled = False
        self.paused_until = 0.0
        self.echo_before_return = False
        self.log: list[Delivery] = []
        self.pending: list[Notification] = []
        self.retries: list[Notification] = []
        self.dropped: list[Notification] = []
        self._clock = clock
        self._version = version
        self._faults = faults
        self._lock = threading.Lock()
        self._errors_in_a_row = 0
        self._calls = threading.local()
        self._keeps_connections = keeps_connections
        self._agenda = Agenda(self.deliver, threads=threads)

    def publish(self, notifications: Sequence[Notification]) -> None:
        """Take what happened; called outside the workspace's lock."""
        for notification in notifications:
            if self.topics is not None and notification.topic not in self.topics:
                continue
            if self._clock() < self.paused_until or self.disabled:
                # Vendor rule: while paused or disabled, notifications are dropped for good.
                self._drop(notification)
            elif self._faults.draw("drop", notification.topic):
                self._drop(notification)
            else:
                self._publish(notification)

    def _session(self) -> requests.Session | None:
        """The connections of this thread, if they are kept."""
        if not self._keeps_connections:
            return None
        session: requests.Session | None = getattr(self._calls, "session", None)
        if session is None:
            session = self._calls.session = new_session()
        return session

    def deliver(self, notification: Notification) -> Delivery:
        """Post one notification now and draw the consequences; returns the attempt."""
        if notification.first_sent_at is None:
            notification = replace(notification, first_sent_at=int(self._clock()))
        body, headers = self.signed(notification)
        status, error, seconds = post(
            self.url, body, headers, timeout_s=self.timeout_s, session=self._session()
        )
        outcome, again = self._judge(notification, status)
        delivery = Delivery(
            notification_id=notification.id,
            topic=notification.topic,
            conversation_id=notification.conversation_id,
            part_id=notification.part_id,
            attempt=notification.attempt,
            url=self.url or "",
            status=status,
            error=error,
            seconds=seconds,
            at=self._clock(),
            outcome=outcome,
            body=body,
            headers=headers,
        )
        with self._lock:
            self.log.append(delivery)
        if again is not None:
            later, wait_s = again
            if self.mode == "auto":
                self._agenda.add(later, wait_s, retry=True)
            else:
                with self._lock:
                    self.retries.append(later)
        elif outcome == "dropped":
            self._drop(notification)
        return delivery

    def take(self) -> list[Notification]:
        """Take away all that is pending (manual mode)."""
        with self._lock:
            taken, self.pending = self.pending, []
        return taken

    def take_retries(self) -> list[Notification]:
        """Take away the retries that are owed (manual mode)."""
        with self._lock:
            taken, self.retries = self.retries, []
        return taken

    def deliver_pending(self) -> list[Delivery]:
        """Deliver all that is pending, in the order in which it happened."""
        return [self.deliver(notification) for notification in self.take()]

    def deliver_retries(self) -> list[Delivery]:
        """Deliver the retries that are owed, without waiting for their minute."""
        return [self.deliver(notification) for notification in self.take_retries()]

    def redeliver(self, delivery: Delivery) -> int | None:
        """Post the very same bytes again (a replay); returns the status."""
        return post(self.url, delivery.body, delivery.headers, timeout_s=self.timeout_s)[0]

    def signed(self, notification: Notification) -> tuple[bytes, dict[str, str]]:
        """Return raw body and headers as they would be posted, without posting them."""
        body = json.dumps(self.envelope(notification), ensure_ascii=False).encode()
        return body, {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "X-Hub-Signature": hub_signature(body, self.client_secret),
        }

    def envelope(self, notification: Notification) -> Json:
        """Return the notification as JSON would have it."""
        ping = notification.topic == "ping"
        return {
            "type": "notification_event",
            "app_id": self.app_id,
            "data": {"type": "notification_event_data", "item": notification.item},
            "links": {},
            "id": notification.id,
            "topic": notification.topic,
            # Observed: "pending" since 2019, null on ping; `delivered_at` is 0 in every sample.
            "delivery_status": None if ping else "pending",
            "delivery_attempts": notification.attempt,
            "delivered_at": 0,
            "first_sent_at": notification.first_sent_at or int(self._clock()),
            "created_at": notification.created_at,
            "self": None,
        }

    def ping(self) -> Delivery:
        """Send the `ping` topic. Observed: its id is null."""
        item = {"type": "ping", "message": "something something interzen"}
        at = int(self._clock())
        return self.deliver(Notification(id=None, topic="ping", created_at=at, item=item))

    def head_check(self) -> int | None:
        """Send the HEAD that saving the URL causes; returns the status or None."""
        headers = {"User-Agent": USER_AGENT}
        return post(self.url, b"", headers, timeout_s=self.timeout_s, method="HEAD")[0]

    def uninstall(self) -> int | None:
        """Tell `<url>/uninstall` that the workspace removed the app; returns the status."""
        return self._body_signed("/uninstall", {"app_id": self.app_id})

    def health(self) -> int | None:
        """Ask `<url>/health` as Intercom does every 24 hours; returns the status."""
        return self._body_signed("/health", {"workspace_id": self.app_id})

    def wait_idle(self, timeout_s: float = 10.0, *, retries: bool = False) -> bool:
        """Wait until nothing is on its way (auto mode); owed retries count if asked for."""
        return self._agenda.wait_idle(timeout_s, retries=retries)

    def enable(self) -> None:
        """Press *Set live* again after a 410 or a pause."""
        self.disabled, self.paused_until, self._errors_in_a_row = False, 0.0, 0

    @contextmanager
    def during_call(self) -> Iterator[None]:
        """Mark this thread as serving a REST call, for `echo_before_return`."""
        self._calls.active = True
        try:
            yield
        finally:
            self._calls.active = False

    def stop(self) -> None:
        """Stop the delivering threads; what is still owed is never sent."""
        self._agenda.stop()

    def _publish(self, notification: Notification) -> None:
        if notification.holding_before and self._faults.draw("stale_assignee", notification.topic):
            item = shapes.with_holding(
                notification.item, notification.holding_before, version=self._version()
            )
            notification = replace(notification, item=item)
        copies = [notification]
        if self._faults.draw("duplicate", notification.topic):
            copies.append(notification)
        if self.echo_before_return and getattr(self._calls, "active", False):
            for copy in copies:
                self.deliver(copy)
            return
        reorder = self._faults.draw("reorder", notification.topic)
        delay = self._faults.draw("delay", notification.topic)
        if self.mode == "manual":
            with self._lock:
                at = 0 if reorder else len(self.pending)
                self.pending[at:at] = copies
            return
        wait_s = (reorder.seconds or 0.3 if reorder else 0.0) + (delay.seconds if delay else 0.0)
        for copy in copies:
            if self.url is None:
                self._drop(copy)
            else:
                self._agenda.add(copy, wait_s)

    def _judge(
        self, notification: Notification, status: int | None
    ) -> tuple[str, tuple[Notification, float] | None]:
        if status is not None and 200 <= status < 300:
            self._errors_in_a_row = 0
            return "delivered", None
        if status == 410:
            # Vendor rule: 410 disables the subscription.
            self.disabled = True
            return "disabled", None
        again = replace(notification, attempt=notification.attempt + 1)
        if status == 429:
            # Vendor rule: throttled, 1 minute growing to 2 hours, dropped beyond that.
            wait_s = max(self.retry_after_s, notification.throttled_s)
            total_s = notification.throttled_s + wait_s
            if total_s > THROTTLE_LIMIT_IN_RETRIES * self.retry_after_s:
                return "dropped", None
            return "throttled", (replace(again, throttled_s=total_s), wait_s)
        self._errors_in_a_row += 1
        if self._errors_in_a_row > ERRORS_BEFORE_PAUSE:
            # Vendor rule: over 1000 consecutive errors pause the subscription for 15 minutes.
            self.paused_until = self._clock() + PAUSE_S
        if notification.failures:
            return "dropped", None  # Vendor rule: one retry, then dropped.
        return "retry", (replace(again, failures=1), self.retry_after_s)

    def _body_signed(self, path: str, content: Json) -> int | None:
        body = json.dumps(content).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Body-Signature": body_signature(body, self.client_secret),
        }
        url = self.url + path if self.url else None
        return post(url, body, headers, timeout_s=self.timeout_s)[0]

    def _drop(self, notification: Notification) -> None:
        with self._lock:
            self.dropped.append(notification)
