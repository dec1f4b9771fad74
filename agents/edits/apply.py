"""The applier: typed edits on the files of a tree, whole or not at all. Pure: content in, content out, nothing read or written."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import takewhile

from agents.edits.edit import (
    Anchor,
    Anchored,
    Applied,
    Edit,
    How,
    Move,
    Placed,
    Refused,
    Remove,
    Replace,
    Unclear,
    Whole,
)
from agents.edits.gate import pass_gate
from agents.edits.match import Lines
from agents.edits.paths import existing, free, inside, vacant
from agents.edits.place import complete, place, quoted
from agents.edits.text import Splice, Text
from agents.edits.trust import Trust
from shadowfs import RepoPath

Gate = Callable[[RepoPath, bytes, bytes], None]


def apply(
    edits: Sequence[Edit],
    files: Mapping[RepoPath, bytes],
    *,
    protected: Collection[RepoPath] = (),
    trust: Trust = Trust(),
    gate: Gate | None = pass_gate,
) -> Applied | Refused:
    """Apply the edits of one reply in their order, each to what those before it left; return what differs then.

    Refuses all of them, saying why for each that has no sure target. Anchors count lines as `files` has them.
    """
    tree = _Tree(files, frozenset(protected), trust)
    refused = [why for number, edit in enumerate(edits, 1) if (why := tree.take(number, edit))]
    changed = {path: data for path, data in tree.now.items() if data != files.get(path)}
    if not refused and gate is not None:
        refused = list(_gated(changed, files, tree.origin, gate))
    if not refused and not changed:
        refused = ["The edits change nothing: what they write is what the files hold already."]
    if refused:
        return Refused("\n\n".join(["Nothing of this reply was applied.", *refused, _ADVICE]))
    return Applied(changed, tuple(tree.placed))


_COMPARED = 3000
_ADVICE = "Copy lines exactly as the file has them, and send all edits of the reply again."


def anchor(line: str) -> str:
    """Return the hash that names what a line holds, spaces aside, in four hexadecimal digits."""
    return f"{zlib.crc32(''.join(line.split()).encode('utf-8', 'surrogatepass')) & 0xFFFF:04x}"


def anchored(data: bytes, first: int = 1, last: int | None = None) -> str:
    """Return lines of a file (from 1) as a model is shown them to edit by anchors: `number:hash|text`."""
    lines = Text.of(data).lines
    return "\n".join(f"{at}:{anchor(line)}|{line}" for at, line in enumerate(lines[first - 1 : last], first))


def _gated(
    changed: Mapping[RepoPath, bytes | None],
    files: Mapping[RepoPath, bytes],
    origin: Mapping[RepoPath, RepoPath],
    gate: Gate,
) -> Iterator[str]:
    for path, data in changed.items():
        try:
            if data is not None:
                gate(path, files.get(origin.get(path, path), b""), data)
        except Unclear as error:
            yield str(error)


@dataclass(slots=True)
class _Tree:
    """The files as the edits so far left them."""

    files: Mapping[RepoPath, bytes]
    protected: frozenset[RepoPath]
    trust: Trust
    now: dict[RepoPath, bytes | None] = field(default_factory=dict)
    origin: dict[RepoPath, RepoPath] = field(default_factory=dict)
    placed: list[Placed] = field(default_factory=list)
    shifts: dict[RepoPath, list[Splice]] = field(default_factory=dict)

    def take(self, number: int, edit: Edit) -> str:
        """Take one edit; return why not, where it cannot be."""
        try:
            self.placed.append(self._take(edit))
        except Unclear as error:
            return f"Edit {number}, {edit.path}: {error}"
        return ""

    def _take(self, edit: Edit) -> Placed:
        match edit:
            case Replace():
                return self._replace(edit)
            case Whole():
                return self._whole(edit)
            case Anchored():
                return self._anchored(edit)
            case Remove():
                path = self._existing(edit.path)
                self.now[path] = None
                return Placed(path, 1, 1, How.NAMED)
            case Move():
                return self._move(edit)

    def _view(self) -> dict[RepoPath, bytes]:
        """Return the tree's files; content is looked up only where it is needed."""
        return {path: b"" for path in (*self.files, *self.now) if self.now.get(path, b"") is not None}

    def _existing(self, path: str) -> RepoPath:
        clean = inside(path)
        if clean in self.files and clean not in self.now:
            return free(clean, self.protected)
        return free(existing(path, self._view()), self.protected)

    def _data(self, path: RepoPath) -> bytes:
        kept = self.now[path] if path in self.now else self.files[path]
        return kept if kept is not None else b""

    def _replace(self, edit: Replace) -> Placed:
        path = self._existing(edit.path)
        text = Text.of(self._data(path))
        found = place(Replace(path, *_parts(edit)), text.lines, self.trust)
        self._splice(path, text, found.splices, edit.final_newline)
        return found.placed

    def _splice(self, path: RepoPath, text: Text, splices: Sequence[Splice], newline: bool | None = None) -> None:
        made = text.spliced(splices)
        self.now[path] = (made if newline is None else made.ended(newline)).data()
        self.shifts.setdefault(path, []).extend(sorted(splices, key=lambda each: -each.first))

    def _whole(self, edit: Whole) -> Placed:
        path = free(inside(edit.path), self.protected)
        view = self._view()
        there = path in view and bool(self._data(path).strip())
        if edit.new and there:
            raise Unclear(f"{path} is there already; edit it, or remove it first")
        text = Text.of(self._data(path) if path in view else b"")
        complete(text.lines, edit.lines)
        vacant(path, view)
        self._splice(path, text, _changes(text.lines, edit.lines))
        return Placed(path, 1, max(len(text.lines), 1), How.NAMED)

    def _move(self, edit: Move) -> Placed:
        path, to = self._existing(edit.path), free(inside(edit.to), self.protected)
        view = self._view()
        if to in view:
            raise Unclear(f"{to} is there already, so {path} cannot be moved there")
        vacant(to, (each for each in view if each != path))
        self.now[to], self.now[path] = self._data(path), None
        self.origin[to] = self.origin.get(path, path)
        return Placed(to, 1, 1, How.NAMED)

    def _anchored(self, edit: Anchored) -> Placed:
        path = self._existing(edit.path)
        text = Text.of(self._data(path))
        real = Lines(path, Text.of(self.files.get(path, b"")).lines)
        first, last = _span(edit, real)
        complete(real.lines, edit.lines)
        begin, end = self._now(path, first, last)
        self._splice(path, text, [Splice(begin, end, edit.lines)])
        return Placed(path, first + 1, max(last, first + 1), How.NAMED)

    def _now(self, path: RepoPath, first: int, last: int) -> tuple[int, int]:
        """Return where lines of the file as it was stand by now; raise `Unclear` where an edit before took them."""
        for splice in self.shifts.get(path, []):
            more = len(splice.lines) - (splice.last - splice.first)
            if splice.last <= first:
                first, last = first + more, last + more
            elif splice.first < last or (first == last and splice.first < first):
                raise Unclear("an edit before this one in the reply changed the same lines; make one edit of both")
        return first, last


