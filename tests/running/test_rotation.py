"""Every secret is replaced under load, in the real processes of a gateway of many machines.

As docs/configuration.md tells it: both are believed, everybody outside changes, the old one goes.
They know one secret at a time. Half of the processes end and start anew, then the other half, so
that old and new ones serve side by side. What carries both signatures, kind by kind, is in
tests/test_secret_rotation.py and tests/test_key_rotation.py.
"""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from click.testing import CliRunner
from standardwebhooks import Webhook, WebhookVerificationError
from werkzeug.wrappers import Request, Response

from bench.chaos.proxy import Proxy
from bench.scale.company import Company, Member
from bench.servers import Ground
from gateway.cli import main
from intercom_standin.bodies import text_of_html
from intercom_standin.cast import BOT_ADMIN_ID
from intercom_standin.server import StandIn
from tests.agents.servers import wsgi_server
from tests.services.processes import wait_until

# Nothing here waits for a clock, so no scheduler: each process takes a second of a core to start.
ROLES = ("web", "web", "turns", "deliver", "sync")
ORIGIN = "https://www.acme.example"
OLD, NEW = "the-old-one", "the-new-one"
DOORS = ("/api/v1/sessions 200", "/widget/v1/sessions 200", "/widget/v1/messages 200")
OFTEN_S, NOW_AND_THEN_S = 0.5, 1.0
UNSENT = "SELECT count(*) FROM pushes WHERE state != 'sent'"
MET = "SELECT count(*) FROM subscribers"
FIRST = "somebody says"
TOML = """\
[agents.support]
kind = "http"
url = "{partner}/turn"
secret = {whsec}
debounce_s = 0.0

[channels.acme-intercom]
kind = "intercom"
agent = "support"
access_token = {token}
client_secret = {words}
bot_admin_id = "{bot}"
base_url = "{intercom}"

[channels.acme-web]
kind = "webwidget"
agent = "support"
key = "acme-web-key"
allowed_origins = ["{origin}"]
identity_secret = {words}

[[subscribers]]
name = "crm"
url = "{partner}/events"
secret = {whsec}
events = ["message.created"]
"""


def words(which: str) -> str:
    """A secret of 32 characters or more."""
    return f"{which} of two words that both sides hold"


def whsec(which: str) -> str:
    """A secret as Standard Webhooks has it."""
    return "whsec_" + base64.b64encode(words(which).encode()).decode()


@dataclass
class Partner:
    """An AI agent, which answers every other turn late, and a subscriber; both take one secret."""

    secret: str = whsec(OLD)
    refused: list[str] = field(default_factory=list)
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    _number: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        body = request.get_data()
        try:
            Webhook(self.secret).verify(body, {k.lower(): v for k, v in request.headers.items()})
        except WebhookVerificationError as error:
            self.refused.append(f"{request.path}: {error}")
            return Response(status=401)(environ, start_response)
        told = json.loads(body)
        if request.path == "/events":
            self.events.append((request.headers["webhook-id"], told))
            return Response(status=204)(environ, start_response)
        said = [one for one in told["messages"] if one["author"]["kind"] == "customer"]
        new = [one["text"] for one in said if one.get("new")]
        answer = json.dumps({"messages": [{"text": "; ".join(map(about, new))}]}).encode()
        if next(self._number) % 2:
            threading.Timer(0.1, self._answer_late, (told, answer)).start()
            return Response(status=202)(environ, start_response)
        return Response(answer, mimetype="application/json")(environ, start_response)

    def told(self) -> list[str]:
        """What the events say that somebody said."""
        return [event["data"]["message"]["text"] for _, event in self.events]

    def _answer_late(self, turn: dict[str, Any], answer: bytes) -> None:
        now, id = datetime.now(UTC), turn["turn_id"]
        signature = Webhook(self.secret).sign(id, now, answer.decode())
        headers = {"webhook-id": id, "webhook-timestamp": str(int(now.timestamp()))}
        headers |= {"webhook-signature": signature, "Content-Type": "application/json"}
        said = requests.post(turn["reply_url"], data=answer, headers=headers, timeout=10)
        self.late.append(said.status_code)


