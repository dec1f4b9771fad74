"""A reading as a text for people."""

from __future__ import annotations

import click

from orchestrator.plain import one_line, plain
from orchestrator.reading import Reading, Seen

_WIDTH = 160


def print_reading(reading: Reading) -> None:
    """Print the hunks of a change in the order in which they are best read; what is mechanical in a line each."""
    for group in reading.groups:
        click.echo(click.style(f"== {plain(group.title)}", bold=True))
        for seen in group.hunks:
            _print_place(seen)
            if not group.folded:
                _print_lines(seen)
        click.echo()
    for whole in reading.whole:
        click.echo(f"{plain(whole.path)}: {whole.why}")
    if reading.left_out:
        click.echo(f"{reading.left_out} more remarks are left out")


def _print_place(seen: Seen) -> None:
    hunk = seen.hunk
    where = f"{plain(hunk.path)}:{hunk.after.first}" + (f" {plain(hunk.within)}" if hunk.within else "")
    sizes = f"-{len(hunk.before.lines)} +{len(hunk.after.lines)}"
    click.echo(click.style(f"{where}  {seen.role}  {sizes}", fg="bright_black" if seen.predictable else "cyan"))
    for mark in seen.marks:
        click.echo(click.style(f"  ! line {mark.line}: {one_line(mark.text, _WIDTH)}", fg="yellow"))
    for fact in seen.evidence:
        click.echo(f"  * line {fact.line}: {one_line(fact.sentence, _WIDTH)}")


def _print_lines(seen: Seen) -> None:
    for sign, side, colour in (("-", seen.hunk.before, "red"), ("+", seen.hunk.after, "green")):
        for line in side.lines:
            click.echo(click.style(f"{sign}{plain(line)}", fg=colour))
