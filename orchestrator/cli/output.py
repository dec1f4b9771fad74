"""What commands print for people: plain lines, safe on any terminal. Colour only where there is a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from orchestrator.plain import one_line, plain

if TYPE_CHECKING:
    from orchestrator.records import Cost, JobReport, Order, StepRecord
    from verifier import Evidence, Verdict

_COLOURS = {
    "pass": "green",
    "verified": "green",
    "accepted": "green",
    "fail": "red",
    "failed": "red",
    "unverified": "red",
    "skip": "bright_black",
    "paused": "yellow",
    "no_fix": "yellow",
}
_TELLING = ("differs", "uncovered")
"""What is told of a change's lines where there is room for little."""
_DIFF_COLOURS = (("+++", None), ("---", None), ("+", "green"), ("-", "red"), ("@@", "cyan"), ("diff ", "bright_white"))


def write(text: str) -> None:
    """Print untrusted text, a line at least."""
    click.echo(plain(text))


def print_document(document: Mapping[str, Any]) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(document, indent=2))


def print_report(report: JobReport, *, with_text: bool = False) -> None:
    """Print a ticket's report: status, change, verdict rung by rung, cost, and what to type next."""
    status = str(report.status)
    click.echo(f"{click.style(status, fg=_COLOURS.get(status), bold=True)}  ticket {plain(report.ticket.id)}")
    if with_text:
        _field("ticket", report.ticket.order.text.strip())
        _field("repository", str(report.ticket.order.repository))
        _field("wanted", _wanted(report.ticket.order))
    _field("why", report.why)
    _print_question(report)
    _field("change", report.title)
    _field("because", report.explanation)
    _field("branch", report.branch or "")
    _field("commit", report.commit or "")
    _field("files", "\n".join(report.files))
    for attempt in report.attempts:
        _field("needs", attempt.needs)
    _print_attempts(report)
    for each in report.messages:
        _field(f"told {each.attempt}" if each.attempt else "to tell", f"{each.text}\n({each.who})")
    if report.verdict is not None:
        _print_verdict(report.verdict)
    _field("without", "\n".join(report.without))
    _field("left out", "\n".join(f"{omission.path} ({omission.why})" for omission in report.omitted[:10]))
    means = ", ".join(
        filter(None, (report.driver and f"{report.driver} shadow", report.sandbox and f"{report.sandbox} sandbox"))
    )
    _field("cost", cost_line(report.cost) + (f"  ({report.agent}; {means})" if means else ""))
    _field("next", report.next)


def _wanted(order: Order) -> str:
    """Return how much, from when on and by when somebody wants a ticket, "" where nobody said."""
    from orchestrator.working.deadline import shown

    said = (
        f"priority {order.priority}" if order.priority else "",
        f"not before {shown(order.not_before)}" if order.not_before is not None else "",
        f"by {shown(order.deadline)}" if order.deadline is not None else "",
    )
    return ", ".join(filter(None, said))


def _print_attempts(report: JobReport) -> None:
    """Print what became of each attempt, and why its agent was tried, where there were several or there is a reason."""
    if len(report.attempts) < 2 and not any(attempt.reason for attempt in report.attempts):
        return
    for attempt in report.attempts:
        verdict = report.verdict_on(attempt)
        stands = "open" if attempt.state == "open" else attempt.why
        if verdict is not None:
            failed = next((rung for rung in verdict.rungs if rung.status == "fail"), None)
            stands = (
                f"refused: {failed.name}: {failed.why}" if failed else "verified" if verdict.verified else "not shown"
            )
        told = f"{attempt.agent}: {attempt.title or attempt.state}; {stands}; {attempt.seconds:.1f} s"
        _field(f"attempt {attempt.number}", one_line(told, 200) + (f"\n{attempt.reason}" if attempt.reason else ""))


def _field(name: str, value: str) -> None:
    if not value:
        return
    first, *more = plain(value).split("\n")
    click.echo(f"  {name:<10} {first}")
    for line in more:
        click.echo(f"  {'':<10} {line}")


def _print_question(report: JobReport) -> None:
    _field("asks", report.question)
    for number, choice in enumerate(report.choices, 1):
        _field(f"answer {number}", choice)
    for at, option in enumerate(report.options):
        _field(f"option {at + 1}", f"{option.title}\n{option.shows}")
        for line in report.diffs[at].decode("utf-8", "replace").splitlines() if at < len(report.diffs) else ():
            if line.startswith(("+", "-", "@@")):
                colour = next((colour for start, colour in _DIFF_COLOURS if line.startswith(start)), None)
                click.echo(f"  {'':<10}   {click.style(plain(line), fg=colour)}")


def _print_verdict(verdict: Verdict) -> None:
    for rung in verdict.rungs:
        mark = click.style(f"{rung.status:<5}", fg=_COLOURS.get(str(rung.status)))
        click.echo(f"  {mark}      {rung.name:<10} {one_line(rung.why, 160)}")
        if rung.status == "fail":
            for fact in rung.evidence[:5]:
                click.echo(f"  {'':<21}   {_fact(fact)}")
    for fact in [each for each in verdict.beside if each.kind in _TELLING][:5]:
        click.echo(f"  {'seen':<10} {_fact(fact)}")


def _fact(fact: Evidence) -> str:
    place = f"{fact.path}:{fact.line}: " if fact.path and fact.line else f"{fact.path}: " if fact.path else ""
    return f"{plain(place)}{one_line(fact.sentence, 160)}"


def print_steps(steps: Iterable[StepRecord]) -> None:
    """Print a journal, one line a step."""
    for step in steps:
        at = time.strftime("%H:%M:%S", time.localtime(step.at))
        attempt = "job" if step.attempt is None else f"attempt {step.attempt}"
        outcome = "did not end" if step.outcome is None else _brief(step.outcome)
        write(f"{at}  {attempt:<10} {step.number:>4}  {step.kind:<16} {_brief(step.intent)} -> {outcome}")


def _brief(data: Mapping[str, object]) -> str:
    return one_line(", ".join(f"{key}={value}" for key, value in data.items()), 120)


def print_patch(patch: bytes) -> None:
    """Print a patch: its exact bytes into a pipe or file, plain and coloured on a terminal."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(patch)
        sys.stdout.buffer.flush()
        return
    # At line feeds alone: what else might end a line is content, which must not look like another line of the patch.
    for line in patch.decode("utf-8", "replace").removesuffix("\n").split("\n"):
        colour = next((colour for start, colour in _DIFF_COLOURS if line.startswith(start)), None)
        click.echo(click.style(plain(line), fg=colour))


def cost_line(cost: Cost) -> str:
    """Return a cost in words."""
    tokens = f", {cost.tokens_in:,} tokens in, {cost.tokens_out:,} out" if cost.tokens_in or cost.tokens_out else ""
    return f"{cost.seconds:.1f} s{tokens}, ${cost.usd:.2f}"


def ago(seconds: float) -> str:
    """Return an age in words."""
    for limit, unit, size in ((120, "s", 1), (7200, "min", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{max(0, int(seconds // size))} {unit}"
    return f"{int(seconds // 86400)} d"
