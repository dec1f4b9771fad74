"""Steps of a journal as a timeline shows them: what happened in a line, and what there is to open."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.plain import one_line, plain
from orchestrator.records import StepRecord

_SHOWN_CHARACTERS = 20_000
_HIDDEN = ("tree", "replies", "alternatives")


@dataclass(frozen=True, slots=True)
class StepView:
    """One step: `line` says what it was, `parts` are texts to open, each with its name. `open` says that it has not ended."""

    number: int
    attempt: int
    kind: str
    line: str
    at: float
    seconds: float | None
    open: bool
    parts: tuple[tuple[str, str], ...]


def step_views(steps: Sequence[StepRecord], skip: int = 0) -> list[StepView]:
    """Return the steps after the first `skip`."""
    return [_view(each) for each in steps[skip:]]


def _view(step: StepRecord) -> StepView:
    told = {**step.intent, **(step.outcome or {})}
    seconds = told.get("seconds")
    return StepView(
        step.number,
        step.attempt,
        plain(step.kind.removeprefix("note:")),
        _line(told),
        step.at,
        float(seconds) if isinstance(seconds, int | float) else None,
        step.outcome is None,
        tuple(_parts(told)),
    )


def _line(told: Mapping[str, object]) -> str:
    for name in ("command", "path", "title", "said", "why", "text", "model", "kind"):
        value = told.get(name)
        if isinstance(value, str) and value.strip():
            return one_line(value, 160)
    for name in ("verified", "failing", "files", "agents"):
        if name in told:
            return one_line(f"{name}: {_short(told[name])}", 160)
    return ""


def _short(value: object) -> str:
    """Return a value in a line: a list's items by themselves."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _parts(told: Mapping[str, object]) -> list[tuple[str, str]]:
    return [
        (plain(name), _cut(plain(_text(value))))
        for name, value in told.items()
        if name not in _HIDDEN and value not in (None, "", [], {})
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)


def _cut(text: str) -> str:
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return f"{text[:_SHOWN_CHARACTERS]}\n… {len(text) - _SHOWN_CHARACTERS:,} characters more: nightcrew logs has all"
