"""Syntax trees of one shape for all languages: nodes over byte ranges, tokens as leaves. Comments and layout are not in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

DEEPEST = 120
"""Nodes below this depth are leaves: hostile text nests as deep as its author likes."""

CALLS = frozenset(
    {"Call", "call_expression", "method_invocation", "new_expression", "object_creation_expression", "macro_invocation"}
)
MEMBERS = frozenset(
    {
        "Attribute",
        "member_expression",
        "selector_expression",
        "field_expression",
        "field_access",
        "scoped_identifier",
        "qualified_identifier",
    }
)
GROUPS = frozenset({"()", "[]", "{}", "names", "arguments", "argument_list", "token_tree"})
"""Nodes that hold several things side by side, in brackets or after `import`."""
IMPORTS = frozenset(
    {
        "ImportFrom",
        "Import",
        "import_statement",
        "import_declaration",
        "import_spec",
        "use_declaration",
        "preproc_include",
    }
)
NAMES = frozenset({"Name", "identifier"})
"""Names that stand for themselves, and are no members."""
SPREADS = frozenset({"Starred", "spread_element", "variadic_argument"})
PARTS = frozenset({"keyword", "keyword_argument", "pair", "field_initializer", "keyed_element", *SPREADS})
"""What stands in a group and is no expression by itself."""
_CLOSING = frozenset(")]}>")


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A node over the bytes `start` to `end`; a leaf has `text` and no children. `word` says that it is a name or a literal.

    `digest` is equal for equal trees, whatever their layout, within one process.
    """

    kind: str
    start: int
    end: int
    children: tuple[Node, ...] = ()
    text: str = ""
    word: bool = False
    statement: bool = False
    digest: int = field(init=False)

    def __post_init__(self) -> None:
        below = tuple(child.digest for child in self.children)
        object.__setattr__(self, "digest", hash((self.kind, self.text, below)))

    @property
    def name(self) -> str:
        """Return the identifier that this leaf is, "" where it is none."""
        return self.text if self.word and self.text.isidentifier() else ""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A file's bytes and its syntax tree."""

    path: str
    data: bytes
    root: Node
    family: str

    def text(self, start: int, end: int) -> str:
        """Return what stands between two places."""
        return self.data[start:end].decode("utf-8", "surrogateescape")

    def line(self, at: int) -> int:
        """Return the line (from 1) of a place."""
        return self.data.count(b"\n", 0, at) + 1

    def indentation(self, at: int) -> str:
        """Return the white space that the line of a place begins with."""
        line = self.text(self.data.rfind(b"\n", 0, at) + 1, at)
        return line[: len(line) - len(line.lstrip(" \t"))]

    @property
    def newline(self) -> str:
        """Return how its lines end."""
        first = self.data.find(b"\n")
        return "\r\n" if first > 0 and self.data[first - 1 : first] == b"\r" else "\n"


def inner(kind: str, start: int, end: int, children: Sequence[Node], statement: bool = False) -> Node:
    """Return a node with children; a comma before the closing bracket is left out, since it means nothing."""
    kept = tuple(children)
    if len(kept) > 2 and kept[-2].text == "," and kept[-1].text in _CLOSING:
        kept = (*kept[:-2], kept[-1])
    return Node(kind, start, end, kept, statement=statement)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, outer ones first, in the order of the text."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(reversed(found.children))


def names(nodes: Sequence[Node]) -> set[str]:
    """Return the identifiers in nodes."""
    return {leaf.name for node in nodes for leaf in walk(node) if leaf.name}
