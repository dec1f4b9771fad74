"""Does a file parse, and if not, where? Asked of tree-sitter, for the languages whose grammars are installed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from shadowfs import RepoPath

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_C = ("tree_sitter_c", "language")
_CPP = ("tree_sitter_cpp", "language")
_GO = ("tree_sitter_go", "language")
_JAVA = ("tree_sitter_java", "language")
_JAVASCRIPT = ("tree_sitter_javascript", "language")
_RUST = ("tree_sitter_rust", "language")
_TSX = ("tree_sitter_typescript", "language_tsx")
_TYPESCRIPT = ("tree_sitter_typescript", "language_typescript")
GRAMMARS = {
    **dict.fromkeys(("c", "h"), _C),
    **dict.fromkeys(("cc", "cpp", "cxx", "hpp"), _CPP),
    "go": _GO,
    "java": _JAVA,
    **dict.fromkeys(("js", "cjs", "mjs", "jsx"), _JAVASCRIPT),
    "rs": _RUST,
    "tsx": _TSX,
    **dict.fromkeys(("ts", "cts", "mts"), _TYPESCRIPT),
}
"""Suffixes, and the package and function of the grammar they are parsed with."""


def broken_at(path: RepoPath, data: bytes) -> int | None:
    """Return the line (from 1) of the first syntax error; None where there is none, or no grammar is installed."""
    grammar = GRAMMARS.get(PurePosixPath(path).suffix[1:].casefold())
    parser = _parser(*grammar) if grammar else None
    root = parser.parse(data).root_node if parser else None
    return _first_error(root) if root is not None and root.has_error else None


@cache
def _parser(package: str, function: str) -> Parser | None:
    try:
        from tree_sitter import Language, Parser

        return Parser(Language(getattr(import_module(package), function)()))
    except ImportError:
        return None


def _first_error(node: Node) -> int:
    while not (node.is_error or node.is_missing):
        inner = next((child for child in node.children if child.has_error or child.is_missing), None)
        if inner is None:
            break
        node = inner
    return node.start_point[0] + 1
