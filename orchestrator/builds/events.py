"""What test tools write as JSON: one document (`jest --json`, vitest), or one event a line (`go test -json`)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.builds.place import file_of
from orchestrator.builds.records import Failure, Red


def jest(document: Mapping[str, Any], repository: Path) -> Red:
    """Read the assertions that failed, and the files that could not be run."""
    return Red("jest", tuple(_of_files(document.get("testResults"), repository)))


def _of_files(files: object, repository: Path) -> Iterator[Failure]:
    for file in files if isinstance(files, list) else ():
        if not isinstance(file, dict):
            continue
        name = file.get("name") or file.get("testFilePath")
        path = file_of(name, repository) if isinstance(name, str) else ""
        results = file.get("assertionResults") or file.get("testResults")
        failed = [each for each in results if _failed(each)] if isinstance(results, list) else []
        for each in failed:
            messages = each.get("failureMessages")
            told = "\n".join(text for text in messages if isinstance(text, str)) if isinstance(messages, list) else ""
            yield Failure(str(each.get("fullName") or each.get("title") or path), told, "", path)
        if not failed and file.get("status") == "failed":
            yield Failure(path or str(name), str(file.get("message") or ""), "", path)


def _failed(result: object) -> bool:
    return isinstance(result, dict) and result.get("status") == "failed"


def go_events(text: str) -> Red | None:
    """Read the events of `go test -json`; None where the lines are none."""
    output: dict[tuple[str, str], list[str]] = defaultdict(list)
    failed: dict[tuple[str, str], None] = {}
    events = 0
    for line in text.splitlines():
        event = _event(line)
        if event is None:
            continue
        events += 1
        key = str(event.get("Package", "")), str(event.get("Test", ""))
        if event["Action"] == "output":
            output[key].append(str(event.get("Output", "")))
        elif event["Action"] in ("fail", "build-fail"):
            failed[key] = None
    if not events:
        return None
    # A package fails with its tests, and a test with those within it: what is told is the innermost.
    told = [key for key in failed if not any(_within(key, other) for other in failed)]
    names = (f"{package} {test}".strip() for package, test in told)
    return Red("go test", tuple(Failure(name, "".join(output[key])) for name, key in zip(names, told, strict=True)))


def _within(outer: tuple[str, str], inner: tuple[str, str]) -> bool:
    same = outer[0] == inner[0] and outer != inner
    return same and (not outer[1] or inner[1].startswith(f"{outer[1]}/"))


def _event(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("Action"), str) else None
