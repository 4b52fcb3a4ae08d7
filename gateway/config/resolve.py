"""Reads the TOML file, puts environment variables in the place of `"${NAME}"`, loads scripts."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.config.problems import Problems, Where

PLACEHOLDER = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def read_toml(path: Path, problems: Problems, *, named_by: Where) -> dict[str, Any]:
    """Read a file; a problem with it is reported under the setting that names it."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        problems.add(named_by, f"there is no file {path}; create it or correct the path")
    except OSError as error:
        problems.add(named_by, f"the file {path} cannot be read: {error.strerror}")
    except UnicodeDecodeError:
        problems.add(named_by, f"the file {path} is not UTF-8 text; save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        problems.add(named_by, f"the file {path} is not TOML: {error}")
    return {}


def fill_in(value: Any, environ: Mapping[str, str], problems: Problems, where: Where) -> Any:
    """Return the value with every `${NAME}` in it replaced, inside tables and lists too."""
    if isinstance(value, dict):
        return {
            key: fill_in(inner, environ, problems, (*where, key)) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [
            fill_in(inner, environ, problems, (*where, index)) for index, inner in enumerate(value)
        ]
    if isinstance(value, str):
        return _fill_in_text(value, environ, problems, where)
    return value


def _fill_in_text(text: str, environ: Mapping[str, str], problems: Problems, where: Where) -> str:
    names = sorted(set(PLACEHOLDER.findall(text)))
    unset = [name for name in names if not environ.get(name)]
    if unset:
        # One line per setting, whatever else would be wrong with its value.
        problems.add(
            where, f"the environment variable {', '.join(unset)} is not set (or empty); export it"
        )
        problems.settle(where)
    return PLACEHOLDER.sub(lambda match: environ.get(match[1], ""), text)


def load_script(
    agent: dict[str, Any],
    folder: Path,
    environ: Mapping[str, str],
    problems: Problems,
    where: Where,
) -> dict[str, Any]:
    """Return the agent's table with `script = "path.toml"` replaced by that file's rules."""
    path = agent.get("script")
    if not isinstance(path, str):
        return agent
    before = len(problems.texts())
    table = read_toml(folder / Path(path).expanduser(), problems, named_by=where)
    if len(problems.texts()) == before:
        if set(table) == {"script"}:
            rules = fill_in(table["script"], environ, problems, where)
            return {**agent, "script": rules}
        problems.add(where, f"the file {path} must hold tables [[script]] and nothing else")
    problems.settle(where)
    return {**agent, "script": []}
