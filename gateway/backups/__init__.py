"""Backups of the embedded set-up: one file with the record and its files, and the way back.

A backup is a tar (gzip) of `gateway.db`, `files/…` and, last, `manifest.json`, which names the
version, the schema and each member's SHA-256. It holds no secret key: what that key has sealed, and
who has signed in, is worth nothing without it.
"""

from gateway.backups.manifest import Manifest
from gateway.backups.restoring import restore
from gateway.backups.taking import take

__all__ = ["Manifest", "restore", "take"]
