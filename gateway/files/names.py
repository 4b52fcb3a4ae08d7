"""What files are called: names that no file system, page or person is fooled by."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 120
"""How many characters a name has at most."""

NAMELESS = "file"

_UNSAFE = re.compile(r'[<>:"/\\|?*]')
# Part of words in several scripts; every other invisible character goes.
_JOINERS = "\u200c\u200d"
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)", re.IGNORECASE)
_ENDING = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")


def safe_name(text: str) -> str:
    """The name without folders, and without whatever hides or turns round a part of it."""
    text = re.split(r"[/\\]", unicodedata.normalize("NFC", text))[-1]
    shown = "".join(
        letter for letter in text if letter in _JOINERS or unicodedata.category(letter)[0] != "C"
    )
    name = _UNSAFE.sub("_", " ".join(shown.split())).strip(". ")
    if _RESERVED.match(name):
        name = "_" + name
    ending = ending_of(name)
    if len(name) > LONGEST:
        name = name[: LONGEST - len(ending)].rstrip(". ") + ending
    return name or NAMELESS


def ending_of(name: str) -> str:
    """What the name ends with, in small letters, as `.png`; "" if it has no ending."""
    found = _ENDING.search(name)
    return found[0].lower() if found and found.start() > 0 else ""


def stem_of(name: str) -> str:
    """The name without its ending."""
    return name[: len(name) - len(ending_of(name))]
