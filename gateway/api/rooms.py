"""A room of the API: doors that share who may come in, and how they are described."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar

import marshmallow as ma
from flask import Response
from flask_smorest import Api, Blueprint  # type: ignore[import-untyped]

from gateway.api.parsing import StrictParser
from gateway.api.schemas import ErrorSchema

IDEMPOTENCY_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "the same call again with the same key gets the same answer, changing nothing",
    "schema": {"type": "string", "maxLength": 255},
}

View = TypeVar("View", bound=Callable[..., Response])


class Room(Blueprint):  # type: ignore[misc]  # flask-smorest ships no annotations
    """flask-smorest's blueprint with our parser, and one decorator for a whole door."""

    ARGUMENTS_PARSER = StrictParser()

    def door(
        self,
        method: Literal["GET", "POST"],
        rule: str,
        *,
        gives: type[ma.Schema],
        status: int = 200,
        takes: type[ma.Schema] | None = None,
        required: bool = True,
        by_token: bool = True,
    ) -> Callable[[View], View]:
        """Open a door; what it takes is the query of a GET and the JSON body of a POST.

        Views answer with finished responses: `gives` is for the OpenAPI document, as is `by_token`.
        """
        document: dict[str, Any] = {"security": [{"token": []}] if by_token else []}
        if by_token and method == "POST":
            document["parameters"] = [IDEMPOTENCY_KEY]

        def open_door(view: View) -> View:
            opened = self.doc(operationId=view.__name__, **document)(view)
            opened = self.response(status, gives)(opened)
            if takes is not None:
                location = "query" if method == "GET" else "json"
                opened = self.arguments(takes, location=location, required=required)(opened)
            self.route(rule, methods=[method])(opened)
            return view

        return open_door


class House(Api):  # type: ignore[misc]
    """flask-smorest's description of all rooms; answering errors is the application's."""

    ERROR_SCHEMA = ErrorSchema

    def _register_error_handlers(self) -> None:
        """None: the application has one for every door."""
