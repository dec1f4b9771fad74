"""The command line's entry: the group of all commands, and the one boundary where errors become messages and exit statuses."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import FrameType

import click

from orchestrator.cli.edge import DIRECTORY, STATE_HELP
from orchestrator.cli.failure import internal_failure, known_failure, report_failure

_INTERRUPTED = 130

_COMMANDS = {
    "init": "setup",
    "doctor": "setup",
    "fix": "tickets",
    "file": "tickets",
    "work": "working",
    "worker": "worker",
    "ci": "ci",
    "list": "results",
    "show": "results",
    "logs": "results",
    "watch": "results",
    "diff": "results",
    "publish": "forges",
    "apply": "decisions",
    "accept": "reviewing",
    "reject": "decisions",
    "part": "reviewing",
    "comment": "reviewing",
    "stop": "decisions",
    "resume": "tickets",
    "answer": "tickets",
    "message": "decisions",
    "cost": "results",
    "digest": "digest",
    "replay": "replaying",
    "review": "tickets",
    "seed": "seeding",
    "shadow": "shadows",
    "serve": "serve",
    "pool": "pool",
    "users": "serve",
    "backup": "backup",
    "restore": "backup",
    "mcp": "mcp",
    "lsp": "lsp",
}
"""Each command and the module that has it; a module is imported when its command is asked for."""


class Commands(click.Group):
    """The commands in the order of a ticket's life; a mistyped one gets a suggestion."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f"orchestrator.cli.{module}"), f"{cmd_name}_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in _COMMANDS:
            import difflib

            near = difflib.get_close_matches(name, _COMMANDS, 1, 0.6)
            advice = f"did you mean `{near[0]}`?" if near else "`nightcrew --help` lists them"
            raise click.UsageError(f"there is no command `{name}`; {advice}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--state", type=DIRECTORY, metavar="DIR", help=STATE_HELP)
@click.option("--server", metavar="URL", help="Ask the server there instead, with the key in NIGHTCREW_KEY.")
@click.version_option(package_name="nightcrew", message="%(prog)s %(version)s")
def commands(state: Path | None, server: str | None) -> None:
    """A crew of coding agents that work in shadows of your repository and deliver verified branches."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    words = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    sys.exit(run(words))


def run(words: list[str]) -> int:
    """Run one command and return its exit status."""
    json_wanted = "--json" in words
    try:
        status = commands.main(words, prog_name="nightcrew", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted; what was running has ended, and no work is lost", err=True)
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output is gone: end quietly, also when Python flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the command line's boundary
        return report_failure(known_failure(error) or internal_failure(error), json_wanted)


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """End as Ctrl-C does, so that a terminated command pauses its job and leaves nothing behind."""
    raise KeyboardInterrupt
