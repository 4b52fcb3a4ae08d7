"""What `gateway doctor` looks at where files lie."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from gateway.errors import NotFound, Unavailable
from gateway.signs import Finding
from gateway.wiring import Parts


def of_files(parts: Parts) -> Iterator[Finding]:
    """Write a few bytes there, read them, and take them away."""
    vault, probe = parts.files.vault, secrets.token_bytes(16)
    key = f"doctor/{probe.hex()}"
    try:
        vault.write(key, iter([probe]))
        well = b"".join(vault.read(key)) == probe
        vault.remove(key)
    except (NotFound, Unavailable) as trouble:
        yield _wrong(trouble.message)
        return
    if well:
        yield Finding(ok=True, what="files can be written, read and removed")
    else:
        yield _wrong("what is written there is not what is read")


def _wrong(what: str) -> Finding:
    return Finding(
        ok=False,
        what=what,
        do="let the gateway write to the place that [files] url names (docs/configuration.md)",
    )
