"""Where an operator works: one statement of one module, and the rewrites that can be made of its nodes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agents.repair.index import BUILTINS, Block, Function, Index, Scope
from agents.repair.source import Source, Splice, parse

_ATOMS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.List, ast.Dict, ast.Set, ast.Constant, ast.JoinedStr)
_LOOSE = (ast.stmt, ast.keyword, ast.List, ast.Tuple, ast.Set, ast.Dict, ast.Slice, ast.ExceptHandler, ast.arguments)
_GROUPING = (ast.BinOp, ast.BoolOp, ast.Compare, ast.UnaryOp, ast.IfExp, ast.Call, ast.List, ast.Tuple, ast.Set)


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What an operator makes of a node: splices, how close it is to what is there (0 to 1), and what smells of overfitting."""

    splices: tuple[Splice, ...]
    closeness: float = 1.0
    smells: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Site:
    """One statement (or except clause) of a module."""

    source: Source
    index: Index
    block: Block

    @property
    def function(self) -> Function | None:
        """The innermost function around the statement; the function itself where the statement defines one."""
        return self.block if isinstance(self.block, Function) else self.index.function_of(self.block)

    @property
    def scope(self) -> Scope:
        """The scope of that function, else of the module."""
        return self.index.scope(self.function or self.source.tree)

    def names(self) -> dict[str, float]:
        """Return the names in scope, nearest first, with their closeness by place: local, enclosing, module, built in."""
        found: dict[str, float] = {}
        for above in (self.block, *self.index.up(self.block)):
            if isinstance(above, Function):
                near = 0.8 if above is self.function else 0.5
                found |= {name: near for name in self.index.scope(above).names if name not in found}
        return found | {name: 0.35 for name in self.index.module_names if name not in found}

    def members(self) -> frozenset[str]:
        """Return the attributes of the class around the statement."""
        owner = self.index.class_of(self.block)
        return self.index.members(owner) if owner else frozenset()

    def known(self, name: str) -> bool:
        """Say whether a name is bound anywhere in the module or built in."""
        return name in self.index.bound or name in BUILTINS or self.index.star_import or name.startswith("__")

    def parent(self, node: ast.AST) -> ast.AST | None:
        return self.index.parents.get(node)

    def text(self, node: ast.AST) -> str:
        return self.source.text(node)

    def outer(self, node: ast.AST) -> tuple[int, int]:
        """Return a node's span with the parentheses that group it."""
        start, end = self.source.span(node)
        parent = self.parent(node)
        if not isinstance(parent, _GROUPING):
            return start, end
        low, high = self.source.span(parent)
        high -= isinstance(parent, ast.Call)
        utf8 = self.source.utf8
        while True:
            left = len(utf8[low:start].rstrip()) + low
            right = end + len(utf8[end:high]) - len(utf8[end:high].lstrip())
            if left <= low and utf8[low : low + 1] != b"(":
                return start, end
            if utf8[left - 1 : left] != b"(" or utf8[right : right + 1] != b")" or right >= high or left <= low:
                return start, end
            start, end = left - 1, right + 1

    def outer_text(self, node: ast.AST) -> str:
        start, end = self.outer(node)
        return self.source.utf8[start:end].decode()

    def splice(self, start: int, end: int, text: str, closeness: float = 1.0, *smells: str) -> Rewrite:
        """Return the rewrite that replaces some bytes."""
        return Rewrite((Splice(start, end, text),), closeness, frozenset(smells))

    def replace(self, node: ast.AST, text: str, closeness: float = 1.0, *smells: str) -> Rewrite:
        """Return the rewrite that puts an expression in a node's place, in parentheses where its place asks for them."""
        start, end = self.source.span(node)
        return self.splice(start, end, text if self._fits(node, text) else f"({text})", closeness, *smells)

    def insert(self, statement: str, closeness: float = 1.0, *smells: str) -> Rewrite | None:
        """Return the rewrite that puts a statement before this one; None where this one does not start its line."""
        start, _ = self.source.span(self.block)
        indent = self.source.indent_at(start)
        if indent is None or self.source.utf8.startswith(b"elif", start) or getattr(self.block, "decorator_list", None):
            return None
        text = statement.replace("\n", self.source.newline + indent)
        return self.splice(start, start, text + self.source.newline + indent, closeness, *smells)

    def _fits(self, node: ast.AST, text: str) -> bool:
        parent = self.parent(node)
        if isinstance(parent, _LOOSE) or (isinstance(parent, ast.Call) and node is not parent.func):
            return True
        if isinstance(parent, ast.Subscript) and node is parent.slice:
            return True
        # Parentheses are never wrong; they are spared only where a look at the text is cheap.
        tree = parse(text) if len(text) < 200 else None
        return tree is not None and len(tree.body) == 1 and isinstance(getattr(tree.body[0], "value", None), _ATOMS)


@dataclass(frozen=True, slots=True)
class Operator:
    """One kind of repair: its name, its prior weight, the nodes it looks at, its rewrites, and examples of before and after."""

    name: str
    weight: float
    on: tuple[type[ast.AST], ...]
    rewrites: Callable[[Site, Any], Iterator[Rewrite]]
    examples: tuple[tuple[str, str], ...]


def operator(
    name: str, weight: float, *on: type[ast.AST], examples: tuple[tuple[str, str], ...]
) -> Callable[[Callable[[Site, Any], Iterator[Rewrite]]], Operator]:
    """Make a generator of rewrites an operator."""
    return lambda rewrites: Operator(name, weight, on, rewrites, examples)


def similar(one: str, other: str) -> float:
    """Return how alike two identifiers look, 0 to 1: the share of the longer that common beginning and end make up."""
    shorter = min(len(one), len(other))
    head = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    tail = next((at for at in range(shorter - head) if one[-1 - at] != other[-1 - at]), shorter - head)
    return (head + tail) / max(len(one), len(other), 1)


def alike(one: str, other: str) -> float:
    """Return how alike two identifiers look, where transposed letters are hardly a difference."""
    return 0.95 if sorted(one) == sorted(other) else similar(one, other)


def header_nodes(block: Block) -> Iterator[ast.AST]:
    """Yield the statement and the nodes of its own expressions, in source order, without nested statements."""
    waiting: list[ast.AST] = [block]
    while waiting:
        node = waiting.pop()
        yield node
        children = [] if isinstance(node, ast.JoinedStr) else list(ast.iter_child_nodes(node))
        waiting.extend(
            each for each in reversed(children) if not isinstance(each, ast.stmt | ast.ExceptHandler | ast.match_case)
        )
