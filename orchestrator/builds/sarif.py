"""SARIF 2.1.0 (OASIS), in which linters and analysers tell what they found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from orchestrator.builds.place import file_of
from orchestrator.builds.records import Failure, Red

_COUNTED = ("error", "warning")


def sarif(document: Mapping[str, Any], repository: Path) -> Red:
    """Read the results of all runs that are errors or warnings and not suppressed, errors first."""
    runs = [run for run in _list(document, "runs") if isinstance(run, dict)]
    found = [(level, failure) for run in runs for level, failure in _results(run, repository)]
    found.sort(key=lambda pair: _COUNTED.index(pair[0]))
    tools = {_text(_object(_object(run, "tool"), "driver"), "name") for run in runs} - {""}
    return Red(", ".join(sorted(tools)) or "SARIF", tuple(failure for _, failure in found))


def _results(run: Mapping[str, Any], repository: Path) -> Iterator[tuple[str, Failure]]:
    for result in _list(run, "results"):
        level = _text(result, "level") or "warning"
        if level not in _COUNTED or _list(result, "suppressions") or _text(result, "baselineState") == "unchanged":
            continue
        place: object = next(iter(_list(result, "locations")), None)
        physical = _object(place, "physicalLocation")
        uri = unquote(urlsplit(_text(_object(physical, "artifactLocation"), "uri")).path)
        line = _object(physical, "region").get("startLine")
        name = _text(result, "ruleId") or _text(_object(result, "rule"), "id") or level
        message = _text(_object(result, "message"), "text")
        yield level, Failure(name, message, "", file_of(uri, repository), line if isinstance(line, int) else None)


def _object(value: object, name: str) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _list(value: object, name: str) -> list[Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _text(value: object, name: str) -> str:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
