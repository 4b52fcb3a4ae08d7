"""The people of the default workspace; every name and address is invented."""

from __future__ import annotations

from intercom_standin.records import Admin, Team

BOT_ADMIN_ID = 814860
AOIFE_ID = 1396651
MAREK_ID = 1845203
SUPPORT_TEAM_ID = 5017690
BILLING_TEAM_ID = 5017702


def default_admins(bot_admin_id: int = BOT_ADMIN_ID) -> list[Admin]:
    """Return the AI's seat and two teammates; Aoife owns the access token."""
    return [
        Admin(id=bot_admin_id, name="Sage (AI)", email="sage@acme.example", is_bot_seat=True),
        Admin(id=AOIFE_ID, name="Aoife Byrne", email="aoife.byrne@acme.example"),
        Admin(id=MAREK_ID, name="Marek Nowak", email="marek.nowak@acme.example"),
    ]


def default_teams() -> list[Team]:
    """Return the two team inboxes."""
    return [
        Team(id=SUPPORT_TEAM_ID, name="Support", admin_ids=[AOIFE_ID, MAREK_ID]),
        Team(id=BILLING_TEAM_ID, name="Billing", admin_ids=[MAREK_ID]),
    ]
