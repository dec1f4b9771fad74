"""A reading as a text for people, and as a JSON document."""

from __future__ import annotations

import click

from orchestrator.cli.document import Document, evidence_document
from orchestrator.plain import one_line, plain
from orchestrator.reading import Group, Reading, Seen, Side

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
        click.echo(f"  * line {fact.line}: {one_line(fact.text, _WIDTH)}")


def _print_lines(seen: Seen) -> None:
    for sign, side, colour in (("-", seen.hunk.before, "red"), ("+", seen.hunk.after, "green")):
        for line in side.lines:
            click.echo(click.style(f"{sign}{plain(line)}", fg=colour))


def reading_document(reading: Reading) -> Document:
    """Return a reading."""
    return {
        "groups": [_group(each) for each in reading.groups],
        "whole": [{"path": each.path, "why": each.why} for each in reading.whole],
        "facts": [evidence_document(fact) for fact in reading.facts],
        "marks_left_out": reading.left_out,
    }


def _group(group: Group) -> Document:
    return {"title": group.title, "folded": group.folded, "hunks": [_hunk(each) for each in group.hunks]}


def _hunk(seen: Seen) -> Document:
    hunk = seen.hunk
    return {
        "id": hunk.id,
        "path": hunk.path,
        "within": hunk.within,
        "role": str(seen.role),
        "follows": seen.follows or None,
        "predictable": seen.predictable,
        "before": _side(hunk.before),
        "after": _side(hunk.after),
        "marks": [{"risk": str(mark.risk), "text": mark.text, "line": mark.line} for mark in seen.marks],
        "evidence": [evidence_document(fact) for fact in seen.evidence],
    }


def _side(side: Side) -> Document:
    return {"first": side.first, "lines": list(side.lines)}
