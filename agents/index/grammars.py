"""The outline of a file in a language whose grammar is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.grammars import installed, parser
from agents.index.outline import MOST_LINES, Definition

if TYPE_CHECKING:
    from agents.grammars import Node

_HOLDERS = ("class", "struct", "enum", "interface", "trait", "impl", "module", "mod_", "namespace", "macro_definition")
_ENDS = ("_definition", "_declaration", "_item", "_specifier")
_DEEPEST = 12


class Grammars:
    """The grammars that are installed; a parser is made when its language is first met."""

    def __init__(self) -> None:
        self.languages = installed()

    def outline(self, text: str, language: str) -> tuple[Definition, ...] | None:
        """Return what a file defines, None where no grammar is installed for its language."""
        parses = parser(language)
        return _definitions(parses.parse(text.encode("utf-8")).root_node, _DEEPEST) if parses is not None else None


def _definitions(parent: Node, depth: int) -> tuple[Definition, ...]:
    found: list[Definition] = []
    for node in parent.named_children if depth else ():
        name, first, last = _name(node), node.start_point[0] + 1, node.end_point[0] + 1
        if not name:
            found += _definitions(node, depth - 1)
            continue
        # A function that fits into one chunk has nothing inside that could become another.
        whole = last - first < MOST_LINES and not any(word in node.type for word in _HOLDERS)
        found.append(Definition(name, first, last, () if whole else _definitions(node, depth - 1)))
    return tuple(found)


def _name(node: Node) -> str:
    """Return what a node defines, nothing where it is no definition."""
    kind = node.type
    if kind == "variable_declarator":
        value = node.child_by_field_name("value")
        if value is None or "function" not in value.type:
            return ""
    elif kind.endswith("_specifier"):
        # Without a body it only names a type that is defined elsewhere.
        if node.child_by_field_name("body") is None:
            return ""
    elif kind != "type_spec" and not (
        kind.endswith(_ENDS) and any(word in kind for word in ("function", "method", *_HOLDERS))
    ):
        return ""
    named = node.child_by_field_name("name") or _declared(node) or node.child_by_field_name("type")
    return named.text.decode("utf-8", "replace")[:200] if named is not None and named.text else ""


def _declared(node: Node) -> Node | None:
    """Return the name inside the declarators of C, which nest."""
    inner = node.child_by_field_name("declarator")
    while inner is not None:
        node, inner = inner, inner.child_by_field_name("declarator")
    return node if node.type.endswith(("identifier", "name")) else None
