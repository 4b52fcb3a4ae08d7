"""What the environment says: addresses, folders and the gateway's own secret key."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from gateway.config.kinds import address_problem
from gateway.config.problems import Problems

VARIABLES = (
    "GATEWAY_CONFIG",
    "GATEWAY_DATABASE_URL",
    "GATEWAY_REDIS_URL",
    "GATEWAY_SECRET_KEY",
    "GATEWAY_SECRET_KEY_PREVIOUS",
    "GATEWAY_PUBLIC_URL",
    "GATEWAY_DATA_DIR",
)
# Unusable, and so shown nowhere: it stands in while there are problems to report.
NONE_YET = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The settings that come from the environment alone."""

    data_dir: Path
    database_url: str = field(repr=False)
    redis_url: str | None = field(repr=False)
    secret_key: str = field(repr=False)
    previous_secret_keys: tuple[str, ...] = field(repr=False)
    public_url: str


def read_environment(
    environ: Mapping[str, str], problems: Problems, mentioned: set[str]
) -> Environment:
    """Read the GATEWAY_ variables. `mentioned` are the variables that the file asks for."""
    _look_for_slips(environ, problems, mentioned)
    data_dir = _data_dir(environ)
    return Environment(
        data_dir=data_dir,
        database_url=_database_url(environ, data_dir, problems),
        redis_url=_redis_url(environ, problems),
        secret_key=_secret_key(environ, data_dir, problems),
        previous_secret_keys=tuple(environ.get("GATEWAY_SECRET_KEY_PREVIOUS", "").split()),
        public_url=_public_url(environ, problems),
    )


def _look_for_slips(environ: Mapping[str, str], problems: Problems, mentioned: set[str]) -> None:
    """Report variables that are a slip away from a setting.

    Others that begin with GATEWAY_ are none of our business: Kubernetes, for one, sets
    GATEWAY_PORT and more for a service called "gateway".
    """
    for name in environ:
        if name.startswith("GATEWAY_") and name not in VARIABLES and name not in mentioned:
            close = get_close_matches(name, VARIABLES, n=1, cutoff=0.9)
            if close and close[0] not in environ:
                problems.add((name,), f"is not a setting; did you mean {close[0]}?")


def _data_dir(environ: Mapping[str, str]) -> Path:
    named = environ.get("GATEWAY_DATA_DIR")
    if named:
        return Path(named).expanduser().absolute()
    shared = environ.get("XDG_DATA_HOME")
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return (Path(shared) if shared else home / ".local" / "share").absolute() / "channel-gateway"


def _database_url(environ: Mapping[str, str], data_dir: Path, problems: Problems) -> str:
    """Return SQLAlchemy's URL. A relative SQLite path is one under the data folder."""
    url = environ.get("GATEWAY_DATABASE_URL") or "sqlite:///gateway.db"
    where = ("GATEWAY_DATABASE_URL",)
    scheme, separator, rest = url.partition("://")
    if separator and scheme in ("postgresql", "postgres", "postgresql+psycopg"):
        return f"postgresql+psycopg://{rest}"
    if separator and scheme == "sqlite" and rest.startswith("/"):
        path = rest[1:].partition("?")[0]
        if path and path != ":memory:":
            file = data_dir / path
            _make_folder(file.parent, problems)
            return f"sqlite:///{file}"
        problems.add(where, "a database in memory keeps nothing; name a file: sqlite:///gateway.db")
    else:
        problems.add(where, "must begin with postgresql:// or sqlite:///")
    return NONE_YET


def _redis_url(environ: Mapping[str, str], problems: Problems) -> str | None:
    url = environ.get("GATEWAY_REDIS_URL")
    if not url:
        return None
    if url.startswith("unix:///"):
        return url
    if url.startswith(("valkey://", "valkeys://")):  # the same protocol, by Valkey's own name
        url = url.replace("valkey", "redis", 1)
    problem = address_problem(url, ("redis", "rediss", "unix"))
    if problem is not None:
        problems.add(("GATEWAY_REDIS_URL",), "must be redis://HOST, rediss://HOST or unix:///PATH")
    return url


def _public_url(environ: Mapping[str, str], problems: Problems) -> str:
    url = environ.get("GATEWAY_PUBLIC_URL") or "http://127.0.0.1:8080"
    problem = address_problem(url)
    if problem is None and (urlsplit(url).query or urlsplit(url).fragment):
        problem = "must be an address without ? and #"
    if problem is not None:
        problems.add(("GATEWAY_PUBLIC_URL",), problem)
    return url.rstrip("/")


def _secret_key(environ: Mapping[str, str], data_dir: Path, problems: Problems) -> str:
    """Return the key that is set, or the one kept in the data folder, made on first use."""
    given = environ.get("GATEWAY_SECRET_KEY")
    if given is not None:
        if not given.strip():
            problems.add(("GATEWAY_SECRET_KEY",), "is empty; set it, or unset it to have one made")
        elif len(given.split()) > 1:
            # Its words would be believed one by one, as keys of their own, once it is replaced.
            problems.add(
                ("GATEWAY_SECRET_KEY",),
                "has a space in it, which stands between keys in GATEWAY_SECRET_KEY_PREVIOUS; "
                "take one without",
            )
        return given.strip()
    path = data_dir / "secret_key"
    if not _make_folder(data_dir, problems):
        return NONE_YET
    try:
        key = path.read_text(encoding="ascii").strip() if path.exists() else _made_key(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a key"
        problems.add(
            ("GATEWAY_DATA_DIR",),
            f"{path} cannot be used ({reason}); name a folder that can be written to, "
            "or set GATEWAY_SECRET_KEY",
        )
        return NONE_YET
    if not key:
        problems.add(("GATEWAY_DATA_DIR",), f"{path} is empty; remove it to have a new one made")
    return key


def _make_folder(folder: Path, problems: Problems) -> bool:
    """Make a folder that only we may enter, unless it is there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        where = ("GATEWAY_DATA_DIR",)
        remedy = "name a folder that can be made and written to"
        problems.add(where, f"the folder {folder} cannot be made ({error.strerror}); {remedy}")
        problems.settle(where)
        return False
    return True


def _made_key(path: Path) -> str:
    """Make the key's file whole or not at all: several processes may start at once."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48) + "\n")
    with suppress(FileExistsError):  # another process was first: its key is the one
        os.link(draft, path)
    draft.unlink()
    return path.read_text(encoding="ascii").strip()
