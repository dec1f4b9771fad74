"""The tree of a file in a language whose grammar is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.grammars import parser
from agents.migration.tree import DEEPEST, IMPORTS, inner
from agents.migration.tree import Node as Tree

if TYPE_CHECKING:
    from agents.grammars import Node

_STRINGS = frozenset(
    {
        "string",
        "string_literal",
        "raw_string_literal",
        "interpreted_string_literal",
        "char_literal",
        "character_literal",
        "rune_literal",
        "system_lib_string",
        "regex",
    }
)
_STATEMENTS = ("_statement", "_declaration", "_item", "_definition")


def parse(data: bytes, language: str) -> Tree | None:
    """Return the tree of a file; None where it does not parse, or no grammar is installed for its language."""
    parses = parser(language)
    root = parses.parse(data).root_node if parses else None
    if root is None or root.has_error:
        return None
    return _tree(root, data, 0)


def _tree(node: Node, data: bytes, depth: int) -> Tree:
    kind = node.type
    children = [] if kind in _STRINGS or depth >= DEEPEST else [each for each in node.children if not _silent(each)]
    start, end = (0, len(data)) if depth == 0 else (node.start_byte, node.end_byte)
    statement = node.is_named and (kind.endswith(_STATEMENTS) or kind in IMPORTS)
    if children:
        return inner(kind, start, end, [_tree(child, data, depth + 1) for child in children], statement)
    text = data[start:end].decode("utf-8", "surrogateescape")
    # What the grammar gives no name is a keyword or an operator; some keywords name values.
    word = node.is_named or text in ("null", "undefined", "nullptr")
    return Tree(kind, start, end, text=text, word=word and not statement, statement=statement)


def _silent(node: Node) -> bool:
    # Comments, and the line ends that some grammars make tokens of.
    return node.type.endswith("comment") or (not node.is_named and not node.type.strip())
