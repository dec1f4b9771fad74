"""Rewriting: only what differs between the two sides of a rule is edited in a place; all around it stays byte for byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from agents.migration.matching import Match, Path
from agents.migration.template import Hole, Pair, Pattern, Template
from agents.migration.tree import CALLS, GROUPS, MEMBERS, NAMES, PARTS, Node, Source

_WHOLE = frozenset({"Subscript", "subscript_expression", "index_expression", "JoinedStr", "template_string", "this"})


@dataclass(frozen=True, slots=True)
class Range:
    """A piece of the file, to be copied with what is edited inside of it; `bracketed` where another operator would take it apart."""

    start: int
    end: int
    bracketed: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the bytes `start` to `end` by pieces of text and of the file."""

    start: int
    end: int
    pieces: tuple[str | Range, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Replace the children `first` to `last` of what lies at a path by templates; `gap` is the white space after them."""

    path: Path
    first: int
    last: int
    many: int
    right: tuple[Template, ...]
    gaps: tuple[str, ...]
    gap: str
    safe: bool
    kind: str


def steps(pair: Pair) -> tuple[Step, ...]:
    """Return what turns the left side of a pair into its right one."""
    return tuple(_steps((), pair.left, pair.right, pair.gaps, None))


def _steps(
    path: Path, left: Sequence[Template], right: Sequence[Template], gaps: Sequence[str], parent: Pattern | None
) -> Iterator[Step]:
    matcher = SequenceMatcher(None, [each.key for each in left], [each.key for each in right], autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag == "equal":
            continue
        safe = parent is not None and (parent.statement or parent.kind in GROUPS or parent.kind in PARTS)
        kind = parent.kind if parent else ""
        # One by one where there are as many: so that what lies between them in a file stays.
        parts = [(i + at, i + at + 1, k + at, k + at + 1) for at in range(j - i)] if j - i == m - k else [(i, j, k, m)]
        for first, last, start, end in parts:
            old, new = left[first:last], right[start:end]
            if len(old) == len(new) == 1 and (inner := _inner(old[0], new[0])) is not None:
                yield from _steps((*path, first), inner[0].children, inner[1].children, inner[1].gaps, inner[1])
                continue
            after = gaps[end] if end < len(gaps) else ""
            yield Step(path, first, last, len(left), tuple(new), tuple(gaps[start:end]), after, safe, kind)


def _inner(old: Template, new: Template) -> tuple[Pattern, Pattern] | None:
    """Return two templates where they differ inside alone."""
    if not isinstance(old, Pattern) or not isinstance(new, Pattern) or old.kind != new.kind:
        return None
    return (old, new) if old.children and new.children else None


@dataclass(frozen=True, slots=True, eq=False)
class Writer:
    """Writes what a rule makes of one match. `base` is the indentation of the example's first line, `safe` says that what
    holds the place takes no operator apart."""

    source: Source
    found: Match
    pair: Pair
    base: str
    safe: bool

    def edits(self, made: Sequence[Step]) -> tuple[Edit, ...]:
        """Return the edits of a place."""
        return tuple(self._edit(step) for step in made)

    def _edit(self, step: Step) -> Edit:
        root = step.path == ()
        safe = self.safe if root else step.safe
        pieces = [
            piece
            for gap, template in zip(step.gaps, step.right, strict=True)
            for piece in (self._spaced(gap), *self._written(template, safe, step.kind, root))
        ]
        first, last = self._nodes(step, step.first), self._nodes(step, step.last - 1)
        if step.first < step.last and step.right:
            return Edit(first[0].start, last[-1].end, tuple(pieces[1:]))
        if step.first < step.last:
            return self._removal(step, first, last)
        before_next = isinstance(step.right[-1], Pattern) and step.right[-1].text == "," and bool(first)
        if step.first > 0 and not before_next:
            at = last[-1].end
            return Edit(at, at, tuple(pieces))
        at = first[0].start
        return Edit(at, at, (*pieces[1:], self._spaced(step.gap)))

    def _removal(self, step: Step, first: tuple[Node, ...], last: tuple[Node, ...]) -> Edit:
        forward = last[-1].text == "," and step.last < step.many
        if step.first > 0 and not forward:
            return Edit(self._nodes(step, step.first - 1)[-1].end, last[-1].end, ())
        if step.last < step.many:
            return Edit(first[0].start, self._nodes(step, step.last)[0].start, ())
        return Edit(first[0].start, last[-1].end, ())

    def _nodes(self, step: Step, at: int) -> tuple[Node, ...]:
        return self.found.spans.get((*step.path, at), ())

    def _written(self, template: Template, safe: bool, kind: str, root: bool = False) -> Iterator[str | Range]:
        if isinstance(template, Hole):
            run = self.found.held[template.name]
            same = not root and kind == self._kind_of(template)
            loose = len(run) == 1 and not (safe or same or _whole(run[0]))
            yield Range(run[0].start, run[-1].end, loose)
            return
        if not template.children:
            named = template.kind in NAMES
            yield self.found.names.get(template.text, template.text) if named else self._newlines(template.text)
            return
        loose = root and not safe and not _whole(template) and _whole(self.pair.left[0])
        inside = template.statement or template.kind in GROUPS or template.kind in PARTS
        yield "(" if loose else ""
        for gap, child in zip(template.gaps, template.children, strict=True):
            yield self._spaced(gap)
            yield from self._written(child, inside, template.kind)
        yield ")" if loose else ""

    def _kind_of(self, hole: Hole) -> str:
        """Return the kind of what holds a hole on the left side."""
        waiting: list[Pattern] = list(self.pair.left)
        while waiting:
            found = waiting.pop()
            if any(isinstance(child, Hole) and child.name == hole.name for child in found.children):
                return found.kind
            waiting += [child for child in found.children if isinstance(child, Pattern)]
        return ""

    def _spaced(self, gap: str) -> str:
        """Return the white space of the example as it is here: lines end and are indented as in this file."""
        if "\n" not in gap:
            return gap
        here = self.source.indentation(self.found.spans[(0,)][0].start)
        first, *lines = gap.split("\n")
        told = [here + line[len(self.base) :] if line.startswith(self.base) else line for line in lines]
        if "\t" in here and "\t" not in self.base:
            told = [line.replace("    ", "\t") for line in told]
        return self._newlines("\n".join([first, *told]))

    def _newlines(self, text: str) -> str:
        return text.replace("\r\n", "\n").replace("\n", self.source.newline)


def _whole(node: Node | Pattern) -> bool:
    """Say whether no operator beside a node can take it apart."""
    if not node.children or node.kind in CALLS or node.kind in MEMBERS or node.kind in _WHOLE or node.kind in GROUPS:
        return True
    first, last = node.children[0], node.children[-1]
    if isinstance(first, Hole) or isinstance(last, Hole):
        return False
    return (len(node.children) == 1 and first.kind in GROUPS) or (
        first.text in ("(", "[", "{") and last.text in (")", "]", "}")
    )


def rewritten(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Return a file with edits made; those inside what another one copies are made in the copy."""
    return _copied(data, 0, len(data), sorted(edits, key=_order))


def _order(edit: Edit) -> tuple[int, int, int]:
    """Sort what copies before what lies inside of it, and what is put in before what is taken out at the same place."""
    copies = any(isinstance(piece, Range) for piece in edit.pieces)
    return edit.start, 0 if copies else 1 if edit.start == edit.end else 2, -edit.end


def _copied(data: bytes, start: int, end: int, edits: Sequence[Edit]) -> bytes:
    pieces: list[bytes] = []
    at = start
    inside = [each for each in edits if start <= each.start and each.end <= end]
    for edit in inside:
        if edit.start < at:
            continue
        pieces.append(data[at : edit.start])
        # What is copied may lie elsewhere, and never holds the edit again that copies it.
        below = [each for each in edits if each is not edit]
        for piece in edit.pieces:
            if isinstance(piece, str):
                pieces.append(piece.encode("utf-8", "surrogateescape"))
            else:
                copied = _copied(data, piece.start, piece.end, below)
                pieces.append(b"(" + copied + b")" if piece.bracketed else copied)
        at = edit.end
    pieces.append(data[at:end])
    return b"".join(pieces)
