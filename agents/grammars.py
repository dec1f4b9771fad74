"""Tree-sitter and its grammars, as far as they are installed: the one module that imports them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

    __all__ = ["SUFFIXES", "Node", "Parser", "installed", "parser"]

SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "javascript": ("js", "jsx", "mjs", "cjs"),
    "typescript": ("ts", "mts", "cts"),
    "tsx": ("tsx",),
    "go": ("go",),
    "rust": ("rs",),
    "java": ("java",),
    "c": ("c", "h"),
    "cpp": ("cc", "cpp", "cxx", "hh", "hpp", "hxx"),
}
"""The languages that there is a grammar for, and how the names of their files end."""
_GRAMMARS = {
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
}


@cache
def installed() -> frozenset[str]:
    """Return the languages whose grammars are installed."""
    there = find_spec("tree_sitter") is not None
    return frozenset(name for name, (package, _) in _GRAMMARS.items() if there and find_spec(package))


@cache
def parser(language: str) -> Parser | None:
    """Return the parser of a language, None where its grammar is not installed."""
    if language not in installed():
        return None
    from tree_sitter import Language, Parser

    package, function = _GRAMMARS[language]
    return Parser(Language(getattr(import_module(package), function)()))
