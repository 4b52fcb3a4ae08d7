"""schemathesis asks the whole API, with every check that it has, and finds nothing.

SCHEMATHESIS_EXAMPLES=200 asks more by chance, and anew each time (say SCHEMATHESIS_SEED).
"""

import os

import pytest
from sqlalchemy import select

from gateway.events import ContactSeen
from gateway.store.models import Message
from tests.api.asking import Asking
from tests.api.house import CHANNEL, House
from tests.api.test_deliveries import post, unreadable

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "0"))
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))


def lived_in(house: House) -> dict[str, list[str]]:
    """Sessions in every state, deliveries, colleagues; ids by the letters they begin with."""
    sessions = [house.session(str(1000 + number)) for number in range(8)]
    house.post(f"/sessions/{sessions[1]}/handover", {"reason": "upset"})
    house.post(f"/sessions/{sessions[2]}/copilot", {"on": True})
    house.post(f"/sessions/{sessions[3]}/messages", {"text": "Let me **look**"})
    house.post(f"/sessions/{sessions[4]}/finish")
    house.staff("operator", "500", "Bob")
    house.happen("1005", house.assigned("1005", "operator", "500"))
    house.happen("1006", house.closed("1006"))
    house.post(f"/sessions/{sessions[7]}/notes", {"text": "VIP"})
    for number in (2, 3):
        who = ContactSeen(id=f"c{number}", name=f"Carol {number}", email="carol@example.test")
        house.happen(f"200{number}", house.said(f"200{number}", "Hello?"), contact=who)
    for number in range(3):
        post(house, unreadable(f"notif_{number}"))
    deliveries = [item["id"] for item in house.get("/deliveries").json["items"]]
    house.add_operator("operator", key="colleague")
    house.add_operator("viewer", key="guest")
    people = {"name": "First line", "member_ids": [house.ids["colleague"]]}
    team = house.post("/teams", people, "admin").json["id"]
    known = {
        "ses": sessions,
        "dlv": deliveries,
        "con": [item["id"] for item in house.get("/contacts").json["items"]],
        "opr": [house.ids["colleague"], house.ids["guest"]],
        "tea": [team],
        "name": [CHANNEL],
    }
    with house.database.read() as db:
        known["msg"] = list(db.scalars(select(Message.id)))
    return known


@pytest.mark.slow(25)
@pytest.mark.parametrize(
    ("role", "phases", "examples"),
    [
        ("admin", ("examples", "coverage", "fuzzing"), 2),
        ("viewer", ("examples",), 1),
    ],
)
def test_it_finds_nothing(
    sqlite_house: House, role: str, phases: tuple[str, ...], examples: int
) -> None:
    known = lived_in(sqlite_house)
    asking = Asking(sqlite_house, role, known)
    found = asking.run(examples=EXAMPLES or examples, phases=phases, seed=SEED, fixed=not EXAMPLES)
    print(f"{role}: {found.calls} calls, {found.checks} checks")
    if found.failures or found.errors:
        pytest.fail(str(found), pytrace=False)
    if role == "admin":
        assert found.checks > 5_000
        reached = {label for label, codes in found.statuses.items() if codes & {200, 201, 204}}
        assert {f"POST /api/v1/sessions/{{session_id}}/{act}" for act in ("handover", "notes")} <= (
            reached
        )
