"""Names: which definitions the lines of a hunk lie in, which it changes from outside, and which it uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agents import Definition, Outliner
from orchestrator.reading.records import Hunk, Side
from orchestrator.reading.tokens import tokens, words
from shadowfs import RepoPath

_IMPORTS = ("import ", "from ", "#include", "use ", "using ", "require(", "const {", "export {", "} from")
_HEAD_LINES = 30
_COMMON = frozenset({"__init__", "self", "cls", "main", "get", "set", "run", "name", "value", "key", "args", "kwargs"})
"""Names that say nothing about which definition is meant."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a hunk has to do with names: `within` encloses it, `heads` are the definitions whose first lines it changes, `uses` all names in it."""

    within: str
    heads: frozenset[str]
    uses: frozenset[str]
    imports: bool


@dataclass(slots=True)
class Outlines:
    """What files define, by path and side; read once each."""

    outliner: Outliner = field(default_factory=Outliner)
    _known: dict[tuple[RepoPath, int], tuple[Definition, ...]] = field(default_factory=dict)

    def named(self, hunk: Hunk, before: tuple[str, ...], after: tuple[str, ...]) -> Named:
        """Return what a hunk has to do with names, over both sides of its file."""
        sides = [
            (hunk.before, before, self._of(hunk.path, 0, before)),
            (hunk.after, after, self._of(hunk.path, 1, after)),
        ]
        within = ""
        heads: set[str] = set()
        for side, lines, outline in sides:
            within = _within(outline, side) or within
            heads |= set(_heads(outline, side, lines))
        changed = (*hunk.before.lines, *hunk.after.lines)
        uses = words(changed) - _COMMON
        imports = all(not line.strip() or _is_import(line) for line in changed)
        return Named(within, frozenset(heads - _COMMON), frozenset(uses), imports)

    def _of(self, path: RepoPath, side: int, lines: tuple[str, ...]) -> tuple[Definition, ...]:
        known = self._known.get((path, side))
        if known is None:
            known = self._known[path, side] = self.outliner.outline(path, "\n".join(lines))
        return known


def _is_import(line: str) -> bool:
    # The names of an import that goes over several lines stand alone.
    return line.lstrip().startswith(_IMPORTS) or all(each.isidentifier() or each in ",()" for each in tokens([line]))


def _within(outline: Iterable[Definition], side: Side) -> str:
    """Return the innermost definition that encloses all lines of a side."""
    for definition in outline:
        if definition.first <= side.first and max(side.last, side.first) <= definition.last:
            inner = _within(definition.inner, side)
            return f"{definition.name}.{inner}" if inner else definition.name
    return ""


def _heads(outline: Iterable[Definition], side: Side, lines: Sequence[str]) -> Iterator[str]:
    """Yield the definitions whose heads lie in a side: added, removed, or called otherwise than before."""
    for definition in outline:
        if definition.first <= side.last and side.first <= definition.last:
            if side.first <= _end_of_head(definition, lines):
                yield definition.name
            yield from _heads(definition.inner, side, lines)


def _end_of_head(definition: Definition, lines: Sequence[str]) -> int:
    """Return the line on which a definition's head ends: the first that opens a block."""
    until = min(definition.last, definition.first + _HEAD_LINES)
    opens = (at for at in range(definition.first, until + 1) if lines[at - 1].rstrip().endswith((":", "{")))
    return next(opens, definition.first)
