"""The records of edits: what a reply asks for, what was done where, and why nothing was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from shadowfs import RepoPath


class Form(StrEnum):
    """The forms in which models write edits."""

    BLOCKS = "blocks"
    """Search/replace blocks, as aider has them."""
    V4A = "v4a"
    """`*** Begin Patch`, as Codex's apply_patch has it."""
    UNIFIED = "unified"
    """Unified diffs; their line numbers are not relied on."""
    WHOLE = "whole"
    """Whole files in fences that a path stands above."""
    ANCHORED = "anchored"
    """Lines named by number and hash, as `anchored` shows them."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace the lines `search` by `replace`. What stands in both is context.

    `under` are lines said to stand above the place, `line` (from 1) is where the place is said to begin, `at_end` says
    that it ends the file, `final_newline` what the file's last line is to have. All four only decide between equal matches.
    """

    path: RepoPath
    search: tuple[str, ...]
    replace: tuple[str, ...]
    under: tuple[str, ...] = ()
    line: int | None = None
    at_end: bool = False
    final_newline: bool | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """Give a file these lines. `new` says that the file must not hold anything yet."""

    path: RepoPath
    lines: tuple[str, ...]
    new: bool = False


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file."""

    path: RepoPath


@dataclass(frozen=True, slots=True)
class Move:
    """Give a file another path, where nothing may be yet."""

    path: RepoPath
    to: RepoPath


@dataclass(frozen=True, slots=True)
class Anchor:
    """A line by its number (from 1) and the hash of what stands there."""

    line: int
    hash: str


@dataclass(frozen=True, slots=True)
class Anchored:
    """Replace the lines `first` to `last` by `lines`; where `last` is None, put them after `first` (None: before all)."""

    path: RepoPath
    first: Anchor | None
    last: Anchor | None
    lines: tuple[str, ...]


Edit = Replace | Whole | Remove | Move | Anchored


class How(StrEnum):
    """How a place was found; the strictest that finds any is taken."""

    EXACT = "exact"
    SPACES = "spaces"
    """Equal but for spaces at the ends of lines."""
    SHIFTED = "shifted"
    """Equal but for indentation, spaces between words, and blank lines."""
    ELIDED = "elided"
    """Equal but for lines that `...` stands for."""
    LOOSE = "loose"
    """Alike: a copied typo, another comment, a line more or less; the edited lines themselves match."""
    NAMED = "named"
    """Not searched for: a whole file, a path, an anchor."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where an edit took effect: the lines `first` to `last` (from 1) of the file as it was then.

    `score` (0 to 1) is how much of what was searched for stands there, `margin` how far the next best place lies below it.
    """

    path: RepoPath
    first: int
    last: int
    how: How
    score: float = 1.0
    margin: float = 1.0


@dataclass(frozen=True, slots=True)
class Applied:
    """A reply that took effect whole: the new content of each file that differs (None: it goes), and one place an edit."""

    files: Mapping[RepoPath, bytes | None]
    placed: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A reply of which nothing took effect. `why` is written for the model that made it: it quotes the closest real lines."""

    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The edits that a reply asks for, in its order, and the form they were written in."""

    form: Form
    edits: tuple[Edit, ...]


class Unclear(Exception):
    """Raised inside this room when an edit cannot be read or placed; its text is for the model."""
