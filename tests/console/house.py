"""A gateway whose console is looked at: people of every role who have signed in with a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from gateway.people import passwords
from gateway.store.models import Operator
from tests.api.house import House

PASSWORD = "correct horse"
HERE = "https://gateway.acme.test"

# Hashing costs what it costs on purpose; all of them have the same one.
_HASHED = passwords.hashed(PASSWORD)
_FORM = re.compile(r'name="form" value="([0-9a-f]+)"')
_CSRF = re.compile(r'name="csrf-token" content="([0-9a-f]+)"')


def words(html: str) -> str:
    """What a page says, without its tags."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)))


class Browser:
    """A browser with cookies, as the server sees one."""

    def __init__(self, house: ConsoleHouse, address: str = "192.0.2.1") -> None:
        self._house = house
        self._address = address
        self.client: FlaskClient = house.app.test_client()
        self.csrf = ""

    def get(self, path: str, **more: Any) -> TestResponse:
        """Open a page, `/console` being left out; redirects are not followed."""
        return self.ask("GET", f"/console{path}", **more)

    def part(self, path: str, **more: Any) -> TestResponse:
        """A part of a page, as htmx asks for it."""
        return self.get(path, headers={"HX-Request": "true"}, **more)

    def html(self, path: str) -> str:
        """A page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status, answer.text[:2_000])
        return answer.text

    def api(
        self, method: str, path: str, json: Any = None, *, csrf: str | None = None, **more: Any
    ) -> TestResponse:
        """Call the API as a page's script does: by cookie, with the page's word."""
        headers: dict[str, str] = {"X-CSRF-Token": self.csrf if csrf is None else csrf}
        headers |= more.pop("headers", {})
        body = {} if json is None else {"json": json}
        return self.ask(method, f"/api/v1{path}", headers=headers, **body, **more)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> TestResponse:
        return self.client.open(
            path, method=method, base_url=HERE, headers=dict(headers or {}),
            environ_overrides={"REMOTE_ADDR": self._address}, **more,
        )  # fmt: skip

    def sign_in(self, email: str, password: str = PASSWORD, next: str = "") -> TestResponse:
        """Fill the form in, and send it."""
        page = self.ask("GET", "/console/login")
        found = _FORM.search(page.text)
        word = found[1] if found else ""
        form = {"email": email, "password": password, "form": word, "next": next}
        answer = self.ask("POST", "/console/login", data=form)
        if answer.status_code == 303:
            self.read_csrf()
        return answer

    def read_csrf(self) -> None:
        """Take the word of a page, as its script does."""
        found = _CSRF.search(self.html("/sessions"))
        assert found
        self.csrf = found[1]

    def cookie(self, name: str = "__Host-gateway") -> str:
        """What the browser keeps by this name; empty if nothing."""
        found = self.client.get_cookie(name, domain="gateway.acme.test")
        return found.value if found is not None else ""


class ConsoleHouse(House):
    """The API's house, whose people have passwords."""

    def __init__(self, database_url: str, **more: Any) -> None:
        super().__init__(database_url, **more)
        self._browsers: dict[str, Browser] = {}
        self.give_passwords()

    def give_passwords(self) -> None:
        """Everybody who has none gets PASSWORD; call it again for people who came later."""
        missing = update(Operator).where(Operator.password_hash.is_(None))
        self.database.write(lambda db: db.execute(missing.values(password_hash=_HASHED)))

    def stranger(self, address: str = "192.0.2.1") -> Browser:
        """A browser in which nobody has signed in."""
        return Browser(self, address)

    def browser(self, role: str = "operator") -> Browser:
        """A browser in which this person has signed in: a role, or the key of `add_operator`."""
        if role not in self._browsers:
            browser = Browser(self)
            assert browser.sign_in(f"{role}@acme.test").status_code == 303
            self._browsers[role] = browser
        return self._browsers[role]
