"""docs/commands.md is what `--help` says. To write it anew: python -m tests.orchestrator.test_cli_reference > docs/commands.md"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from orchestrator.cli.entry import commands

PAGE = Path(__file__).parent.parent.parent / "docs" / "commands.md"

INTRODUCTION = """\
# Commands

What `nightcrew --help` and `nightcrew COMMAND --help` say; a test keeps this page and the program in step.

- Every command but `mcp`, `lsp` and `serve` takes `--json` and then prints one JSON document on standard output and nothing else there; an error is
  `{"error": {"kind": "…", "message": "…", "hint": "…"}, "exit_status": N}`. Progress goes to standard error.
- `--server URL` before a command asks the server there ([server.md](server.md)).
- Every command takes `--state DIR`, which may stand before the command too; else state lies in `$XDG_STATE_HOME/nightcrew`
  (`~/.local/state/nightcrew`).
- A ticket is named by its id or any prefix of it that names one ticket only.
- `fix` works on a ticket at once. `file` queues one; `work` works on what is queued, the highest priority and then the oldest first, until
  nothing is left that may begin ([overnight.md](overnight.md)), and several `work` may run side by side.
- Ctrl-C, or a request to end (SIGTERM), pauses the job in hand: its work is kept, the exit status is 4, and `resume` goes on. In
  commands that work on no job the exit status is then 130. What a killed nightcrew left (mounts, processes, leases) the next
  command clears away.
- Text of tickets, tests and agents is printed without control, escape and direction characters.

| exit status | meaning |
|---|---|
| 0 | a verified branch; for other commands: done |
| 1 | anything else (a full disk, a defect) |
| 2 | wrong usage or configuration, or something that this machine lacks |
| 3 | an honest "no fix found" |
| 4 | paused: at its budget, with a question (`nightcrew answer`), by Ctrl-C, or stopped |
| 5 | a change that could not be verified (on a branch only with `--keep-unverified`) |
"""


def pages(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[str]:
    """Yield the help of a command and of all below it."""
    context = command.make_context(name, [], parent, resilient_parsing=True, max_content_width=100, terminal_width=100)
    help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    yield f"## {context.command_path}\n\n```\n{help_text}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            assert found is not None
            yield from pages(found, below, context)


def reference() -> str:
    """Return the page."""
    return "\n".join([INTRODUCTION, *pages(commands, "nightcrew")])


def test_the_page_says_what_the_program_says() -> None:
    assert PAGE.read_text("utf-8") == reference()


if __name__ == "__main__":
    sys.stdout.write(reference())
