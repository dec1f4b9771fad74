"""A report as Markdown, for a CI's summary and a pull request's body. What agents, tickets and tests say stands in code alone: it names nobody and links nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from orchestrator.plain import one_line, plain
from orchestrator.records import JobReport
from verifier import Evidence, Verdict

_PATCH_CHARACTERS = 60_000
_TEXT_CHARACTERS = 4_000
_FACTS = 8
_SIGNS = {"pass": "✅", "fail": "❌", "skip": "➖"}
_TICKS = re.compile(r"`+")


def report_markdown(report: JobReport, patch: bytes = b"") -> str:
    """Return a report: how it stands, the verdict rung by rung with what failed, the change, and what to type next."""
    return "\n".join(_parts(report, patch)) + "\n"


def _parts(report: JobReport, patch: bytes) -> Iterator[str]:
    yield f"## nightcrew: {report.status}"
    yield ""
    yield from _facts(report)
    if report.verdict is not None:
        yield ""
        yield from _verdict(report.verdict)
    if report.explanation:
        yield ""
        yield block(report.explanation)
    if patch:
        yield ""
        yield _folded("The change", block(patch.decode("utf-8", "replace"), "diff", _PATCH_CHARACTERS))
    yield ""
    yield _folded("The ticket", block(report.ticket.order.text, limit=_TEXT_CHARACTERS))


def _facts(report: JobReport) -> Iterator[str]:
    yield f"- ticket {code(report.ticket.id)}"
    for name, value in (
        ("change", report.title),
        ("why", report.why),
        ("branch", report.branch),
        ("agent", report.agent),
    ):
        if value:
            yield f"- {name}: {code(value)}"
    if report.files:
        shown = ", ".join(code(path) for path in report.files[:_FACTS])
        more = len(report.files) - _FACTS
        yield f"- files: {shown}" + (f" and {more} more" if more > 0 else "")
    cost = report.cost
    tokens = f", {cost.tokens_in:,} tokens in, {cost.tokens_out:,} out, ${cost.usd:.2f}" if cost.tokens_in else ""
    yield f"- cost: {cost.seconds:.0f} s{tokens}"
    if report.next:
        yield f"- next: {code(report.next)}"


def _verdict(verdict: Verdict) -> Iterator[str]:
    yield "| | check | what it said |"
    yield "|---|---|---|"
    for rung in verdict.rungs:
        yield f"| {_SIGNS[rung.status]} | {rung.name} | {_cell(rung.why)} |"
    for rung in verdict.rungs:
        if rung.status == "fail" and rung.evidence:
            yield ""
            yield f"{rung.name}:"
            yield ""
            yield from (f"- {_fact(fact)}" for fact in rung.evidence[:_FACTS])


def _fact(fact: Evidence) -> str:
    place = f"{fact.path}:{fact.line}" if fact.path and fact.line else fact.path or ""
    return f"{code(place)}: {code(fact.text)}" if place else code(fact.text)


def _cell(text: str) -> str:
    # Tables end cells at a bar even within code.
    return code(text).replace("|", "\\|")


def code(text: str, limit: int = 300) -> str:
    """Return the first line of a text as code within a line."""
    line = one_line(text, limit) or " "
    ticks = "`" * (_longest(line) + 1)
    space = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def block(text: str, language: str = "", limit: int = _TEXT_CHARACTERS) -> str:
    """Return a text as a block of code, cut behind so many characters."""
    shown = plain(text)
    if len(shown) > limit:
        shown = f"{shown[:limit].rpartition(chr(10))[0]}\n… {len(shown) - limit:,} characters more"
    fence = "`" * max(3, _longest(shown) + 1)
    return f"{fence}{language}\n{shown.rstrip()}\n{fence}"


def _longest(text: str) -> int:
    return max(map(len, _TICKS.findall(text)), default=0)


def _folded(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"
