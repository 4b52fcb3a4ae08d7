"""`gateway demo`: everything on this machine, without an account anywhere."""

from __future__ import annotations

import click

PORT = click.IntRange(0, 65535)


@click.command()
@click.option("--story", is_flag=True, help="Play the whole story by itself and print it.")
@click.option("--port", type=PORT, help="The gateway's; 8080, or a free one if that is taken.")
@click.option("--inbox-port", type=PORT, help="The inbox page's; 8091, or a free one.")
def demo(story: bool, port: int | None, inbox_port: int | None) -> None:
    """Try it: the gateway, a scripted AI agent and a stand-in for Intercom with an inbox page.

    It opens with a conversation already running, and prints where to look and what to do there.
    Everything is made anew each time, in a temporary folder, or in `demo` under GATEWAY_DATA_DIR.

    With --story nobody is needed: customers and a teammate act through the inbox's doors, what
    happens is printed as a transcript, and the exit status is 0 if every step happened.
    """
    from gateway.demo.run import play_story, run_demo

    run = play_story if story else run_demo
    raise SystemExit(run(port, inbox_port))
