"""A room of the API: doors that share who may come in, and how they are described."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Literal, TypeVar

import marshmallow as ma
from flask import Blueprint as FlaskBlueprint
from flask import Flask, request
from flask_smorest import Api, Blueprint  # type: ignore[import-untyped]

from gateway.api import described
from gateway.api.callers import needs
from gateway.api.schemas.errors import ErrorSchema
from gateway.api.trail import Trail
from gateway.people.operators import Role
from gateway.rails.parsing import Invalid, StrictParser

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
View = TypeVar("View", bound=Callable[..., Any])


class Room(Blueprint):  # type: ignore[misc]  # flask-smorest ships no annotations
    """flask-smorest's blueprint with our parser, and one decorator for a whole door."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, *, trail: Trail, **options: Any) -> None:
        """`trail` is where the acts of callers are recorded."""
        super().__init__(name, __name__, **options)
        self._trail = trail
        self._undescribed: list[Callable[[], None]] = []
        self._bodies: list[type[ma.Schema] | None] = []
        self.before_request(trail.begin)
        self.after_request(trail.end)

    def door(
        self,
        method: Method,
        rule: str,
        *,
        gives: type[ma.Schema] | None,
        status: int = 200,
        takes: type[ma.Schema] | None = None,
        required: bool = True,
        by_token: bool = True,
        roles: Collection[Role] = (),
        refuses: Collection[int] = (),
        tagged: bool = False,
        guarded: bool = False,
        gives_files: Collection[str] = (),
        takes_files: Collection[str] = (),
        takes_upload: bool = False,
        fleeting: bool = False,
        secret: bool = False,
    ) -> Callable[[View], View]:
        """Open a door; what it takes is the query of a GET and the JSON body of anything else.

        Only `roles` come in, if any are named. Views answer with finished responses: what else is
        said here is for the OpenAPI document, which knows by itself what can go wrong at such a
        door; `refuses` are statuses beyond that. `tagged`: the answer has an ETag; `guarded`: the
        call must name the one it has seen as If-Match (`etags.py`). `gives_files`: the answer is a
        file of one of these types; `takes_files`: the body is one, which the view reads itself;
        `takes_upload`: it is a form with one in the field `file`. `fleeting`: what it changes runs
        out by itself, or is only what its caller has seen, so no key is taken and no entry left.
        `secret`: the answer holds what is shown just once, so no key is taken: it would be kept.
        """
        door = described.Door(
            changes=method != "GET",
            named="<" in rule,
            takes=takes,
            by_token=by_token,
            roles=bool(roles),
            tagged=tagged,
            guarded=guarded,
            keyed=method != "GET" and by_token and not fleeting and not secret,
            refuses=frozenset(refuses),
        )

        def documented(view: View) -> Any:
            opened: Any = view
            # What is short comes first: each of these copies all that was described before it.
            for refusal in described.refusals(door):
                opened = self.alt_response(refusal, response=described.NAMES[refusal])(opened)
            opened = self.doc(operationId=view.__name__, **described.operation(door))(opened)
            told = described.headers(door)
            for file_type in gives_files:
                file = {"type": "string"}
                opened = self.response(status, file, headers=told, content_type=file_type)(opened)
            if not gives_files:
                opened = self.response(status, gives, headers=told)(opened)
            if takes is not None:
                location = "query" if method == "GET" else "json"
                opened = self.arguments(takes, location=location, required=required)(opened)
            if takes_files:
                opened = self.doc(requestBody=described.file_body(takes_files))(opened)
            if takes_upload:
                opened = self.doc(requestBody=described.upload_body())(opened)
            return opened

        def open_door(view: View) -> View:
            opened: Any = view
            if takes is not None:
                location = "query" if method == "GET" else "json"
                opened = self.arguments(takes, location=location, required=required)(opened)
                if required and method != "GET":
                    opened = _with_body(opened)
            if roles:
                opened = _only(tuple(roles), opened)
            if door.changes and by_token and not fleeting:
                opened = self._trail.followed(opened)
            # Flask's own: smorest's would describe the door at once.
            FlaskBlueprint.add_url_rule(self, rule, view.__name__, opened, methods=[method])

            def describe() -> None:
                self._store_endpoint_docs(
                    view.__name__, documented(view), described.path_parameters(rule), None,
                    methods=[method],
                )  # fmt: skip

            self._undescribed.append(describe)
            self._bodies.append(takes)
            return view

        return open_door

    def describe_in(self, api: House, app: Flask) -> None:
        """Describe every door in the document, once."""
        for describe in self._undescribed:
            describe()
        self.register_views_in_doc(api, app, api.spec, name=self.name, parameters=None)
        for body in self._bodies:
            described.alternatives(api.spec, body)
        api.spec.tag({"name": self.name, "description": self.description})


def _with_body(view: Callable[..., Any]) -> Callable[..., Any]:
    """Refuse a call without the body that the document asks for, even if no field of it must be."""

    @wraps(view)
    def with_body(*args: Any, **kwargs: Any) -> Any:
        if not request.get_data(cache=True).strip():
            problem = "A JSON object is missing."
            raise Invalid(f"body: {problem}", details={"fields": {"body": [problem]}})
        return view(*args, **kwargs)

    return with_body


def _only(roles: tuple[Role, ...], view: Callable[..., Any]) -> Callable[..., Any]:
    """Let these roles in, before what they ask is even read."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        needs(*roles)
        return view(*args, **kwargs)

    return guarded


class House(Api):  # type: ignore[misc]
    """flask-smorest's description of all rooms; answering errors is the application's.

    The document is written when somebody asks for it first: that takes several times as long as
    all else that an application needs to start, and most processes are never asked.
    """

    ERROR_SCHEMA = ErrorSchema
    DEFAULT_ERROR_RESPONSE_NAME = None  # each door says what can go wrong

    def __init__(self, app: Flask) -> None:
        self._rooms: list[Room] = []
        self._writing = threading.Lock()
        super().__init__(app)

    def register_blueprint(self, blp: Room, **options: Any) -> None:
        """Open a room; its doors are described later."""
        self._app.register_blueprint(blp, **options)
        self._rooms.append(blp)

    def _openapi_json(self) -> Any:
        with self._writing:
            if self._rooms:
                described.common(self.spec, self.ma_plugin)
            while self._rooms:
                self._rooms.pop(0).describe_in(self, self._app)
        return super()._openapi_json()

    def _register_error_handlers(self) -> None:
        """None: the application has one for every door."""

    def _register_responses(self) -> None:
        """None: what can go wrong is described in words of ours."""

    def _register_etag_headers(self) -> None:
        """None: as above."""

    def _register_pagination_header(self) -> None:
        """None: lists have cursors."""
