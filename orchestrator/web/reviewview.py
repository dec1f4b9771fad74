"""The review page's view: a reading as rows of lines, each with what is known of it. Made once for each version; pure of any request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from orchestrator.plain import plain
from orchestrator.reading import Group, Reading, Risk, Seen
from orchestrator.reading.hunks import lines
from orchestrator.web.highlight import highlighted
from shadowfs import Change, RepoPath
from verifier import Evidence

CONTEXT = 3
"""Lines shown around a hunk."""
_WHOLE_LINES = 20_000
_TELLING = {
    kind: at for at, kind in enumerate(("diagnostic", "resolved", "differs", "covered", "test", "uncovered", "value"))
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row: its numbers on both sides (None where it is not there), its HTML, and the mark at it. `kind` is `same`, `gone` or `new`."""

    kind: str
    before: int | None
    after: int | None
    html: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of a side-by-side view."""

    left: Line | None
    right: Line | None


@dataclass(frozen=True, slots=True)
class HunkView:
    """A hunk as a page shows it."""

    seen: Seen
    rows: tuple[Line, ...]
    pairs: tuple[Pair, ...]

    @property
    def anchor(self) -> str:
        """Return its name within the page."""
        return f"h-{self.seen.hunk.id}"

    @property
    def facts(self) -> tuple[Evidence, ...]:
        """Return what is known of it, what tells most first; what a mark tells already is left out."""
        marked = any(mark.risk is Risk.UNCOVERED for mark in self.seen.marks)
        facts = [fact for fact in self.seen.evidence if not (marked and fact.kind in ("uncovered", "exercise"))]
        return tuple(sorted(facts, key=lambda fact: _TELLING.get(fact.kind, len(_TELLING))))

    @property
    def editable(self) -> bool:
        """Say whether a text box shows its lines as they are: one with invisible characters, or bytes that are no text, would send others."""
        return all(plain(line) == line and "\ufffd" not in line for line in self.seen.hunk.after.lines)


@dataclass(frozen=True, slots=True)
class GroupView:
    """Hunks that are read together."""

    group: Group
    hunks: tuple[HunkView, ...]


@dataclass(frozen=True, slots=True)
class FileView:
    """A file of the change, in the order of reading: how many lines come and go, and how many hunks it has."""

    path: RepoPath
    more: int
    less: int
    hunks: int
    first: str


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A version of a change as a page shows it."""

    tree: str
    groups: tuple[GroupView, ...]
    files: tuple[FileView, ...]
    reading: Reading

    @property
    def marks(self) -> int:
        """Return how many marks it has."""
        return sum(len(each.seen.marks) for group in self.groups for each in group.hunks)


def review_view(change: Change, reading: Reading) -> ReviewView:
    """Return a reading as a page shows it."""
    sides = {path: _Sides(change, path) for path in dict.fromkeys(_paths(reading))}
    groups = tuple(
        GroupView(group, tuple(_hunk(each, sides[each.hunk.path]) for each in group.hunks)) for group in reading.groups
    )
    return ReviewView(change.tree, groups, tuple(_files(groups)), reading)


def whole_file(change: Change, path: RepoPath) -> list[Line] | None:
    """Return a file of the change as a whole, on its after side (its before side where it is gone); None where it is no text."""
    if path not in set(change.paths()):
        return None
    data = change.after(path)
    data = change.before(path) if data is None else data
    if data is None or b"\0" in data:
        return None
    text = lines(data)[:_WHOLE_LINES]
    return [Line("same", None, at, html) for at, html in enumerate(highlighted(path, text), 1)]


class _Sides:
    """Both sides of a file, their lines as HTML."""

    def __init__(self, change: Change, path: RepoPath) -> None:
        self.before = highlighted(path, lines(change.before(path)))
        self.after = highlighted(path, lines(change.after(path)))


def _paths(reading: Reading) -> Iterator[RepoPath]:
    return (each.hunk.path for group in reading.groups for each in group.hunks)


def _hunk(seen: Seen, sides: _Sides) -> HunkView:
    hunk = seen.hunk
    marks = {line: mark.text for mark in seen.marks for line in (mark.line, *mark.more)}
    old, new = hunk.before.first - 1, hunk.after.first - 1
    lead = min(CONTEXT, new, old)
    above = [_same(sides, old - lead + at, new - lead + at) for at in range(lead)]
    gone = [
        Line("gone", at + 1, None, sides.before[at], "" if hunk.after.lines else marks.get(at + 1, ""))
        for at in range(old, hunk.before.last)
    ]
    added = [Line("new", None, at + 1, sides.after[at], marks.get(at + 1, "")) for at in range(new, hunk.after.last)]
    left = min(CONTEXT, len(sides.before) - hunk.before.last, len(sides.after) - hunk.after.last)
    below = [_same(sides, hunk.before.last + at, hunk.after.last + at) for at in range(left)]
    pairs = (
        *(Pair(each, each) for each in above),
        *(Pair(left, right) for left, right in zip_longest(gone, added)),
        *(Pair(each, each) for each in below),
    )
    return HunkView(seen, (*above, *gone, *added, *below), pairs)


def _same(sides: _Sides, before: int, after: int) -> Line:
    return Line("same", before + 1, after + 1, sides.after[after])


def _files(groups: Sequence[GroupView]) -> Iterator[FileView]:
    by_path: dict[RepoPath, list[HunkView]] = {}
    for group in groups:
        for each in group.hunks:
            by_path.setdefault(each.seen.hunk.path, []).append(each)
    for path, hunks in by_path.items():
        more = sum(len(each.seen.hunk.after.lines) for each in hunks)
        less = sum(len(each.seen.hunk.before.lines) for each in hunks)
        yield FileView(path, more, less, len(hunks), hunks[0].anchor)
