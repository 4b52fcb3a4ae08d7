"""Every door of the widget, as the application itself lists them."""

from __future__ import annotations

from flask import Flask

from tests.channels.webwidget.site import PREFIX

NAMES = {"file_id": "fil_06f3k2m8q0000000000000000b", "name": "nobody"}
"""What stands in a path where it names something."""


def doors_of(app: Flask) -> list[tuple[str, str]]:
    """Return (method, path below /widget/v1) of every door that serves a deployment's pages."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("widget.") and not rule.endpoint.endswith("_preflight"):
            (method,) = set(rule.methods or ()) - {"HEAD"}
            path = rule.rule.removeprefix(PREFIX)
            for name in rule.arguments:
                path = path.replace(f"<{name}>", NAMES[name])
            found.append((method, path))
    return sorted(found)
