"""Does a file parse, and if not, where? Asked of tree-sitter, for the languages whose grammars are installed."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from agents.grammars import SUFFIXES, parser
from shadowfs import RepoPath

if TYPE_CHECKING:
    from agents.grammars import Node

_LANGUAGE = {suffix: language for language, suffixes in SUFFIXES.items() for suffix in suffixes}


def broken_at(path: RepoPath, data: bytes) -> int | None:
    """Return the line (from 1) of the first syntax error; None where there is none, or no grammar is installed."""
    language = _LANGUAGE.get(PurePosixPath(path).suffix[1:].casefold())
    parses = parser(language) if language else None
    root = parses.parse(data).root_node if parses else None
    return _first_error(root) if root is not None and root.has_error else None


def _first_error(node: Node) -> int:
    while not (node.is_error or node.is_missing):
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            break
        node = inner
    return node.start_point[0] + 1
