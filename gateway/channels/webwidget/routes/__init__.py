"""The doors that the widget's browser side calls; `docs/widget-protocol.md` is their contract."""

from __future__ import annotations

from gateway.channels.webwidget.backend import Backend
from gateway.channels.webwidget.deployments import Deployments
from gateway.channels.webwidget.routes.doors import Doors, Receive
from gateway.channels.webwidget.routes.files import add_file_doors
from gateway.channels.webwidget.routes.messages import add_message_doors
from gateway.channels.webwidget.routes.sessions import add_session_doors
from gateway.channels.webwidget.routes.streams import EVENTS, add_stream_doors
from gateway.channels.webwidget.routes.talk import add_talk_doors
from gateway.channels.webwidget.tickets import Tickets

__all__ = ["EVENTS", "widget_routes"]


def widget_routes(
    deployments: Deployments, tickets: Tickets, backend: Backend, receive: Receive, proxies: int
) -> Doors:
    """Every door under /widget/v1. `receive` keeps what visitors say, as it does for any channel.

    `proxies`: so many of ours stand in front, each adding to X-Forwarded-For.
    """
    doors = Doors(deployments, backend, proxies)
    add_session_doors(doors, receive)
    add_message_doors(doors, receive)
    add_file_doors(doors)
    add_talk_doors(doors)
    add_stream_doors(doors, tickets)
    return doors
