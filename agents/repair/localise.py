"""Where the bug may be: Ochiai over the tests' coverage, the traceback's frames, and what the tests and the ticket name."""

from __future__ import annotations

import ast
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agents.repair.index import Block, Function
from agents.repair.variants import Module
from shadowfs import RepoPath
from verifier import Coverage, TestResult

Lines = Mapping[tuple[RepoPath, int], float]
# What runs at import is tried in a process that imports the suite anew, some fifty times dearer: it must be worth it.
_DEFINING = 0.2
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{2,}")


@dataclass(frozen=True, slots=True)
class Place:
    """One statement and how suspicious it is, 0 to 1."""

    module: Module
    block: Block
    suspicion: float


def ochiai(coverage: Coverage, failing: Sequence[str]) -> dict[tuple[RepoPath, int], float]:
    """Return each executed line's suspiciousness: failed / sqrt(all failing * all that execute it) (Abreu et al., 2007)."""
    bad = set(failing)
    failed: Counter[tuple[RepoPath, int]] = Counter()
    passed: Counter[tuple[RepoPath, int]] = Counter()
    for test, files in coverage.lines.items():
        counts = failed if test in bad else passed
        counts.update((path, line) for path, lines in files.items() for line in lines)
    total = sum(1 for test in coverage.lines if test in bad)
    return {line: count / math.sqrt(total * (count + passed[line])) for line, count in failed.items()}


def traced(results: Sequence[TestResult]) -> dict[tuple[RepoPath, int], float]:
    """Return the lines of the failures' tracebacks: 1 for the innermost frame of each, less for each one further out."""
    found: dict[tuple[RepoPath, int], float] = {}
    for result in results:
        inside = [frame for frame in result.frames if not frame.path.startswith(("/", "<"))]
        for distance, frame in enumerate(reversed(inside)):
            spot = (frame.path, frame.line)
            found[spot] = max(found.get(spot, 0.0), 0.8**distance)
    return found


def mentioned(texts: Sequence[str]) -> frozenset[str]:
    """Return the identifiers in tests' ids, messages and a ticket's text; `test_take_while` names `take_while` too."""
    words = {word for text in texts for word in _IDENTIFIER.findall(text[:100_000])}
    parts = {part for word in words for part in word.lower().removeprefix("test_").split("_") if len(part) > 3}
    return frozenset(words | {word.removeprefix("test_") for word in words} | parts)


def combine(executed: Lines, frames: Lines) -> dict[tuple[RepoPath, int], float]:
    """Return one score for each line: what the tests' coverage says, raised where a traceback passes through."""
    top = max(executed.values(), default=1.0) or 1.0
    scores = {spot: 0.7 * score / top for spot, score in executed.items()}
    for spot, score in frames.items():
        scores[spot] = scores.get(spot, 0.4) + 0.3 * score
    return scores


def places(modules: Mapping[RepoPath, Module], scores: Lines, words: frozenset[str]) -> list[Place]:
    """Return the statements to try, most suspicious first. Lines that only run at import count through those that use their names."""
    found: list[Place] = []
    for path, module in modules.items():
        lines = {line: score for (where, line), score in scores.items() if where == path}
        found.extend(Place(module, block, score) for block, score in _scored(module, lines, words))
    found.sort(key=lambda place: (-place.suspicion, place.module.source.path, place.block.lineno))
    return found


def _scored(module: Module, lines: Mapping[int, float], words: frozenset[str]) -> Iterator[tuple[Block, float]]:
    inherited = _inherited(module, lines)
    for block in module.index.blocks:
        score = max((lines.get(line, 0.0) for line in own_lines(block)), default=0.0)
        if isinstance(block, Function):
            body = range(block.lineno, (block.end_lineno or block.lineno) + 1)
            score = _DEFINING * max((lines.get(line, 0.0) for line in body), default=0.0)
        elif not score and module.index.function_of(block) is None:
            score = max((inherited.get(name, 0.0) for name in _targets(block)), default=0.0)
        if score:
            yield block, score * _named(module, block, words)


def own_lines(block: Block) -> range:
    """Return the lines of a statement without those of the statements in it."""
    body = getattr(block, "body", None)
    last = body[0].lineno - 1 if isinstance(body, list) and body else (block.end_lineno or block.lineno)
    return range(block.lineno, max(last, block.lineno) + 1)


def _inherited(module: Module, lines: Mapping[int, float]) -> dict[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for node in module.index.parents:
        name = node.id if isinstance(node, ast.Name) else (node.attr if isinstance(node, ast.Attribute) else "")
        if name and (score := lines.get(node.lineno, 0.0)):  # type: ignore[attr-defined]
            found[name] = max(found[name], _DEFINING * score)
    return found


def _targets(block: Block) -> Iterator[str]:
    targets = block.targets if isinstance(block, ast.Assign) else [getattr(block, "target", None)]
    for target in targets:
        for node in ast.walk(target) if target is not None else ():
            if isinstance(node, ast.Name):
                yield node.id


def _named(module: Module, block: Block, words: frozenset[str]) -> float:
    function = block if isinstance(block, Function) else module.index.function_of(block)
    return 1.0 if function is None or function.name not in words else 1.35
