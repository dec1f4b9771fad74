"""Wording: what the editor knows about something wrong (a diagnostic, selected lines, words) as the text of a ticket. Data, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import OrderRefused
from orchestrator.plain import one_line
from shadowfs import RepoPath

MESSAGE_CHARACTERS = 4_000
LINES = 200
LINE_CHARACTERS = 500
DIAGNOSTICS = 20


@dataclass(frozen=True, slots=True)
class Report:
    """A diagnostic as the editor shows it: its message, who says it, its code, and its line (from 1)."""

    message: str
    source: str = ""
    code: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """What a ticket is about: lines of a file (`first` to `last`, from 1), and what is said of them; or words alone."""

    path: RepoPath = ""
    first: int = 0
    lines: tuple[str, ...] = ()
    reports: tuple[Report, ...] = ()
    text: str = ""


def ticket_text(subject: Subject) -> str:
    """Return the text of a ticket. Raises `OrderRefused` where there is nothing to say."""
    parts = [subject.text.strip()] if subject.text.strip() else []
    for report in subject.reports[:DIAGNOSTICS]:
        parts += _reported(subject.path, report, titled=not parts)
    if not parts and any(line.strip() for line in subject.lines):
        parts.append(f"{subject.path}: something is wrong in {_span(subject)}")
    if not parts:
        raise OrderRefused("there is nothing to file: select lines, stand on a diagnostic, or give a `text`")
    if subject.lines:
        parts.append(f"In {subject.path}, {_span(subject)}:\n\n{_quoted(subject.lines)}")
    return "\n\n".join(parts) + "\n"


def _span(subject: Subject) -> str:
    last = subject.first + len(subject.lines) - 1
    return f"line {subject.first}" if last <= subject.first else f"lines {subject.first} to {last}"


def _reported(path: RepoPath, report: Report, titled: bool) -> list[str]:
    """Return the paragraphs of a diagnostic; the first of a ticket begins with its first line, which names the ticket."""
    message = report.message.strip()[:MESSAGE_CHARACTERS]
    said = " ".join(filter(None, (one_line(report.source), one_line(report.code))))
    head = f"{path}, line {report.line}" + (f", {said}" if said else "")
    if "\n" in message or not titled:
        return [*([one_line(message)] if titled else []), f"{head} says:\n\n{_quoted(message.splitlines())}"]
    return [f"{one_line(message, MESSAGE_CHARACTERS)}\n({head})"]


def _quoted(lines: Sequence[str]) -> str:
    shown = [f"    {line[:LINE_CHARACTERS]}".rstrip() for line in lines[:LINES]]
    more = len(lines) - len(shown)
    return "\n".join(shown) + (f"\n    ({more} more lines)" if more > 0 else "")
