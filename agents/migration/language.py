"""Which language a path is in, and its tree. Languages of one family have grammars so alike that a rule holds for all of them."""

from __future__ import annotations

from pathlib import PurePosixPath

from agents.grammars import SUFFIXES, installed
from agents.migration import grammar, python
from agents.migration.tree import Source
from shadowfs import RepoPath

FILE_BYTES = 512 << 10
"""Larger files are left alone: data, or made by a machine."""

_LANGUAGE = {suffix: language for language, suffixes in SUFFIXES.items() for suffix in suffixes}
_FAMILY = {"typescript": "javascript", "tsx": "javascript", "cpp": "c"}


def language_of(path: RepoPath) -> str | None:
    """Return the language that a path's name says, None for one that has no grammar here."""
    suffix = PurePosixPath(path).suffix[1:].casefold()
    return "python" if suffix in ("py", "pyi") else _LANGUAGE.get(suffix)


def family_of(path: RepoPath) -> str | None:
    """Return the family of a path's language."""
    language = language_of(path)
    return _FAMILY.get(language, language) if language else None


def readable(path: RepoPath) -> bool:
    """Say whether files with this name can be parsed here."""
    language = language_of(path)
    return language == "python" or language in installed()


def read(path: RepoPath, data: bytes) -> Source | str:
    """Return a file's tree, or why there is none."""
    language = language_of(path)
    if language is None:
        return "its language has no grammar here"
    if not readable(path):
        return f"the grammar for {language} is not installed (pip install 'nightcrew[grammars]')"
    if len(data) > FILE_BYTES:
        return f"it has {len(data):,} bytes, more than are read"
    if b"\0" in data:
        return "it is binary"
    root = python.parse(data) if language == "python" else grammar.parse(data, language)
    return "it does not parse" if root is None else Source(path, data, root, _FAMILY.get(language, language))
