"""What every page has: the menu by role, light or dark, and the headers that protect it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gateway.people.operators import Role

Theme = Literal["", "light", "dark"]
"""Empty: as the system has it."""

THEME_COOKIE = "gateway-theme"

_YEAR_S = 31_536_000
# Nothing inline, nothing of others: what a customer wrote may at worst be shown wrongly.
_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A line of the menu."""

    name: str
    path: str
    icon: str
    current: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """What somebody may open: the work, and what only administrators see."""

    work: tuple[Item, ...] = ()
    administration: tuple[Item, ...] = ()
    start: str = "/console/login"
    current: Item | None = field(default=None)

    @classmethod
    def of(cls, role: Role, path: str) -> Menu:
        """The menu of a role, with the page that is open at `path` marked."""
        work = tuple(
            _item(name, where, icon, path) for name, where, icon, roles in _WORK if role in roles
        )
        administration = tuple(
            _item(name, where, icon, path) for name, where, icon in _ADMINISTRATION
        )
        if role != "admin":
            administration = ()
        opened = [item for item in (*work, *administration) if item.current]
        return cls(
            work=work,
            administration=administration,
            start=start_of(role),
            current=opened[0] if opened else None,
        )


_WORK: tuple[tuple[str, str, str, tuple[Role, ...]], ...] = (
    ("Sessions", "/console/sessions", "sessions", ("admin", "operator", "viewer")),
    ("Human Agents", "/console/human-agents", "headset", ("admin", "operator")),
    ("360 View", "/console/customers", "customers", ("admin", "operator", "viewer")),
)
_ADMINISTRATION = (
    ("Deliveries", "/console/deliveries", "deliveries"),
    ("Channels", "/console/channels", "channels"),
    ("Operators", "/console/operators", "operators"),
    ("Audit log", "/console/audit", "audit"),
)


def start_of(role: Role) -> str:
    """The page that somebody begins with: operators answer, everybody else watches."""
    return "/console/human-agents" if role == "operator" else "/console/sessions"


def read_theme(cookies: Mapping[str, str]) -> Theme:
    """Light or dark, as this browser was told: known before the page is drawn."""
    said = cookies.get(THEME_COOKIE, "")
    return "dark" if said == "dark" else "light" if said == "light" else ""


def security_headers(public_url: str) -> tuple[tuple[str, str], ...]:
    """What browsers are told of every page; over https they remember to come by https only."""
    headers = (
        ("Content-Security-Policy", _POLICY),
        ("X-Frame-Options", "DENY"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"),
        ("Cache-Control", "no-store"),
    )
    if public_url.startswith("https://"):
        return (*headers, ("Strict-Transport-Security", f"max-age={_YEAR_S}"))
    return headers


def _item(name: str, where: str, icon: str, path: str) -> Item:
    current = path == where or path.startswith(where + "/")
    return Item(name=name, path=where, icon=icon, current=current)
