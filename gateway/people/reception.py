"""Does anybody work now? What a customer who needs a person is told depends on it."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway.clock import from_micros
from gateway.hours import Hours
from gateway.people.availability import Availability
from gateway.people.routing import anybody_works, opens_at
from gateway.policy import Reception
from gateway.store import Transaction

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Receptions:
    """Looks at the working hours of those whom an agent's sessions are for.

    Whether they are at their desks does not matter: they come back, and the ladder of deadlines
    tells the customer how things stand. Where nobody is known, the workspace's hours decide.
    """

    def __init__(self, availability: Availability, zone: ZoneInfo, hours: Hours) -> None:
        self._availability = availability
        self._zone = zone
        self._hours = hours

    def __call__(self, db: Transaction, agent_name: str, now: int) -> Reception:
        """The reception as it stands at `now` (µs)."""
        at = from_micros(now)
        shifts = self._availability.shifts(db, agent_name, now)
        if shifts:
            works, opens = anybody_works(shifts), opens_at(shifts)
        else:
            works, opens = (
                self._hours.is_open(at, self._zone, ()),
                self._hours.opens_at(at, self._zone, ()),
            )
        if works:
            return Reception()
        return Reception(open=False, opens_at=worded(opens, at, self._zone) if opens else None)


def worded(moment: datetime, now: datetime, zone: ZoneInfo) -> str:
    """A coming moment as people say it: `tomorrow at 09:00`, `on Monday, 30 November, at 09:00`."""
    there, here = moment.astimezone(zone), now.astimezone(zone)
    days = (there.date() - here.date()).days
    if days == 0:
        return f"today at {there:%H:%M}"
    if days == 1:
        return f"tomorrow at {there:%H:%M}"
    # Not strftime: its names depend on the machine's locale.
    return f"on {_DAYS[there.weekday()]}, {there.day} {_MONTHS[there.month - 1]}, at {there:%H:%M}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
