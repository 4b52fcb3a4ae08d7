"""Where a call comes from, behind proxies of ours."""

from __future__ import annotations

from ipaddress import ip_address


def address_behind(peer: str | None, forwarded: list[str], proxies: int) -> str | None:
    """The address of whoever calls; None if it cannot be known (a local socket).

    Each trusted proxy adds the address of its own peer to the end of X-Forwarded-For; what stands
    before those was said by the caller and is worth nothing.
    """
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    found = hops[-proxies] if 0 < proxies <= len(hops) else peer
    try:
        return str(ip_address(found or ""))
    except ValueError:
        return None
