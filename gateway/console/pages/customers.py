"""360 View: who customers are, all that is known of one, and whether two are one person."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import Response, request
from werkzeug.wrappers import Response as BaseResponse

from gateway.console.columns import Columns
from gateway.console.customers import Profiles
from gateway.console.rooms import ADMINS, EVERYBODY, MAY_ACT, Pages
from gateway.console.words import called
from gateway.contacts import cards
from gateway.contacts.trees import standing_of
from gateway.privacy import looking
from gateway.rails.parsing import checked_id
from gateway.reading.cursors import from_cursor, to_cursor

HERE = "/console/customers"
_PAGE = 50
_LONGEST = 200


def add_customer_pages(pages: Pages) -> None:
    """Add the search, a page for each customer, its history, and two side by side."""
    database = pages.parts.database
    profiles = Profiles(pages)

    @pages.page("/customers", roles=EVERYBODY, title="360 View")
    def customers() -> Response:
        """`join`: whom the one that is chosen is to be compared with."""
        asked = {
            name: request.args.get(name, "").replace("\x00", "").strip()[:_LONGEST]
            for name in ("q", "join")
        }
        cursor = request.args.get("cursor") or None
        with database.read() as db:
            found = cards.find_contacts(db, asked["q"], limit=_PAGE, after=_after(cursor))
            partner = None
            if asked["join"]:
                partner = cards.find_contact(db, checked_id("con", asked["join"]))
        query = {name: value for name, value in asked.items() if value}
        following = to_cursor(found.last) if found.last else None
        return pages.render(
            "customers/table.html" if pages.is_part() else "customers/list.html",
            found=found.items,
            columns=Columns.read(request.cookies, pages.parts.settings, found.items),
            asked=asked,
            partner=partner,
            called=called,
            here=_address("", query | ({"cursor": cursor} if cursor else {})),
            first=_address("", query) if cursor else "",
            next=_address("", query | {"cursor": following}) if following else "",
        )

    @pages.page("/customers/<contact_id>", roles=EVERYBODY, title="360 View")
    def customer(contact_id: str) -> BaseResponse:
        contact_id = checked_id("con", contact_id)
        cursor = request.args.get("sessions") or None
        with database.read() as db:
            profile = profiles.read(db, contact_id, cursor)
        if profile.id != contact_id:
            return _to_standing(pages, profile.id)
        return pages.render(
            "customers/profile.html" if pages.is_part() else "customers/customer.html",
            profile=profile,
            card=profile.card,
            called=called,
            may_act=pages.operator().role in MAY_ACT,
            may_erase=pages.operator().role in ADMINS,
            confirm=looking.called(profile.card),
            here=_address(f"/{contact_id}", {"sessions": cursor} if cursor else {}),
            first=_address(f"/{contact_id}", {}) if cursor else "",
            next=_address(f"/{contact_id}", {"sessions": profile.next}) if profile.next else "",
        )

    @pages.page("/customers/<contact_id>/history", roles=EVERYBODY, title="360 View")
    def customer_history(contact_id: str) -> Response:
        contact_id = checked_id("con", contact_id)
        cursor = request.args.get("cursor") or None
        with database.read() as db:
            card = cards.find_contact(db, contact_id)
            found = cards.find_history(db, card["id"], limit=_PAGE, after=_after(cursor))
        path = f"/{card['id']}/history"
        return pages.render(
            "customers/history.html",
            card=card,
            called=called,
            changes=found.items,
            first=_address(path, {}) if cursor else "",
            next=_address(path, {"cursor": to_cursor(found.last)}) if found.last else "",
        )

    @pages.page("/customers/<contact_id>/compare/<other_id>", roles=MAY_ACT, title="360 View")
    def compare_customers(contact_id: str, other_id: str) -> BaseResponse:
        contact_id, other_id = checked_id("con", contact_id), checked_id("con", other_id)
        with database.read() as db:
            standing = standing_of(db, [contact_id, other_id])
            if standing[contact_id] == standing[other_id]:
                return _to_standing(pages, standing[contact_id])
            pair = cards.find_pair(db, contact_id, other_id)
        return pages.render("customers/compare.html", pair=pair, called=called)


def _to_standing(pages: Pages, contact_id: str) -> BaseResponse:
    """To the contact that stands for the one that was asked for; an open page goes as a whole."""
    where = f"{HERE}/{contact_id}"
    if pages.is_part():
        return Response(status=204, headers={"HX-Redirect": where})
    return pages.go(where)


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    at, id = from_cursor(cursor, (int, str))
    return int(at), str(id)


def _address(path: str, query: dict[str, str]) -> str:
    return f"{HERE}{path}{'?' if query else ''}{urlencode(query)}"
