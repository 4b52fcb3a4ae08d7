"""The `gateway` command. It never prompts, and what it cannot do it says in a line.

Exit status: 0 done, 1 not done (or something is wrong), 2 wrong settings or wrong usage.
"""

from __future__ import annotations

from typing import Any

import click

from gateway import __version__
from gateway.cli.administration import migrate, replay
from gateway.cli.backups import backup, restore
from gateway.cli.demo import demo
from gateway.cli.doctor import doctor
from gateway.cli.editing import operators
from gateway.cli.installations import installations
from gateway.cli.people import tokens
from gateway.cli.roles import scheduler, up, web, worker
from gateway.cli.sync import sync
from gateway.cli.teams import teams
from gateway.errors import ConfigError, GatewayError

__all__ = ["main"]


class Commands(click.Group):
    """The commands, in the order in which one needs them; errors become lines, not traces."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Keep the order in which they were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(f"gateway: {error}", err=True)
            ctx.exit(2)
        except GatewayError as error:
            click.echo(f"gateway: {error.message}", err=True)
            ctx.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gateway", message="%(prog)s %(version)s")
def main() -> None:
    """The channel gateway: an AI agent answers on a support channel until a person takes over.

    Settings come from GATEWAY_CONFIG (a TOML file, gateway.toml by default) and from GATEWAY_…
    variables; `gateway doctor` checks them. `gateway demo` needs none.
    """


# What these need is imported when they run: `gateway --help` answers at once.
for command in (
    *(demo, up, doctor, operators, teams, tokens, installations),
    *(migrate, backup, restore, replay, sync, web, worker, scheduler),
):
    main.add_command(command)
