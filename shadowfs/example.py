"""Examples: what a commit of the user's changed, as texts, so that later history takes nothing of it away. The repository is only read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shadowfs import git, worktree
from shadowfs.change import RepoPath
from shadowfs.errors import DepotError, UnknownCommit
from shadowfs.secrets import hiding

MOST_FILES = 500
FILE_BYTES = 512 << 10
WHOLE_BYTES = 4 << 20
_FILES = (b"100644", b"100755")


@dataclass(frozen=True, slots=True)
class ExampleFile:
    """A file before and after an example's change; None where it is not there."""

    path: RepoPath
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class Example:
    """A change to learn from, under a name to tell of it; `notes` say what of it was left out."""

    name: str
    files: tuple[ExampleFile, ...]
    notes: tuple[str, ...] = ()


def commit_example(
    repository: Path, rev: str, secret_patterns: tuple[str, ...] = (), environ: Mapping[str, str] | None = None
) -> Example:
    """Return what a commit changes against its first parent, files that may hold secrets, links and large ones left out.

    Raises `UnknownCommit` where `rev` names no commit, or one whose files are not here.
    """
    source = worktree.find(repository, environ or {})
    git_dir = source.git_dir
    try:
        args = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}"]
        commit = git.run(args, git_dir=git_dir).decode().strip()
        raw = git.run(
            [
                "diff-tree",
                "--root",
                "-m",
                "--first-parent",
                "-r",
                "-z",
                "--raw",
                "--no-renames",
                "--no-abbrev",
                "--no-commit-id",
                commit,
            ],
            git_dir=git_dir,
        )
        subject = git.run(["log", "-1", "--no-show-signature", "--format=%s", commit], git_dir=git_dir)
    except DepotError as error:
        raise UnknownCommit(
            f"{rev!r} names no commit of {repository} that can be read: `git log --oneline` shows what there is ({error})"
        ) from error
    files, notes = _files(git_dir, raw, secret_patterns)
    title = subject.decode("utf-8", "replace").strip()[:60]
    return Example(f"{commit[:10]} ({title})" if title else commit[:10], files, notes)


def _files(
    git_dir: Path, raw: bytes, secret_patterns: tuple[str, ...]
) -> tuple[tuple[ExampleFile, ...], tuple[str, ...]]:
    hidden = hiding(secret_patterns)
    fields = raw.split(b"\0")[:-1]
    files: list[ExampleFile] = []
    notes: list[str] = []
    total = 0
    for meta, path in zip(fields[::2], fields[1::2], strict=True):
        name = os.fsdecode(path)
        modes, blobs = meta.lstrip(b":").split(b" ")[:2], meta.split(b" ")[2:4]
        if hidden(path, True):
            notes.append(f"{name} may hold secrets")
        elif any(mode not in (*_FILES, b"000000") for mode in modes):
            notes.append(f"{name} is no plain file")
        elif len(files) >= MOST_FILES or total > WHOLE_BYTES:
            notes.append(f"{name}: what came before it is as much as is read")
        else:
            sides = [
                None if mode == b"000000" else _blob(git_dir, blob) for mode, blob in zip(modes, blobs, strict=True)
            ]
            sizes = sum(len(side or b"") for side in sides)
            if max(len(side or b"") for side in sides) > FILE_BYTES or any(b"\0" in (side or b"") for side in sides):
                notes.append(f"{name} is binary or larger than {FILE_BYTES >> 10} KB")
                continue
            total += sizes
            files.append(ExampleFile(name, *sides))
    return tuple(files), tuple(notes)


def _blob(git_dir: Path, blob: bytes) -> bytes:
    try:
        return git.run(["cat-file", "blob", blob], git_dir=git_dir)
    except DepotError as error:
        raise UnknownCommit(
            f"the file {blob.decode()[:10]} of the commit is not here: fetch it first ({error})"
        ) from error
