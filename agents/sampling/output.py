"""What tests print, in whatever language: the lines of it that tell how they fail, and the files of the tree that it names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from pathlib import Path

from agents.agent import Workspace
from agents.index import Frame, frames
from agents.wording import plain
from shadowfs import RepoPath

OUTPUT_CHARACTERS = 40_000
"""Of what a command prints the end counts, so much of it."""
_LINE = 300
_NEAR = 2
_TELLS = re.compile(
    r"error|fail|not ok|expect|actual|assert|panic|exception|\b(?:got|want|left|right)\b|\w\.\w{1,5}[:(]\d", re.I
)
_TYPESCRIPT = re.compile(r"\((\d{1,7}),\d{1,7}\)")
"""How its compiler writes a place, behind the path."""


def telling(output: str, most: int = 3_000) -> str:
    """Return the lines that say how tests fail, with those near them, each once; the end of the output where none does."""
    lines = [line[:_LINE].rstrip() for line in plain(output[-OUTPUT_CHARACTERS:]).split("\n")]
    marks = [at for at, line in enumerate(lines) if _TELLS.search(line)]
    near = sorted({at for mark in marks for at in range(max(0, mark - _NEAR), min(len(lines), mark + _NEAR + 1))})
    kept = dict.fromkeys(lines[at] for at in near if lines[at])
    return "\n".join(kept)[:most] if kept else "\n".join(lines)[-most:].strip()


def named(output: str, workspace: Workspace, cwd: str = ".") -> list[tuple[RepoPath, int]]:
    """Return the path and line of each place in a file of the tree that output names, the deepest of a traceback first."""
    paths = frozenset(workspace.paths())
    found = frames(_TYPESCRIPT.sub(r":\1", output[-OUTPUT_CHARACTERS:]))
    named = ((_in_tree(frame, workspace.root, cwd, paths), frame.line) for frame in reversed(found))
    return list(dict.fromkeys((path, line) for path, line in named if path is not None))


def _in_tree(frame: Frame, root: Path, cwd: str, paths: Collection[RepoPath]) -> RepoPath | None:
    """Return the file of the tree that a frame names; None for what lies outside, and where several could be meant."""
    plain = posixpath.normpath(re.sub("^/+", "/", frame.path))
    if plain.startswith("/"):
        inside = plain.removeprefix(f"{root}/")
        return inside if inside in paths else None
    for path in (posixpath.normpath(posixpath.join(cwd, plain)), plain):
        if path in paths:
            return path
    # Compilers and runners that change the directory name files from there on; "../" leads out of what is known.
    fits = [path for path in paths if path.endswith(f"/{plain}")]
    return fits[0] if len(fits) == 1 else None