class House:
    """The gateway's processes behind a balancer, and everybody outside."""

    def __init__(self, place: Ground, partner: str, standin: StandIn, stack: ExitStack) -> None:
        self.place = place
        self.standin = standin
        self._partner = partner
        self._serving: list[int] = []
        self._turn = itertools.count()
        line = stack.enter_context(closing(Proxy(self._next)))
        self.url = f"http://127.0.0.1:{line.port}"
        standin.notifier.url = f"{self.url}/webhooks/acme-intercom"
        log = stack.enter_context((place.folder / "log").open("ab"))
        self.company = Company(place, ROLES, log, drain_s=1)
        stack.callback(self.company.close)

    def know(self, names: list[str], token: str, **keys: str) -> None:
        """Write the settings of whoever is started from now on."""
        text = TOML.format(
            partner=self._partner, intercom=self.standin.base_url, bot=BOT_ADMIN_ID, origin=ORIGIN,
            token=json.dumps(token), words=json.dumps([words(name) for name in names]),
            whsec=json.dumps([whsec(name) for name in names]),
        )  # fmt: skip
        self.place.config.write_text(text, encoding="utf-8")
        self.company.environ |= {"GATEWAY_PUBLIC_URL": self.url, **keys}

    def start(self) -> None:
        self.company.start()
        self._serving = [one.port for one in self.company.of("web")]

    def restart(self) -> None:
        """One half of the processes, then the other; whoever ends is sent nobody new."""
        for half in (self.company.members[::2], self.company.members[1::2]):
            going = [one.port for one in half if one.role == "web"]
            self._serving = [port for port in self._serving if port not in going]
            for one in half:
                assert self._stop(one) == 0
            self.company.start(*half)
            self._serving += going

    def gateway(self, *command: str) -> str:
        """Run a command of ours; return the last line that it printed."""
        result = CliRunner(env=self.company.environ).invoke(main, command)
        assert result.exit_code == 0, result.output
        return result.output.splitlines()[-1]

    def _stop(self, one: Member) -> int:
        return self.company.stop(one)[1]

    def _next(self) -> tuple[str, int]:
        return "127.0.0.1", self._serving[next(self._turn) % len(self._serving)]


class Load:
    """Customers in Intercom, visitors of a site, and somebody at the API; each never pauses."""

    def __init__(self, house: House, token: str) -> None:
        self.house = house
        self.said: list[str] = []
        self.answers: Counter[str] = Counter()
        self.site_secret = words(OLD)
        self.api_token = token
        self.broken: list[BaseException] = []
        self.visitor = self.opens("first")
        self._numbers = itertools.count(1)

    @contextmanager
    def running(self) -> Iterator[None]:
        over = threading.Event()

        def again_and_again(act: Callable[[], object], every_s: float) -> None:
            try:
                while not over.wait(every_s):
                    act()
            except BaseException as error:
                self.broken.append(error)

        acts = ((self.writes, OFTEN_S), (self.looks, OFTEN_S), (self.visits, NOW_AND_THEN_S))
        threads = [threading.Thread(target=again_and_again, args=act) for act in acts]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()
        assert not self.broken

    def some(self, when: str) -> None:
        """Wait until everybody has done something twice: what was begun before is over."""
        before = Counter(self.answers)

        def twice() -> bool:
            assert not self.broken, self.answers
            assert not [one for one in self.answers if not one.endswith(" 200")], self.answers
            return all(self.answers[one] > before[one] + 1 for one in DOORS)

        wait_until(twice, f"calls {when}")

    def writes(self) -> None:
        """A customer writes in Intercom."""
        self.house.standin.world.customer_starts(self._word("customer"), name="Ann")

    def looks(self) -> None:
        """Somebody looks at the sessions."""
        self._ask("GET", "/api/v1/sessions?limit=1", self.api_token)

    def visits(self) -> None:
        """Somebody whom the site knows comes, and who came before all of this writes on."""
        number = next(self._numbers)
        self.opens(f"visitor-{number}")
        said = {"client_id": f"c-{number}", "text": self._word("visitor")}
        self._ask("POST", "/widget/v1/messages", self.visitor, said)

    def opens(self, user: str) -> str:
        """Come as somebody whom the site's server knows; return the visitor's token."""
        now = int(time.time())
        claims = {"sub": user, "iat": now, "exp": now + 3600}
        body = {"key": "acme-web-key", "jwt": jwt.encode(claims, self.site_secret, "HS256")}
        answer = self._ask("POST", "/widget/v1/sessions", "", body)
        token: str = answer.json()["visitor_token"]
        return token

    def seen(self) -> list[str]:
        """What the first visitor was answered."""
        answer = self._ask("GET", "/widget/v1/messages", self.visitor)
        return [one["text"] for one in answer.json()["messages"] if one["author"]["kind"] == "ai"]

    def _word(self, who: str) -> str:
        self.said.append(f"{who} {len(self.said)} says")
        return self.said[-1]

    def _ask(self, method: str, path: str, token: str, body: Any = None) -> requests.Response:
        headers = {"Origin": ORIGIN} | ({"Authorization": f"Bearer {token}"} if token else {})
        answer = requests.request(
            method, self.house.url + path, json=body, headers=headers, timeout=10
        )
        self.answers[f"{path.partition('?')[0]} {answer.status_code}"] += 1
        return answer


