"""What `gateway doctor` looks at of people: are those whom agents name there?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url, select

from gateway.cli.settings import is_embedded, is_pending
from gateway.config import AgentSettings, Settings
from gateway.errors import Unavailable
from gateway.signs import Finding
from gateway.store import Transaction
from gateway.store.models import Operator, Team
from gateway.wiring import Parts


def of_people(settings: Settings, parts: Parts) -> Iterator[Finding]:
    """Look for the operators and teams that agents name; nothing if they name none."""
    naming = [one for one in settings.agents.values() if one.operators or one.team]
    if not naming or not _has_tables(settings):
        return
    with parts.database.read() as db:
        for agent in naming:
            yield from _of_agent(db, agent)


def _of_agent(db: Transaction, agent: AgentSettings) -> Iterator[Finding]:
    rows = db.execute(
        select(Operator.email).where(
            Operator.deactivated_at.is_(None), Operator.role.in_(("admin", "operator"))
        )
    )
    known = {row.email for row in rows}
    missing = [email for email in agent.operators if email.lower() not in known]
    for email in missing:
        yield Finding(
            ok=False,
            what=f"[agents.{agent.name}] names {email}, who is no active operator",
            do=f"gateway operators add {email}, or take the address out",
        )
    teams = set(db.scalars(select(Team.name)))
    if agent.team and agent.team not in teams:
        yield Finding(
            ok=False,
            what=f"[agents.{agent.name}] names the team {agent.team}, which is not there",
            do=f'gateway teams add "{agent.team}", or correct the name',
        )
    elif not missing:
        yield Finding(ok=True, what=f"[agents.{agent.name}] names people who are there")


def _has_tables(settings: Settings) -> bool:
    """What is wrong with the database is told elsewhere."""
    if is_embedded(settings) and not Path(str(make_url(settings.database_url).database)).exists():
        return False
    try:
        return not is_pending(settings)
    except Unavailable:
        return False
