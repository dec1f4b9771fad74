"""The figures of the comparison: who solved how much, and the difference between two of them on the same tasks, with its interval."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.bench.target import Target

OURS = "nightcrew"
POINTS = 20.0
Z = 1.959964
WHAT = "one small model, the same tasks in pairs"


class Named(Protocol):
    """A task, as far as figures go."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def file_bytes(self) -> int: ...


class Tried(Protocol):
    """What came of a task, as far as figures go."""

    @property
    def solved(self) -> bool: ...
    @property
    def seconds(self) -> float: ...
    @property
    def tokens_in(self) -> int: ...
    @property
    def tokens_out(self) -> int: ...
    @property
    def load(self) -> tuple[float, float]: ...


@dataclass(frozen=True, slots=True)
class Figures:
    """The tasks, and by solver and task what came of it."""

    tasks: Sequence[Named]
    rows: Mapping[str, Mapping[str, Tried]]

    def solved(self, solver: str, kind: str = "") -> list[bool]:
        """Return what a solver solved of the tasks of a kind, in their order."""
        return [self.rows[solver][task.name].solved for task in self.tasks if kind in ("", task.kind)]

    @property
    def whole(self) -> bool:
        """Say whether every solver has a row for every task."""
        return all(task.name in rows for task in self.tasks for rows in self.rows.values())

    @property
    def best(self) -> str:
        """Return who solved most, nightcrew left out; of equals the one that took fewer seconds."""
        others = [name for name in self.rows if name != OURS]
        return max(
            others, key=lambda name: (sum(self.solved(name)), -sum(row.seconds for row in self.rows[name].values()))
        )


@dataclass(frozen=True, slots=True)
class Paired:
    """Two on the same tasks: both solved, the first alone, the second alone, neither."""

    both: int
    first: int
    second: int
    neither: int

    @classmethod
    def of(cls, first: Sequence[bool], second: Sequence[bool]) -> Paired:
        """Count pairs."""
        pairs = list(zip(first, second, strict=True))
        return cls(*(pairs.count(each) for each in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def difference(self) -> float:
        """Return the share that the first solved more."""
        return (self.first - self.second) / (self.both + self.first + self.second + self.neither)

    @property
    def chance(self) -> float:
        """Return McNemar's exact two-sided probability of so unlike a split, were they equally good."""
        unlike = self.first + self.second
        tail = sum(math.comb(unlike, count) for count in range(min(self.first, self.second) + 1))
        return min(1.0, tail / float(2 ** (unlike - 1))) if unlike else 1.0

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the difference, by Newcombe's method 10 (Statistics in Medicine 17, 1998, 2635)."""
        a, b, c, d = self.both, self.first, self.second, self.neither
        count = a + b + c + d
        p1, p2 = (a + b) / count, (a + c) / count
        (l1, u1), (l2, u2) = wilson(a + b, count), wilson(a + c, count)
        product = (a + b) * (c + d) * (a + c) * (b + d)
        above = a * d - b * c
        corrected = max(0.0, above - count / 2) if above > 0 else above
        phi = corrected / math.sqrt(product) if product else 0.0
        down = math.sqrt((p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2)
        up = math.sqrt((u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2)
        return p1 - p2 - down, p1 - p2 + up


def wilson(count: int, of: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share."""
    share = count / of
    middle = (share + Z**2 / (2 * of)) / (1 + Z**2 / of)
    half = Z * math.sqrt(share * (1 - share) / of + Z**2 / (4 * of**2)) / (1 + Z**2 / of)
    return middle - half, middle + half


def targets(figures: Figures, why: str) -> list[Target]:
    """Return the targets; without rows of all, what is missing is said."""
    what = f"{WHAT}: solved by nightcrew more than by the best of the others"
    told = [
        _each(figures, name)
        for name in figures.rows
        if set(figures.rows[name]) >= {task.name for task in figures.tasks}
    ]
    if OURS not in figures.rows or len(figures.rows) < 2 or not figures.whole:
        return [Target(what, "points", POINTS, None, least=True, why=why), *told]
    best = figures.best
    paired = Paired.of(figures.solved(OURS), figures.solved(best))
    low, high = paired.interval()
    beside = {name: 100 * statistics.mean(figures.solved(name)) for name in figures.rows}
    beside |= {"95 % from": 100 * low, "95 % to": 100 * high, "McNemar's exact probability": paired.chance}
    beside |= {
        "nightcrew alone": float(paired.first),
        f"{best} alone": float(paired.second),
        "tasks": float(len(figures.tasks)),
    }
    said = f"the best other is {best}; {why}"
    return [Target(what, "points", POINTS, 100 * paired.difference, beside, least=True, why=said), *told]


def _each(figures: Figures, name: str) -> Target:
    """Return what one solver did."""
    rows = [figures.rows[name][task.name] for task in figures.tasks]
    beside: dict[str, float] = {"tasks": float(len(rows))}
    for kind in sorted({task.kind for task in figures.tasks}):
        share = figures.solved(name, kind)
        beside |= {f"{kind}, solved": float(sum(share)), f"{kind}": float(len(share))}
    beside["median s"] = statistics.median(row.seconds for row in rows)
    beside["mean tokens read"] = statistics.mean(row.tokens_in for row in rows)
    beside["mean tokens written"] = statistics.mean(row.tokens_out for row in rows)
    beside["most tokens"] = float(max(row.tokens_in + row.tokens_out for row in rows))
    beside["highest load"] = max(max(row.load) for row in rows)
    return Target(f"{WHAT}: solved by {name}", "%", None, 100 * statistics.mean(row.solved for row in rows), beside)