@pytest.fixture
def place(migrated_postgres_url: str, valkey_url: str, tmp_path: Path) -> Iterator[Ground]:
    place = Ground("postgresql", tmp_path, migrated_postgres_url, valkey_url)
    yield place
    place.database.dispose()


@pytest.mark.slow(30)
def test_nothing_is_refused_lost_or_done_twice(place: Ground) -> None:
    partner = Partner()
    with ExitStack() as stack:
        standin = stack.enter_context(
            StandIn(token="old-token", client_secret=words(OLD), timeout_s=30)
        )
        address = stack.enter_context(wsgi_server(partner))
        house = House(place, address, standin, stack)
        # What both sides hold is believed in both, also what the others will sign soon.
        house.know([NEW, OLD], "old-token", GATEWAY_SECRET_KEY=OLD, GATEWAY_SECRET_KEY_PREVIOUS=NEW)
        house.start()
        house.gateway("operators", "add", "v@acme.example", "--name", "Vera", "--role", "viewer")
        old_token = house.gateway("tokens", "add", "v@acme.example")
        old_token_id = house.gateway("tokens", "list").split()[0]
        load = Load(house, old_token)
        # Subscribers are told of what happens once they have been met, which something must cause.
        standin.world.customer_starts(FIRST, name="Ann")
        wait_until(lambda: place.count(MET), "the subscriber to be met")
        with load.running():
            load.some("before")
            # Everybody outside changes at once; Intercom has made a new token beside the old one.
            standin.notifier.client_secret = load.site_secret = words(NEW)
            standin.gate.token, standin.gate.older_tokens = "new-token", ("old-token",)
            partner.secret = whsec(NEW)
            load.api_token = house.gateway("tokens", "add", "v@acme.example")
            load.some("with the new ones outside")
            house.gateway("tokens", "revoke", old_token_id)
            # The old ones are taken out; of our own key that of yesterday's visitors stays.
            house.know([NEW], "new-token", GATEWAY_SECRET_KEY=NEW, GATEWAY_SECRET_KEY_PREVIOUS=OLD)
            house.restart()
            standin.gate.older_tokens = ()
            load.some("after")
        assert {name.rpartition(" ")[2] for name in load.answers} == {"200"}, load.answers
        assert not partner.refused
        everything = Counter([*load.said, *map(about, load.said)])
        wait_until(lambda: not everything - parted(partner.told()), "every event")
        wait_until(lambda: not place.count(UNSENT), "every answer")
        assert parted([*replies(standin), *load.seen()]) == Counter(map(about, (FIRST, *load.said)))
        assert parted(partner.told()) - Counter([FIRST, about(FIRST)]) == everything
        assert len({id for id, _ in partner.events}) == len(partner.events)
        assert set(partner.late) == {200}
        assert {(one.status, one.attempt) for one in standin.notifier.log} == {(200, 1)}
        assert {call.status for call in standin.requests} == {200}
        assert not partner.refused

        load.site_secret = standin.notifier.client_secret = words(OLD)
        assert standin.notifier.ping().status == 401
        load.api_token = old_token
        load.answers.clear()
        load.looks()
        with pytest.raises(KeyError):
            load.opens("somebody else")
        assert set(load.answers) == {"/api/v1/sessions 401", "/widget/v1/sessions 401"}


def about(word: str) -> str:
    """What the AI says to this."""
    return f"About {word}"


def parted(texts: Iterable[str]) -> Counter[str]:
    """What was answered together, one by one."""
    return Counter(one for text in texts for one in text.split("; "))


def replies(standin: StandIn) -> list[str]:
    """What the AI said in Intercom."""
    return [
        text_of_html(part.body)
        for one in standin.world.conversations.values()
        for part in one.parts
        if part.body and str(part.author.id) == str(BOT_ADMIN_ID)
    ]
