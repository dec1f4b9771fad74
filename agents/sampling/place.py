"""Places: the functions in which the failing tests' suspicious lines lie, the most suspicious first."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shadowfs import RepoPath

_AROUND = 12
"""Lines on each side of one that lies in no function."""
_MOST_LINES = 150
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Place:
    """Lines `first` to `last` (from 1) of a file, and how suspicious they are; `name` is the function's, "" for other lines."""

    path: RepoPath
    first: int
    last: int
    name: str
    suspicion: float

    def text(self, data: bytes) -> str:
        """Return its lines."""
        return "\n".join(data.decode("utf-8", "replace").splitlines()[self.first - 1 : self.last])


def places(
    scores: Sequence[tuple[RepoPath, int, float]], read: Callable[[RepoPath], bytes], most: int
) -> tuple[Place, ...]:
    """Return the functions around suspicious lines, by their most suspicious line, then by how many such lines they have."""
    of_file: dict[RepoPath, dict[int, float]] = defaultdict(dict)
    for path, line, score in scores:
        of_file[path][line] = score
    found = [place for path, lines in of_file.items() for place in _of_file(path, lines, read(path))]
    weight = {
        place: sum(of_file[place.path].get(line, 0.0) for line in range(place.first, place.last + 1)) for place in found
    }
    found.sort(key=lambda place: (-place.suspicion, -weight[place], place.path, place.first))
    return tuple(found[:most])


def _of_file(path: RepoPath, lines: Mapping[int, float], data: bytes) -> list[Place]:
    spans = _functions(data)
    count = data.count(b"\n") + 1
    best: dict[tuple[int, int, str], float] = {}
    for line, score in lines.items():
        inside = [span for span in spans if span[0] <= line <= span[1] and span[1] - span[0] < _MOST_LINES]
        around = (max(1, line - _AROUND), min(count, line + _AROUND), "")
        span = max(inside, key=lambda each: each[0], default=around)
        best[span] = max(best.get(span, 0.0), score)
    return [Place(path, *span, score) for span, score in best.items()]


def _functions(data: bytes) -> list[tuple[int, int, str]]:
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [
        (min([node.lineno, *(each.lineno for each in node.decorator_list)]), node.end_lineno or node.lineno, node.name)
        for node in ast.walk(tree)
        if isinstance(node, Function)
    ]
