"""REST doors of contacts, admins, teams and the token's owner."""

from __future__ import annotations

from flask import Blueprint

from intercom_standin import people_shapes, search, versions
from intercom_standin.faults import Faults
from intercom_standin.gate import ApiError, Call, Gate
from intercom_standin.ledger import NotThere
from intercom_standin.records import Contact, Json
from intercom_standin.world import World

_EDITABLE = ("name", "email", "phone", "external_id", "role", "custom_attributes")


def people_doors(world: World, gate: Gate, faults: Faults) -> Blueprint:
    """Return the blueprint."""
    doors = Blueprint("people", __name__)

    def shown(contact: Contact) -> Json:
        return people_shapes.rest_contact(contact, app_id=world.app_id)

    def living(call: Call, contact_id: str) -> Contact:
        known = world.contacts.get(contact_id)
        if known is not None and known.merged_into is not None:
            if versions.merged_contact_is_gone(call.version):
                link = f'</contacts/{known.merged_into}>; rel="canonical"'
                message = "This contact has been merged"
                raise ApiError(410, "contact_merged", message, {"Link": link})
            raise NotThere("not_found", "User Not Found")
        return world.contact(contact_id)

    @doors.get("/contacts/<contact_id>")
    @gate.door("contact_get")
    def find(call: Call, contact_id: str) -> Json:
        if faults.draw("contact_merged", "contact_get"):
            _merge_silently(world, contact_id)
        with world.lock:
            return shown(living(call, contact_id))

    @doors.put("/contacts/<contact_id>")
    @gate.door("contact_update", effect=True)
    def update(call: Call, contact_id: str) -> Json:
        living(call, contact_id)
        fields = {name: value for name, value in (call.body or {}).items() if name in _EDITABLE}
        attributes = fields.get("custom_attributes") or {}
        for name, value in attributes.items():
            kind = world.contact_attributes.get(name)
            if kind is None:
                wrong = f"Custom attribute '{name}' does not exist"
            elif value is not None and type(value) is not kind:
                wrong = f"Custom attribute '{name}' must be of type {kind.__name__}"
            else:
                continue
            raise ApiError(400, "parameter_invalid", wrong)
        contact = world.update_contact(contact_id, **fields).contact
        assert contact is not None
        return shown(contact)

    @doors.post("/contacts")
    @gate.door("contact_create", effect=True)
    def create(call: Call) -> Json:
        body = call.body or {}
        if not any(body.get(name) for name in ("email", "external_id", "role")):
            raise ApiError(400, "parameter_missing", "email, external_id or role is required")
        contact = world.add_contact(
            body.get("name"),
            email=body.get("email"),
            phone=body.get("phone"),
            external_id=body.get("external_id"),
            role=body.get("role"),
        ).contact
        assert contact is not None
        return shown(contact)

    @doors.get("/contacts/find_by_external_id/<external_id>")
    @gate.door("contact_find")
    def find_by_external_id(call: Call, external_id: str) -> Json:
        with world.lock:
            for contact in world.contacts.values():
                if contact.external_id == external_id and _listed(contact):
                    return shown(contact)
        raise NotThere("not_found", "User Not Found")

    @doors.post("/contacts/search")
    @gate.door("contact_search")
    def search_for(call: Call) -> Json:
        body = call.body or {}
        query, paging = body.get("query"), body.get("pagination")
        if not isinstance(query, dict):
            raise ApiError(400, "parameter_missing", "query is required")
        search.check(query)
        paging = paging if isinstance(paging, dict) else {}
        sort = body.get("sort")
        sort = sort if isinstance(sort, dict) else {}
        by, descending = sort.get("field") or "created_at", sort.get("order") != "ascending"
        days = versions.cuts_contact_dates(call.version)
        query = search.by_days(query) if days else query
        matches = search.matcher(
            query, search.contact_field_by_days if days else search.contact_field
        )
        sorted_by = search.contact_field(str(by))
        with world.lock:
            # Vendor rule: a merged contact is gone from search and list.
            found = [one for one in world.contacts.values() if _listed(one) and matches(one)]
            items, pages = search.page_of(
                found,
                key=lambda one: (sorted_by(one) or 0, one.id),
                per_page=paging.get("per_page"),
                starting_after=paging.get("starting_after"),
                descending=descending,
            )
            return {
                "type": "list",
                "data": [shown(one) for one in items],
                "total_count": len(found),
                "pages": pages,
            }

    @doors.post("/contacts/merge")
    @gate.door("contact_merge", effect=True)
    def merge(call: Call) -> Json:
        body = call.body or {}
        contact = world.merge_contacts(str(body.get("from")), str(body.get("into"))).contact
        assert contact is not None
        return shown(contact)

    @doors.get("/me")
    @gate.door("me")
    def me(call: Call) -> Json:
        # Vendor rule: /me is the token's owner, not the bot.
        with world.lock:
            teams = list(world.teams.values())
            return people_shapes.rest_me(
                world.teammates[0], teams, app_id=world.app_id, name=world.name,
                region=world.region, created_at=1_600_000_000,
            )  # fmt: skip

    @doors.get("/admins")
    @gate.door("admins")
    def admins(call: Call) -> Json:
        with world.lock:
            teams = list(world.teams.values())
            all_of_them = [people_shapes.rest_admin(one, teams) for one in world.admins.values()]
        return {"type": "admin.list", "admins": all_of_them}

    @doors.get("/admins/<admin_id>")
    @gate.door("admin")
    def admin(call: Call, admin_id: str) -> Json:
        with world.lock:
            return people_shapes.rest_admin(world.admin(admin_id), list(world.teams.values()))

    @doors.put("/admins/<admin_id>/away")
    @gate.door("away", effect=True)
    def away(call: Call, admin_id: str) -> Json:
        body = call.body or {}
        if not isinstance(body.get("away_mode_enabled"), bool):
            raise ApiError(400, "parameter_missing", "away_mode_enabled is required")
        world.set_away(
            admin_id,
            away=body["away_mode_enabled"],
            reassign=bool(body.get("away_mode_reassign")),
        )
        with world.lock:
            return people_shapes.rest_admin(world.admin(admin_id), list(world.teams.values()))

    @doors.get("/teams")
    @gate.door("teams")
    def teams(call: Call) -> Json:
        with world.lock:
            all_of_them = [people_shapes.rest_team(one) for one in world.teams.values()]
        return {"type": "team.list", "teams": all_of_them}

    @doors.get("/teams/<team_id>")
    @gate.door("team")
    def team(call: Call, team_id: str) -> Json:
        with world.lock:
            return people_shapes.rest_team(world.team(team_id))

    return doors


def _listed(contact: Contact) -> bool:
    return not contact.deleted and not contact.archived and contact.merged_into is None


def _merge_silently(world: World, contact_id: str) -> None:
    """Merge a contact into a new one without telling anybody, as a lost webhook would."""
    with world.lock:
        lead = world.contact(contact_id)
        user = world.add_contact(
            lead.name,
            email=lead.email or "merged@customer.example",
            external_id=f"merged-{lead.id}",
            tell=False,
        ).contact
        assert user is not None
        lead.merged_into = user.id
        for conversation in world.conversations.values():
            if conversation.contact is lead:
                conversation.contact = world.contact(user.id)
