"""Files: what visitors and operators send besides words.

The row of a file stands before its first byte is written, and says that there is one after the last
is on the disk; it enters a message in the message's own transaction. What falls in between, upkeep
sweeps away.
"""

from gateway.files.links import Links
from gateway.files.rows import (
    MOST_IN_A_MESSAGE,
    File,
    Owner,
    bind,
    claim,
    find,
    take_away,
    to_send,
)
from gateway.files.shelf import Files, Received
from gateway.files.uploads import ROUND_THE_FILE, Body, Upload, read_upload
from gateway.files.vault import Vault

__all__ = [
    "MOST_IN_A_MESSAGE", "ROUND_THE_FILE", "Body", "File", "Files", "Links", "Owner", "Received",
    "Upload", "Vault", "bind", "claim", "find", "read_upload", "take_away", "to_send",
]  # fmt: skip
