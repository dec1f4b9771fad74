"""Logs: what pytest, unittest, jest, go and cargo print about what failed, among whatever else a CI prints. Read by the line: a log may be hostile."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from orchestrator.builds.place import file_of, pytest_id, python_test
from orchestrator.builds.records import Failure, Red

ENDS_CHARACTERS = 16_000
_LONGEST = 2_000
_MESSAGE_LINES = 80
_STAMP = re.compile(r"\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,12})?(?:Z|[+-]\d\d:?\d\d) ?")
"""What GitHub's logs begin each line with."""
_ESCAPES = re.compile(r"\x1b\[[0-?]{0,32}[ -/]{0,8}[@-~]")
_PYTEST = re.compile(r"(?:^|\s)(?:FAILED|ERROR) (?=\S+\.py)")
_UNITTEST = re.compile(r"(?:FAIL|ERROR): (\w+) \(([\w.]+)\)")
_JEST = re.compile(r"\s*● (.+ › .+)")
_JEST_FILE = re.compile(r"\s*FAIL\s+(\S+\.[cm]?[jt]sx?)\b")
_GO = re.compile(r"(\s*)--- FAIL: (\S+) \([\d.]+s\)")
_GO_FILE = re.compile(r"\s*(\S+_test\.go):(\d+): ")
_CARGO = re.compile(r"---- (\S+) stdout ----")
_CARGO_FILE = re.compile(r"(?:panicked at |--> )(?:'[^']{0,500}', )?([\w./-]+\.rs):(\d+)")
_FRAME = re.compile(r'\s+File "([^"]+)", line (\d+)')
_RULED = re.compile(r"[=-]{20,}")

Lines = Sequence[str]


def log(text: str, repository: Path) -> Red:
    """Read a log: what the first tool whose words it knows says failed, with the log's end; an end alone where it knows none."""
    lines = [plain(line) for line in text.split("\n")]
    ends = "\n".join(lines)[-ENDS_CHARACTERS:].strip()
    for tool, find in _TOOLS:
        failures = _once(find(lines, repository))
        if failures:
            return Red(tool, failures, ends)
    return Red("", (), ends)


def plain(line: str) -> str:
    """Return a line of a log without colours, time stamp and carriage return, and no longer than anybody reads."""
    shown = _ESCAPES.sub("", line[: 4 * _LONGEST].removesuffix("\r"))
    stamp = _STAMP.match(shown)
    return shown[stamp.end() if stamp else 0 :][:_LONGEST]


def _once(failures: Iterator[Failure]) -> tuple[Failure, ...]:
    known: dict[str, Failure] = {}
    for each in failures:
        known.setdefault(each.name, each)
    return tuple(known.values())


def _until(lines: Lines, start: int, ends: Callable[[str], bool]) -> list[str]:
    """Return the lines from one on, before the first that ends them."""
    found: list[str] = []
    for line in lines[start : start + _MESSAGE_LINES]:
        if ends(line):
            break
        found.append(line)
    return found


def _pytest(lines: Lines, repository: Path) -> Iterator[Failure]:
    for line in lines:
        match = _PYTEST.search(line)
        if match is None:
            continue
        name, _, message = line[match.end() :].partition(" - ")
        # A parameter may hold spaces; what has none to its end is an id alone.
        name = name.rstrip() if name.rstrip().endswith("]") else name.split(" ")[0]
        id = pytest_id(name, repository)
        yield Failure(name, message, id, id.partition("::")[0])


def _unittest(lines: Lines, repository: Path) -> Iterator[Failure]:
    for at, line in enumerate(lines):
        match = _UNITTEST.match(line)
        if match is None:
            continue
        ruled = next((n for n in range(at + 1, min(at + 4, len(lines))) if _RULED.match(lines[n])), None)
        if ruled is None:
            continue
        # Newer versions name the test twice: `test_a (tests.test_x.TestX.test_a)`.
        dotted = match[2].removesuffix(f".{match[1]}")
        message = "\n".join(_until(lines, ruled + 1, lambda each: _RULED.match(each) is not None))
        yield Failure(f"{dotted}.{match[1]}", message, python_test(dotted, match[1], repository))


def _jest(lines: Lines, repository: Path) -> Iterator[Failure]:
    files = {file_of(match[1], repository) for match in map(_JEST_FILE.match, lines) if match} - {""}
    path = files.pop() if len(files) == 1 else ""
    for at, line in enumerate(lines):
        if match := _JEST.match(line):
            told = _until(lines, at + 1, lambda each: each.lstrip().startswith(("●", "Test Suites:", "FAIL ", "PASS ")))
            yield Failure(match[1].strip(), "\n".join(told), "", path)


def _go(lines: Lines, repository: Path) -> Iterator[Failure]:
    found = [(at, match) for at, match in enumerate(map(_GO.match, lines)) if match]
    # A test fails with those within it, which say why.
    outer = {match[2][:at] for _, match in found for at, letter in enumerate(match[2]) if letter == "/"}
    for at, match in found:
        if match[2] not in outer:
            told = _until(lines, at + 1, partial(_outside, len(match[1])))
            yield _placed(match[2], told, _GO_FILE, repository)


def _outside(depth: int, line: str) -> bool:
    return len(line) - len(line.lstrip()) <= depth


def _cargo(lines: Lines, repository: Path) -> Iterator[Failure]:
    for at, line in enumerate(lines):
        if match := _CARGO.match(line):
            told = _until(lines, at + 1, lambda each: each.startswith(("---- ", "failures:", "test result:")))
            yield _placed(match[1], told, _CARGO_FILE, repository)


def _placed(name: str, told: Lines, place: re.Pattern[str], repository: Path) -> Failure:
    at = next(filter(None, map(place.search, told)), None)
    path = file_of(at[1], repository) if at else ""
    return Failure(name, "\n".join(told), "", path, int(at[2]) if at and path else None)


def _tracebacks(lines: Lines, repository: Path) -> Iterator[Failure]:
    for at, line in enumerate(lines):
        if line != "Traceback (most recent call last):":
            continue
        frames = _until(lines, at + 1, lambda each: not each.startswith(" "))
        last = lines[at + 1 + len(frames)] if at + 1 + len(frames) < len(lines) else ""
        places = [(file_of(frame[1], repository), int(frame[2])) for frame in map(_FRAME.match, frames) if frame]
        path, number = next(((path, number) for path, number in reversed(places) if path), ("", None))
        yield Failure(last or "a traceback", "\n".join([line, *frames, last]), "", path, number)


_TOOLS: tuple[tuple[str, Callable[[Lines, Path], Iterator[Failure]]], ...] = (
    ("pytest", _pytest),
    ("unittest", _unittest),
    ("jest", _jest),
    ("go test", _go),
    ("cargo test", _cargo),
    ("a traceback", _tracebacks),
)
