"""ETags: the same thing has the same one, and nobody overwrites what they have not seen."""

from typing import Any

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from gateway.api.etags import etag_of, require_match, tagged_answer, with_etag
from gateway.app.errors import add_error_answers
from gateway.rails.answers import json_answer


class Thing:
    """One thing behind two doors, as a contact is."""

    def __init__(self) -> None:
        self.body: dict[str, Any] = {"name": "Carol", "email": None}
        app = Flask(__name__)
        add_error_answers(app)
        app.add_url_rule("/thing", view_func=self.get)
        app.add_url_rule("/weak", view_func=self.get_weak)
        app.add_url_rule("/thing", view_func=self.patch, methods=["PATCH"])
        self.client: FlaskClient = app.test_client()

    def get(self) -> Response:
        return tagged_answer(self.body)

    def get_weak(self) -> Response:
        return tagged_answer(self.body, weak=True)

    def patch(self) -> Response:
        require_match(self.body)
        self.body = {**self.body, "name": self.body["name"] + "!"}
        return with_etag(json_answer(self.body))


@pytest.fixture
def thing() -> Thing:
    return Thing()


def test_the_same_thing_has_the_same_tag_in_any_order_of_keys() -> None:
    assert etag_of({"a": 1, "b": {"c": 2, "d": 3}}) == etag_of({"b": {"d": 3, "c": 2}, "a": 1})
    assert etag_of({"a": 1}) != etag_of({"a": 2})


def test_what_was_read_is_not_sent_again(thing: Thing) -> None:
    first = thing.client.get("/thing")
    tag = first.headers["ETag"]
    assert tag == f'"{etag_of(thing.body)}"'
    for seen in (tag, f"W/{tag}", f'"other", {tag}'):
        again = thing.client.get("/thing", headers={"If-None-Match": seen})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    for seen in ('"other"', "*", ""):
        assert thing.client.get("/thing", headers={"If-None-Match": seen}).status_code == 200
    assert thing.client.get("/weak").headers["ETag"] == f"W/{tag}"


def test_a_change_names_what_was_seen(thing: Thing) -> None:
    tag = thing.client.get("/thing").headers["ETag"]
    changed = thing.client.patch("/thing", headers={"If-Match": f'"other", {tag}'})
    assert changed.status_code == 200
    assert changed.headers["ETag"] == thing.client.get("/thing").headers["ETag"] != tag
    again = thing.client.patch("/thing", headers={"If-Match": changed.headers["ETag"]})
    assert again.status_code == 200
    assert thing.client.patch("/thing", headers={"If-Match": "*"}).status_code == 200
    assert thing.body["name"] == "Carol!!!"


@pytest.mark.parametrize("named", ['"other"', "W/{}", "nonsense", '"', ",", "W/*"])
def test_a_change_of_another_state_is_refused(thing: Thing, named: str) -> None:
    tag = thing.client.get("/thing").headers["ETag"]
    refused = thing.client.patch("/thing", headers={"If-Match": named.format(tag)})
    assert refused.json is not None
    assert (refused.status_code, refused.json["error"]["code"]) == (412, "changed")
    assert "read it again" in refused.json["error"]["message"]
    assert "ETag" not in refused.headers
    assert thing.body["name"] == "Carol"


@pytest.mark.parametrize("headers", [{}, {"If-Match": ""}, {"If-Match": " "}])
def test_a_change_of_no_named_state_is_refused(thing: Thing, headers: dict[str, str]) -> None:
    refused = thing.client.patch("/thing", headers=headers)
    assert refused.json is not None
    assert (refused.status_code, refused.json["error"]["code"]) == (428, "unguarded")
    assert "If-Match" in refused.json["error"]["message"]
    assert thing.body["name"] == "Carol"
