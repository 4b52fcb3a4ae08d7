"""The OpenAPI document: valid by itself, and true."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.house import House

DOCS = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture
def document(sqlite_house: House) -> Any:
    return sqlite_house.get("/openapi.json", role=None).json


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, item in document["paths"].items():
        for method in ("get", "post", "put", "patch", "delete"):
            if method in item:
                yield path, method, {**item[method], "shared": item.get("parameters", [])}


def test_every_door_is_described(document: Any, sqlite_house: House) -> None:
    described = {(path, method) for path, method, _ in operations(document)}
    routed = set()
    for rule in sqlite_house.app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1") and not rule.endpoint.startswith("api-docs"):
            path = rule.rule.replace("<", "{").replace(">", "}")
            routed |= {
                (path, method.lower())
                for method in (rule.methods or ())
                if method in ("GET", "POST")
            }
    assert described == routed


def test_the_document_is_whole(document: Any) -> None:
    assert document["openapi"].startswith("3.")
    assert document["info"]["title"]
    assert document["info"]["version"]
    names: list[str] = []
    for path, method, operation in operations(document):
        names.append(operation["operationId"])
        assert operation["summary"], path
        assert any(code.startswith("2") for code in operation["responses"])
        assert "default" in operation["responses"]
        parameters = [*operation["shared"], *operation.get("parameters", [])]
        told = [(each["in"], each["name"]) for each in parameters]
        assert len(told) == len(set(told))
        for name in path.split("{")[1:]:
            assert ("path", name.partition("}")[0]) in told
        if method == "get":
            assert "requestBody" not in operation
        opened = operation.get("security", document.get("security"))
        assert opened == ([] if path.endswith("/reply") else [{"token": []}])
        if method == "post" and not path.endswith("/reply"):
            assert ("header", "Idempotency-Key") in told
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere(document: Any) -> None:
    def look(node: Any) -> None:
        if isinstance(node, dict):
            reference = node.get("$ref")
            if reference is not None:
                found = document
                for step in reference.removeprefix("#/").split("/"):
                    found = found[step]
            for inner in node.values():
                look(inner)
        elif isinstance(node, list):
            for inner in node:
                look(inner)

    look(document)


def test_the_page_names_every_door_and_parameter(document: Any) -> None:
    page = DOCS.read_text()
    for path, method, operation in operations(document):
        assert f"{method.upper()} {path.removeprefix('/api/v1')}" in page
        for parameter in operation.get("parameters", []):
            assert f"`{parameter['name']}`" in page, parameter["name"]
    for schema in ("Session", "Message", "Delivery"):
        for field in document["components"]["schemas"][schema]["properties"]:
            assert f"`{field}`" in page, f"{schema}.{field}"
