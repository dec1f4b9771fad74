"""Arguments: what commands are called with, by lenses, by code actions, or typed into an editor's configuration by somebody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.errors import OrderRefused
from orchestrator.lsp.wording import DIAGNOSTICS, LINES, Report

Arguments = Sequence[object]
_KEYS = ("text", "uri", "first", "last", "diagnostics")


def text_at(arguments: Arguments, at: int, command: str, what: str) -> str:
    """Return an argument that is a text. Raises `OrderRefused`."""
    found = arguments[at] if at < len(arguments) else None
    if not isinstance(found, str) or not found:
        raise OrderRefused(f"`{command}` takes {what} as argument {at + 1}: it was given {found!r}")
    return found


def given_to(arguments: Arguments, command: str) -> Mapping[str, object]:
    """Return the one object that says what a ticket is about. Raises `OrderRefused`."""
    found = arguments[0] if len(arguments) == 1 else None
    if not isinstance(found, Mapping):
        raise OrderRefused(
            f'`{command}` takes one object, as {{"text": "what is wrong"}}, or with `uri`, `first`, `last` and `diagnostics`'
        )
    unknown = [key for key in found if key not in _KEYS]
    if unknown:
        raise OrderRefused(f"`{command}` knows no {unknown[0]!r}: its object has keys of {', '.join(_KEYS)}")
    return found


def lines_of(given: Mapping[str, object]) -> tuple[int, int] | None:
    """Return the first and the last line that were given, None where none were. Raises `OrderRefused`."""
    if "first" not in given:
        return None
    first, last = given["first"], given.get("last", given["first"])
    whole = all(isinstance(each, int) and not isinstance(each, bool) for each in (first, last))
    if not whole or not isinstance(first, int) or not isinstance(last, int) or not 0 < first <= last:
        raise OrderRefused(f"lines {first!r} to {last!r} are none: they count from 1, the first one first")
    return first, min(last, first + LINES - 1)


def reports_of(given: Mapping[str, object]) -> tuple[Report, ...]:
    """Return the diagnostics that were given. Raises `OrderRefused`."""
    found = given.get("diagnostics", [])
    if not isinstance(found, Sequence) or isinstance(found, str):
        raise OrderRefused("`diagnostics` must be a list of objects with a `message`")
    reports = []
    for each in found[:DIAGNOSTICS]:
        message = each.get("message") if isinstance(each, Mapping) else None
        if not isinstance(each, Mapping) or not isinstance(message, str):
            raise OrderRefused("`diagnostics` must be a list of objects with a `message`")
        line = each.get("line", 1)
        source, code = (str(each.get(key) or "") for key in ("source", "code"))
        reports.append(Report(message, source, code, line if isinstance(line, int) else 1))
    return tuple(reports)
