"""The OpenAPI document: generated, valid by itself, and true of every route."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from gateway.api.described import NAMES
from tests.api.house import House

DOCS = Path(__file__).parents[2] / "docs" / "api.md"
# What they change runs out by itself.
FLEETING = (
    "/api/v1/me/presence",
    "/api/v1/sessions/{session_id}/looking",
    "/api/v1/sessions/{session_id}/read",
    "/api/v1/sessions/{session_id}/typing",
)
# They answer with what is shown just once, or with what is kept nowhere.
SECRET = (
    "/api/v1/operators/{operator_id}/tokens",
    "/api/v1/contacts/{contact_id}/export",
)
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def document(sqlite_house: House) -> Any:
    return sqlite_house.get("/openapi.json", role=None).json


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Every operation, its parameters resolved and those of its path among them."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
                resolved = [resolve(document, parameter) for parameter in parameters]
                yield path, method, {**item[method], "parameters": resolved}


def resolve(document: Any, node: Any) -> Any:
    """What a reference leads to; raises KeyError if nowhere."""
    while "$ref" in node:
        found = document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for inner in node.values():
            yield from nodes(inner)
    elif isinstance(node, list):
        for inner in node:
            yield from nodes(inner)


def test_it_is_valid_openapi_3_1(document: Any) -> None:
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_route_is_described_and_nothing_else(document: Any, sqlite_house: House) -> None:
    described = {(path, method) for path, method, _ in operations(document)}
    routed = set()
    for rule in sqlite_house.app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1") and not rule.endpoint.startswith("api-docs"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
            methods = {method.lower() for method in rule.methods or ()} - {"head", "options"}
            routed |= {(path, method) for method in methods}
    assert described == routed


def test_the_document_is_whole(document: Any) -> None:
    assert document["info"]["title"]
    assert document["info"]["version"]
    names: list[str] = []
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        names.append(operation["operationId"])
        assert operation["summary"], where
        told = [(each["in"], each["name"]) for each in operation["parameters"]]
        assert len(told) == len(set(told)), where
        for name in re.findall(r"{(\w+)}", path):
            assert ("path", name) in told, where
        if method == "get":
            assert "requestBody" not in operation, where
        by_agent = path.endswith("/reply")
        assert operation["security"] == ([] if by_agent else [{"token": []}]), where
        keyed = method != "get" and not by_agent and path not in FLEETING + SECRET
        assert (("header", "Idempotency-Key") in told) == keyed, where
    assert len(names) == len(set(names))


def test_every_door_says_what_can_go_wrong(document: Any) -> None:
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        said = {int(status) for status in operation["responses"]}
        assert any(200 <= status < 300 for status in said), where
        expected = {401, 500, 503}
        if operation["security"]:
            expected |= {429}
        if "{" in path:
            expected |= {404}
        if method != "get":
            expected |= {400, 409, 413}
        if method != "get" and operation["security"]:
            expected |= {403, 422}
        in_query = [each for each in operation["parameters"] if each["in"] == "query"]
        if in_query:
            expected |= {422}
        if any(each["name"] == "If-Match" for each in operation["parameters"]):
            expected |= {412, 428}
        assert expected <= said, where
        for status in said:
            if status >= 400:
                answer = resolve(document, operation["responses"][str(status)])
                content = answer["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Error"}, where
                assert content["example"]["error"]["message"], where
                headers = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
                if status in headers:
                    assert headers[status] in answer["headers"], where


def test_no_component_is_left_over(document: Any) -> None:
    used = {node["$ref"] for node in nodes(document) if "$ref" in node}
    for kind, components in document["components"].items():
        if kind != "securitySchemes":
            for name in components:
                assert f"#/components/{kind}/{name}" in used, name


def test_every_reference_leads_somewhere(document: Any) -> None:
    for node in nodes(document):
        resolve(document, node)


def test_every_field_shows_an_example(document: Any) -> None:
    missing = []
    for name, schema in document["components"]["schemas"].items():
        for field, node in schema["properties"].items():
            shown = "examples" in node or "enum" in node or "default" in node
            refers = any("$ref" in inner for inner in nodes(node))
            if not shown and not refers:
                missing.append(f"{name}.{field}")
    for path, _, operation in operations(document):
        for parameter in operation["parameters"]:
            schema = parameter["schema"]
            if not {"examples", "enum", "format"} & set(schema) and "{name}" not in path:
                missing.append(f"{path} {parameter['name']}")
    assert missing == []


def test_whatever_is_told_is_always_there(document: Any) -> None:
    told: set[str] = set()
    for _, _, operation in operations(document):
        told |= reached(document, operation["responses"])
    for name in told:
        schema = document["components"]["schemas"][name]
        assert set(schema.get("required", ())) == set(schema["properties"]), name


def reached(document: Any, node: Any) -> set[str]:
    """The names of all schemas that something refers to, in whatever depth."""
    found: set[str] = set()
    left = [node]
    while left:
        for inner in nodes(left.pop()):
            kind, _, name = inner.get("$ref", "").removeprefix("#/components/").partition("/")
            if kind and name not in found:
                if kind == "schemas":
                    found.add(name)
                left.append(document["components"][kind][name])
    return found


def test_every_error_has_a_name() -> None:
    assert len(set(NAMES.values())) == len(NAMES)


def test_the_page_names_every_door_and_parameter(document: Any) -> None:
    page = DOCS.read_text()
    for path, method, operation in operations(document):
        assert f"{method.upper()} {path.removeprefix('/api/v1')}" in page
        for parameter in operation["parameters"]:
            if parameter["in"] != "path":
                assert f"`{parameter['name']}`" in page, parameter["name"]
    for schema in ("Session", "Message", "Delivery"):
        for field in document["components"]["schemas"][schema]["properties"]:
            assert f"`{field}`" in page, f"{schema}.{field}"
