"""Live progress on standard error: a moving line on a terminal (rich, imported only there), plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from orchestrator.plain import one_line

if TYPE_CHECKING:
    from orchestrator.records import Event, Watch

_PASSING = ("step", "progress")
"""Kinds of which only the latest is of interest."""


@contextmanager
def watching() -> Iterator[Watch]:
    """Give a watcher that shows events while the block runs."""
    if not sys.stderr.isatty():
        yield print_line
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    with console.status("starting", spinner="dots") as status:

        def show(event: Event) -> None:
            line = Text(f"{event.kind:<9} {one_line(event.text, 140)}")
            if event.kind in _PASSING:
                status.update(line)
            else:
                console.print(line)
                status.update(line)

        yield show


def print_line(event: Event, ticket: str = "") -> None:
    """Print an event as a line, unless only the latest of its kind is of interest; of several tickets it says which."""
    if event.kind not in _PASSING:
        click.echo(f"{ticket}{'  ' if ticket else ''}{event.kind:<9} {one_line(event.text, 200)}", err=True)
