"""Places: the functions in which suspicious lines lie, whoever finds those, the most suspicious first."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.index import Definition, Outliner
from shadowfs import RepoPath

_AROUND = 12
"""Lines on each side of one that lies in no function."""
_MOST_LINES = 150
_NAMED = 1.35
"""A function that the ticket or the tests name is so much likelier, as the repair agent has it."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Span:
    """Lines `first` to `last` (from 1) of a file: a simple statement, or the head of one that holds others."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Place:
    """Lines `first` to `last` (from 1) of a file, and how suspicious they are; `name` is the function's, "" for other lines.

    `statements` are the suspicious ones in it, the most suspicious first.
    """

    path: RepoPath
    first: int
    last: int
    name: str
    suspicion: float
    statements: tuple[Span, ...] = ()

    def text(self, data: bytes) -> str:
        """Return its lines."""
        return lines(data, Span(self.first, self.last))

    def numbered(self, data: bytes) -> dict[int, str]:
        """Return its lines by number, without its function's docstring where that has several: the tests say what is wanted, in fewer words."""
        shown = dict(enumerate(split(data.decode("utf-8", "replace"))[self.first - 1 : self.last], self.first))
        span = next((each for each in _docstrings(_parsed(data)) if self.first <= each.first <= self.last), None)
        if span is not None and span.last > span.first:
            shown = {number: line for number, line in shown.items() if not span.first <= number <= span.last}
        return shown

    def without_docstring(self, data: bytes) -> str:
        """Return the same as a text."""
        return "".join(self.numbered(data).values()).rstrip("\r\n")


def lines(data: bytes, span: Span) -> str:
    """Return the lines of a span."""
    return "".join(split(data.decode("utf-8", "replace"))[span.first - 1 : span.last]).rstrip("\r\n")


def split(text: str) -> list[str]:
    """Return the lines of a text with their ends, as syntax trees and traces count them: a form feed ends none."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text)


def places(
    scores: Sequence[tuple[RepoPath, int, float]],
    read: Callable[[RepoPath], bytes],
    most: int,
    words: frozenset[str] = frozenset(),
) -> tuple[Place, ...]:
    """Return the functions around suspicious lines, by their most suspicious line, then by how many such lines they have.

    Those that one of `words` names are raised.
    """
    of_file: dict[RepoPath, dict[int, float]] = defaultdict(dict)
    for path, line, score in scores:
        of_file[path][line] = score
    found = [place for path, scored in of_file.items() for place in _of_file(path, scored, read(path), words)]
    weight = {
        place: sum(of_file[place.path].get(line, 0.0) for line in range(place.first, place.last + 1)) for place in found
    }
    found.sort(key=lambda place: (-place.suspicion, -weight[place], place.path, place.first))
    return tuple(found[:most])


def begun_at(found: tuple[Place, ...], at: int) -> tuple[Place, ...]:
    """Return places begun at another one, those before it last: so that attempts at one job differ."""
    turned = at % len(found) if found else 0
    return found[turned:] + found[:turned]


def _of_file(path: RepoPath, scored: Mapping[int, float], data: bytes, words: frozenset[str]) -> list[Place]:
    spans, statements = functions(path, data), _statements(_parsed(data)) if path.endswith(".py") else {}
    count = data.count(b"\n") + 1
    best: dict[tuple[int, int, str], dict[Span, float]] = defaultdict(dict)
    for line, score in scored.items():
        inside = [span for span in spans if span[0] <= line <= span[1] and span[1] - span[0] < _MOST_LINES]
        around = (max(1, line - _AROUND), min(count, line + _AROUND), "")
        of_place = best[max(inside, key=lambda each: each[0], default=around)]
        statement = statements.get(line, Span(line, line))
        of_place[statement] = max(of_place.get(statement, 0.0), score)
    return [
        Place(
            path,
            *span,
            max(of_place.values()) * (_NAMED if span[2] in words else 1.0),
            tuple(sorted(of_place, key=lambda each: (-of_place[each], each.first))),
        )
        for span, of_place in best.items()
    ]


def _parsed(data: bytes) -> ast.AST:
    try:
        return ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def functions(path: RepoPath, data: bytes) -> list[tuple[int, int, str]]:
    """Return first line, last line and name of each function of a file; in other languages than Python, as their grammar is installed, of each definition."""
    if not path.endswith(".py"):
        return list(_defined(Outliner().outline(path, data.decode("utf-8", "replace"))))
    return [
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno or node.lineno, node.name)
        for node in ast.walk(_parsed(data))
        if isinstance(node, Function)
    ]


def _defined(outline: Sequence[Definition]) -> Iterator[tuple[int, int, str]]:
    for each in outline:
        yield each.first, each.last, each.name
        yield from _defined(each.inner)


def _docstrings(tree: ast.AST) -> Iterator[Span]:
    for node in ast.walk(tree):
        if isinstance(node, Function) and len(node.body) > 1 and ast.get_docstring(node, clean=False) is not None:
            yield Span(node.body[0].lineno, node.body[0].end_lineno or node.body[0].lineno)


def _statements(tree: ast.AST) -> dict[int, Span]:
    """Return the statement of each line; of one that holds others only its head counts."""
    found: dict[int, Span] = {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        body = getattr(node, "body", None)
        head = body[0].lineno - 1 if isinstance(body, list) and body else node.end_lineno or node.lineno
        span = Span(node.lineno, max(head, node.lineno))
        found |= dict.fromkeys(range(span.first, span.last + 1), span)
    return found
