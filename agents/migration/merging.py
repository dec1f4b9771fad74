"""What two examples have in common: their least general generalisation (Plotkin 1970), one table of holes for both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.migration.template import Hole, Pair, Pattern, Template, holes
from agents.migration.tree import GROUPS


def merged(one: Pair, other: Pair) -> Pair | None:
    """Return the pair that both are instances of; None where there is none whose right side is made of its left one."""
    if len(one.left) != len(other.left) or len(one.right) != len(other.right):
        return None
    table = _Table()
    left = [table.merge(first, second) for first, second in zip(one.left, other.left, strict=True)]
    patterns = tuple(each for each in left if isinstance(each, Pattern))
    if len(patterns) != len(left):
        return None
    known = holes(patterns)
    right = [table.merge(first, second) for first, second in zip(one.right, other.right, strict=True)]
    made = tuple(each for each in right if each is not None)
    if len(made) != len(right) or not holes(made) <= known:
        return None
    return Pair(patterns, made, one.gaps)


class _Table:
    """Holes by the two things that they stand for."""

    def __init__(self) -> None:
        self._holes: dict[tuple[int, ...], Hole] = {}
        self._runs: list[tuple[tuple[int, ...], tuple[int, ...], Hole]] = []

    def merge(self, one: Template, other: Template) -> Template | None:
        """Return the template of both, None where they differ in what cannot be a hole."""
        if not isinstance(one, Pattern) or not isinstance(other, Pattern):
            return self._hole(one, other)
        if one.kind != other.kind or one.text != other.text:
            return self._hole(one, other)
        if not one.children and not other.children:
            return one
        below = self._below(one, other)
        return self._hole(one, other) if below is None else replace(one, children=below[0], gaps=below[1])

    def _below(self, one: Pattern, other: Pattern) -> tuple[tuple[Template, ...], tuple[str, ...]] | None:
        first, second, gaps = one.children, other.children, one.gaps
        if len(first) != len(second):
            if one.kind not in GROUPS:
                return None
            runs = self._known_run(first, second, gaps) or self._new_run(first, second, gaps)
            if runs is None:
                return None
            first, second, gaps = runs
        found = [self.merge(*pair) for pair in zip(first, second, strict=True)]
        made = tuple(each for each in found if each is not None)
        return (made, gaps) if len(made) == len(found) else None

    def _new_run(self, one: Sequence[Template], other: Sequence[Template], gaps: tuple[str, ...]) -> _Runs | None:
        """Put a hole for what stands between the brackets and has another length."""
        first = 0
        while first < min(len(one), len(other)) and _same(one[first], other[first]):
            first += 1
        last = 0
        while last < min(len(one), len(other)) - first and _same(one[-1 - last], other[-1 - last]):
            last += 1
        middle = tuple(one[first : len(one) - last]), tuple(other[first : len(other) - last])
        if not all(middle):
            return None
        kinds = frozenset[str]().union(*(_kinds(each) for run in middle for each in run))
        hole = Hole(self._count(), kinds, many=True)
        self._runs.append((_keys(middle[0]), _keys(middle[1]), hole))
        return self._spliced(one, other, gaps, hole, (first, first))

    def _known_run(self, one: Sequence[Template], other: Sequence[Template], gaps: tuple[str, ...]) -> _Runs | None:
        """Put a hole that is there already where its two runs stand."""
        for first, second, hole in self._runs:
            here, there = _find(one, first), _find(other, second)
            if here is not None and there is not None:
                return self._spliced(one, other, gaps, hole, (here, there))
        return None

    def _spliced(
        self, one: Sequence[Template], other: Sequence[Template], gaps: tuple[str, ...], hole: Hole, at: tuple[int, int]
    ) -> _Runs | None:
        run = next((each for each in self._runs if each[2] is hole), None)
        assert run is not None
        here, there = at[0] + len(run[0]), at[1] + len(run[1])
        first = (*one[: at[0]], hole, *one[here:])
        second = (*other[: at[1]], hole, *other[there:])
        return (first, second, (*gaps[: at[0] + 1], *gaps[here:])) if len(first) == len(second) else None

    def _hole(self, one: Template, other: Template) -> Hole | None:
        if one is other and isinstance(one, Hole):
            return one
        if not (_holeable(one) and _holeable(other)):
            return None
        key = (one.key, other.key)
        if key not in self._holes:
            self._holes[key] = Hole(self._count(), _kinds(one) | _kinds(other))
        return self._holes[key]

    def _count(self) -> int:
        return len(self._holes) + len(self._runs)


_Runs = tuple[tuple[Template, ...], tuple[Template, ...], tuple[str, ...]]


def _same(one: Template, other: Template) -> bool:
    return isinstance(one, Pattern) and isinstance(other, Pattern) and one.key == other.key and not holes([one])


def _keys(run: Sequence[Template]) -> tuple[int, ...]:
    return tuple(each.key for each in run)


def _find(children: Sequence[Template], keys: tuple[int, ...]) -> int | None:
    places = range(len(children) - len(keys) + 1)
    return next((at for at in places if _keys(children[at : at + len(keys)]) == keys), None)


def _holeable(template: Template) -> bool:
    return isinstance(template, Hole) or bool(template.children or template.word)


def _kinds(template: Template) -> frozenset[str]:
    return template.kinds if isinstance(template, Hole) else frozenset({template.kind})
