"""Examples of a ticket: commits and diffs that somebody names, read once, so that later changes of history take nothing away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.errors import OrderRefused
from shadowfs import Example, RepoPath, UnknownCommit, commit_example

MIGRATE = "migrate"
"""The agent that works by examples, and needs no model."""
MOST = 20
DIFF_BYTES = 4 << 20


def read_examples(
    repository: Path, words: Sequence[str], hidden: tuple[str, ...], environ: Mapping[str, str], directory: Path
) -> tuple[Example, ...]:
    """Return the examples that words name: a diff where one is a file (relative to `directory`), else a commit of the repository.

    The repository is only read. Files that match the patterns `hidden`, or may hold secrets, are left out. Raises `OrderRefused`.
    """
    if len(words) > MOST:
        raise OrderRefused(f"{len(words)} examples are more than {MOST}: name those that show it best")
    return tuple(_example(repository, word, hidden, environ, directory) for word in words)


def _example(
    repository: Path, word: str, hidden: tuple[str, ...], environ: Mapping[str, str], directory: Path
) -> Example:
    try:
        if (directory / word).is_file():
            return _diff(repository, word, directory / word, hidden)
        example = commit_example(repository, word, hidden, environ)
    except (UnknownCommit, ValueError, OSError) as error:
        raise OrderRefused(f"--like {word}: {error}") from error
    if not example.files:
        why = f" ({example.notes[0]})" if example.notes else ""
        raise OrderRefused(f"--like {word} changes no file that can be learnt from{why}: name another commit")
    return example


def _diff(repository: Path, name: str, file: Path, hidden: tuple[str, ...]) -> Example:
    from agents import diff_example
    from shadowfs import hiding

    if file.stat().st_size > DIFF_BYTES:
        raise ValueError(f"it has more than {DIFF_BYTES >> 20} MB: give the part that shows what to do")
    secret = hiding(hidden)

    def read(path: RepoPath) -> bytes | None:
        # A diff may come from anywhere, and name what it likes.
        inside = (repository / path).resolve()
        if secret(path.encode("utf-8", "surrogateescape"), True) or not inside.is_relative_to(repository.resolve()):
            return None
        return inside.read_bytes() if inside.is_file() and not (repository / path).is_symlink() else None

    return diff_example(name, file.read_text("utf-8", "replace"), read)


def titled(examples: Sequence[Example]) -> str:
    """Return the text of a ticket that says nothing but its examples."""
    return "Do to the rest what these do to theirs: " + ", ".join(example.name for example in examples)
