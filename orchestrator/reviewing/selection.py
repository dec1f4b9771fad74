"""A part of a change as a tree of its own: hunks that are kept go onto the base, bytes as they are; what was edited, as it was edited."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.errors import UnknownHunk
from orchestrator.reading import Hunk, Reading
from orchestrator.reading.hunks import hunks_of
from orchestrator.reviewing.records import Selection
from shadowfs import Change, Depot, Entry, FileChange, RepoPath


def selected(change: Change, depot: Depot, selection: Selection) -> str:
    """Return the tree that has only the selected part of `change`. Raises `UnknownHunk` for what the change does not have."""
    hunks, whole = hunks_of(change)
    _check(selection, hunks, [each.path for each in whole])
    wholes = {each.path for each in whole}
    files: dict[RepoPath, Entry | None] = {}
    for file in change.files:
        mine = [each for each in hunks if each.path == file.path]
        kept = [each for each in mine if each.id in selection.hunks]
        if file.path in wholes:
            if file.path in selection.files:
                files[file.path] = file.after
        elif len(kept) == len(mine) and not any(each.id in selection.edits for each in kept):
            files[file.path] = file.after
        elif kept:
            files[file.path] = _partial(change, depot, file, kept, selection.edits)
    return depot.graft(change.base, files)


def named_part(
    reading: Reading, only: Sequence[str], without: Sequence[str], edits: Mapping[str, tuple[str, ...]]
) -> Selection:
    """Return the selection that names hunks by their ids, and files by their paths. Raises `UnknownHunk`."""
    hunks = {each.hunk.id: each.hunk.path for group in reading.groups for each in group.hunks}
    whole = {each.path for each in reading.whole}
    unknown = [name for name in (*only, *without, *edits) if name not in {*hunks, *hunks.values(), *whole}]
    if unknown:
        raise UnknownHunk(
            f"the change has no {unknown[0]!r}: `nightcrew diff TICKET --by-cause --json` has the ids of its hunks"
        )

    def kept(name: str, path: RepoPath) -> bool:
        return (not only or name in only or path in only) and name not in without and path not in without

    return Selection(
        frozenset(id for id, path in hunks.items() if kept(id, path)),
        frozenset(path for path in whole if kept(path, path)),
        edits,
    )


def _check(selection: Selection, hunks: Iterable[Hunk], whole: Iterable[RepoPath]) -> None:
    known = {each.id for each in hunks}
    unknown = sorted((selection.hunks | set(selection.edits)) - known) + sorted(selection.files - set(whole))
    if unknown:
        raise UnknownHunk(f"the change has no {unknown[0]!r}: it may have a newer version by now; look at it again")
    unkept = sorted(set(selection.edits) - selection.hunks)
    if unkept:
        raise UnknownHunk(f"hunk {unkept[0]!r} is edited, and left out: keep it, or drop the edit")


def _partial(
    change: Change, depot: Depot, file: FileChange, kept: Iterable[Hunk], edits: Mapping[str, tuple[str, ...]]
) -> Entry | None:
    """Return a file with some of its hunks; None where nothing of it is left to be there."""
    before, after = _lines(change.before(file.path)), _lines(change.after(file.path))
    *lines, last = _pieces(before, after, sorted(kept, key=lambda each: each.before.first), edits) or [b""]
    # The last line of a file may have no end; where others follow it now, it needs one.
    data = b"".join(line if line.endswith(b"\n") else line + b"\n" for line in lines) + last
    entry = file.after or file.before
    assert entry is not None
    if not data and file.after is None:
        return None
    return Entry(entry.mode, depot.write(data))


def _pieces(
    before: list[bytes], after: list[bytes], kept: Iterable[Hunk], edits: Mapping[str, tuple[str, ...]]
) -> list[bytes]:
    pieces: list[bytes] = []
    at = 0
    for hunk in kept:
        pieces += before[at : hunk.before.first - 1]
        at = hunk.before.last
        if hunk.id in edits:
            typed = [f"{line}\n".encode("utf-8", "surrogateescape") for line in edits[hunk.id]]
            if typed and hunk.after.last == len(after) and after and not after[-1].endswith(b"\n"):
                # The file's last line had no end, and gets none.
                typed[-1] = typed[-1][:-1]
            pieces += typed
        else:
            pieces += after[hunk.after.first - 1 : hunk.after.last]
    return pieces + before[at:]


def _lines(data: bytes | None) -> list[bytes]:
    """Return the lines of a file with their ends, cut where a hunk's are: at line feeds alone."""
    *whole, rest = (data or b"").split(b"\n")
    return [line + b"\n" for line in whole] + ([rest] if rest else [])
