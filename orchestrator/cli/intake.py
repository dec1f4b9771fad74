"""Tickets from what a CI leaves behind: a JUnit XML file, or the log of a pytest run. Both are untrusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import click

_JUNIT_LIMIT_BYTES = 64 << 20
_LOG_TAIL_BYTES = 64 << 10
_SUMMARY = re.compile(r"(?:^|\s)(?:FAILED|ERROR) (\S+\.py(?:::\S+)+)", re.MULTILINE)
_MESSAGE_CHARACTERS = 2000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Found:
    """What a file says: a text for the ticket, the tests that failed (ids), and how many of them could not be placed."""

    text: str
    failing: tuple[str, ...]
    unplaced: int = 0


def merged(text: str | None, failing: tuple[str, ...], found: Found) -> tuple[str, tuple[str, ...]]:
    """Return the ticket's text and failing tests, what somebody typed first."""
    words = found.text if text is None else f"{text}\n\n{found.text}"
    return words, tuple(dict.fromkeys((*failing, *found.failing)))


def from_junit_file(path: Path, repository: Path) -> Found:
    """Read the failures of a JUnit XML file. Raises `click.UsageError` where it is none, or has no failure."""
    if path.stat().st_size > _JUNIT_LIMIT_BYTES:
        raise click.UsageError(
            f"{path} has more than {_JUNIT_LIMIT_BYTES >> 20} MB: give the file of the failed run alone"
        )
    data = path.read_bytes()
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise click.UsageError(
            f"{path} declares a document type or entities, which no JUnit file needs: it is not read"
        )
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise click.UsageError(f"{path} is no JUnit XML file: {error}") from error
    cases = [
        (case, fault)
        for case in root.iter("testcase")
        for fault in (case.find("failure"), case.find("error"))
        if fault is not None
    ]
    if not cases:
        raise click.UsageError(f"{path} has no failed test: there is nothing to fix")
    ids = [_node_id(case, repository) for case, _ in cases]
    lines = [f"{len(cases)} tests fail in CI:"]
    for case, fault in cases[:_SHOWN]:
        name = f"{case.get('classname', '')}.{case.get('name', '')}".strip(".")
        message = (fault.text or fault.get("message") or "").strip()[-_MESSAGE_CHARACTERS:]
        lines.append(f"\n{name}\n{message}")
    return Found("\n".join(lines), tuple(node for node in ids if node), sum(not node for node in ids))


def _node_id(case: ElementTree.Element, repository: Path) -> str:
    """Return the pytest id of a test case, empty where its file cannot be found in the repository."""
    name = case.get("name", "")
    parts = case.get("classname", "").split(".")
    for split in range(len(parts), 0, -1):
        file = "/".join(parts[:split]) + ".py"
        if ".." not in file and (repository / file).is_file():
            return "::".join([file, *parts[split:], name])
    return ""


def from_log_file(path: Path) -> Found:
    """Read the end of a log, and the tests that pytest's summary in it calls failed."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
        text = file.read().decode("utf-8", "replace")
    return Found(f"A CI log ends like this:\n\n{text}", tuple(dict.fromkeys(_summary_ids(text))))


def _summary_ids(text: str) -> Iterator[str]:
    return (found[1] for found in _SUMMARY.finditer(text))