def _changes(old: Sequence[str], new: Sequence[str]) -> list[Splice]:
    """Return what makes new lines of old ones, keeping lines that both have; where very many differ, all between."""
    same = takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
    first = sum(1 for _ in same)
    ends = zip(reversed(old[first:]), reversed(new[first:]), strict=False)
    last = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], ends))
    was, now = old[first : len(old) - last], tuple(new[first : len(new) - last])
    if len(was) > _COMPARED:
        return [Splice(first, first + len(was), now)]
    ops = SequenceMatcher(None, was, now, autojunk=False).get_opcodes()
    return [Splice(first + i1, first + i2, now[j1:j2]) for tag, i1, i2, j1, j2 in ops if tag != "equal"]


def _parts(
    edit: Replace,
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], int | None, bool, bool | None]:
    return edit.search, edit.replace, edit.under, edit.line, edit.at_end, edit.final_newline


def _span(edit: Anchored, real: Lines) -> tuple[int, int]:
    """Return which lines anchors name, from 0, the last not included; raise `Unclear` when other lines stand there."""
    if edit.first is None:
        return 0, 0
    ends = [edit.first] if edit.last is None else [edit.first, edit.last]
    if len(ends) == 2 and ends[1].line < ends[0].line:
        raise Unclear(f"line {ends[1].line} stands before line {ends[0].line}; name the first line first")
    wrong = next((each for each in ends if not _holds(each, real)), None)
    if wrong is not None:
        near = min(max(wrong.line - 1, 0), max(len(real.lines) - 1, 0))
        shown = quoted(real, max(near - 3, 0), near + 3) if real.lines else f"{real.path} is empty"
        raise Unclear(
            f"line {wrong.line} is not the one that {wrong.hash!r} names; the file has changed or was read otherwise. {shown}"
        )
    return (ends[0].line, ends[0].line) if edit.last is None else (ends[0].line - 1, ends[1].line)


def _holds(named: Anchor, real: Lines) -> bool:
    return 1 <= named.line <= len(real.lines) and anchor(real.lines[named.line - 1]) == named.hash.casefold()
