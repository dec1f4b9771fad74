"""Examples given as diffs: both sides of each file are made from the files as they are, forwards or, where a diff is in them, backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from agents.edits.edit import Edit, Move, Replace, Unclear, Whole
from agents.edits.unified import parse_unified
from shadowfs import Example, ExampleFile, RepoPath

Read = Callable[[RepoPath], bytes | None]
"""Returns a file as it is, None where there is none."""


def diff_example(name: str, text: str, read: Read) -> Example:
    """Return what a unified diff changes. Raises `ValueError` where it holds no change of a file, or fits no file as it is."""
    try:
        edits = parse_unified(text.splitlines())
    except Unclear as error:
        raise ValueError(f"{name}: {error}") from error
    notes = [_note(edit) for edit in edits if not isinstance(edit, Replace)]
    hunks: dict[RepoPath, list[Replace]] = {}
    for edit in edits:
        if isinstance(edit, Replace):
            hunks.setdefault(edit.path, []).append(edit)
    files = tuple(_file(name, path, of_file, read) for path, of_file in sorted(hunks.items()))
    if not files:
        raise ValueError(f"{name} changes no file that is there: give a unified diff, as `git diff` writes it")
    return Example(name, files, tuple(notes))


def _note(edit: Edit) -> str:
    if isinstance(edit, Move):
        return f"{edit.path} is renamed, which is not learnt from"
    path = getattr(edit, "path", "")
    return f"{path} is {'added' if isinstance(edit, Whole) else 'deleted'} whole, which is not learnt from"


def _file(name: str, path: RepoPath, hunks: Sequence[Replace], read: Read) -> ExampleFile:
    data = read(path)
    if data is None:
        raise ValueError(f"{name}: there is no {path} here: name the commit that made the change instead")
    after = _applied(data, hunks)
    if after is not None:
        return ExampleFile(path, data, after)
    before = _applied(data, [replace(each, search=each.replace, replace=each.search) for each in hunks])
    if before is None:
        raise ValueError(f"{name} neither fits {path} nor is in it: name the commit that made the change instead")
    return ExampleFile(path, before, data)


def _applied(data: bytes, hunks: Sequence[Replace]) -> bytes | None:
    """Return a file with hunks applied where their lines stand exactly; None where one stands nowhere."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    ends = "\r" if lines[0].endswith("\r") else ""
    done: list[str] = []
    at = 0
    for hunk in hunks:
        search = [line.rstrip("\r") + ends for line in hunk.search]
        place = _place(lines, search, at, (hunk.line or 1) - 1)
        if place is None:
            return None
        done += [*lines[at:place], *(line.rstrip("\r") + ends for line in hunk.replace)]
        at = place + len(search)
    return "\n".join([*done, *lines[at:]]).encode("utf-8", "surrogateescape")


def _place(lines: Sequence[str], search: Sequence[str], first: int, near: int) -> int | None:
    """Return where lines stand, from `first` on: the place nearest to the one told."""
    places = [at for at in range(first, len(lines) - len(search) + 1) if lines[at : at + len(search)] == list(search)]
    return min(places, key=lambda at: abs(at - near)) if places and search else None
