"""What a module's names are: bound where, called how, with which attributes. The operators' ingredients come from here."""

from __future__ import annotations

import ast
import builtins
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef
Block = ast.stmt | ast.ExceptHandler
BUILTINS = frozenset(name for name in dir(builtins) if not name.startswith("_"))
_MOST = 250


@dataclass(frozen=True, slots=True)
class Scope:
    """One function's (or the module's) own names in order of binding, its literals, expressions and simple statements."""

    names: tuple[str, ...]
    arguments: frozenset[str]
    numbers: tuple[str, ...]
    returns: tuple[ast.expr, ...]
    expressions: tuple[ast.expr, ...]
    statements: tuple[ast.stmt, ...]
    nodes: tuple[ast.AST, ...]


@dataclass(slots=True)
class Index:
    """Names, calls and attributes of one module; scopes are worked out when first asked for."""

    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    bound: set[str] = field(default_factory=set)
    star_import: bool = False
    imports: dict[str, str] = field(default_factory=dict)
    functions: dict[str, list[Function]] = field(default_factory=lambda: defaultdict(list))
    classes: dict[str, ast.ClassDef] = field(default_factory=dict)
    called: Counter[str] = field(default_factory=Counter)
    attributes: Counter[str] = field(default_factory=Counter)
    attributes_of: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    keywords_of: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    strings: Counter[str] = field(default_factory=Counter)
    exceptions: Counter[str] = field(default_factory=Counter)
    module_names: list[str] = field(default_factory=list)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    class_attributes: dict[ast.ClassDef, frozenset[str]] = field(default_factory=dict)

    def up(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield a node's ancestors, the nearest first."""
        while (above := self.parents.get(node)) is not None:
            yield above
            node = above

    def function_of(self, node: ast.AST) -> Function | None:
        """Return the innermost function around a node."""
        return next((above for above in self.up(node) if isinstance(above, Function)), None)

    def class_of(self, node: ast.AST) -> ast.ClassDef | None:
        """Return the innermost class around a node."""
        return next((above for above in self.up(node) if isinstance(above, ast.ClassDef)), None)

    def scope(self, owner: ast.AST) -> Scope:
        """Return the scope of a function or module."""
        if owner not in self.scopes:
            self.scopes[owner] = _scope(owner)
        return self.scopes[owner]

    def members(self, owner: ast.ClassDef) -> frozenset[str]:
        """Return the names of a class's methods and of the attributes its methods use on their first argument."""
        if owner not in self.class_attributes:
            own = {node.attr for node in ast.walk(owner) if isinstance(node, ast.Attribute) and _is_self(node.value)}
            own |= {stmt.name for stmt in owner.body if isinstance(stmt, Function)}
            self.class_attributes[owner] = frozenset(own)
        return self.class_attributes[owner]


def build_index(tree: ast.Module) -> Index:
    """Walk a module once."""
    index = Index()
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            index.parents[child] = node
        if isinstance(node, Block):
            index.blocks.append(node)
        _note_binding(index, node)
        _note_use(index, node)
    index.module_names = list(_scope(tree).names)
    return index


def bound_by(node: ast.AST) -> tuple[str, ...]:
    """Return the names that a node binds in its scope."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return (node.id,)
    if isinstance(node, ast.arg):
        return (node.arg,)
    if isinstance(node, Function | ast.ClassDef):
        return (node.name,)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return tuple(alias.asname or alias.name.split(".")[0] for alias in node.names)
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return (node.name,)
    if isinstance(node, ast.MatchMapping) and node.rest:
        return (node.rest,)
    return tuple(node.names) if isinstance(node, ast.Global | ast.Nonlocal) else ()


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a chain of names, else the empty string."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else ""


def callee(node: ast.Call) -> str:
    """Return the last name of what is called, else the empty string."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _note_binding(index: Index, node: ast.AST) -> None:
    index.bound.update(bound_by(node))
    if isinstance(node, Function):
        index.functions[node.name].append(node)
        index.attributes[node.name] += 1
    elif isinstance(node, ast.ClassDef):
        index.classes[node.name] = node
    elif isinstance(node, ast.Import):
        index.imports.update({alias.asname or alias.name: alias.name for alias in node.names})
    elif isinstance(node, ast.ImportFrom) and not node.level:
        index.star_import |= any(alias.name == "*" for alias in node.names)
        index.imports.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})


def _note_use(index: Index, node: ast.AST) -> None:
    if isinstance(node, ast.Attribute):
        index.attributes[node.attr] += 1
        if base := dotted(node.value):
            index.attributes_of[base][node.attr] += 1
    elif isinstance(node, ast.Call) and (name := callee(node)):
        index.called[name] += 1
        index.keywords_of[name].update(keyword.arg for keyword in node.keywords if keyword.arg)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        index.strings[node.value] += 1
    elif isinstance(node, ast.ExceptHandler | ast.Raise):
        kind = node.type if isinstance(node, ast.ExceptHandler) else node.exc
        index.exceptions.update(
            each.id for each in ast.walk(kind or node) if isinstance(each, ast.Name) and each.id[:1].isupper()
        )


def own_nodes(owner: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or module in source order, without what lies inside nested functions and classes."""
    waiting = list(reversed(list(ast.iter_child_nodes(owner))))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.ClassDef | ast.Lambda):
            waiting.extend(reversed(list(ast.iter_child_nodes(node))))


def _scope(owner: ast.AST) -> Scope:
    nodes = tuple(own_nodes(owner))
    names = dict.fromkeys(name for node in nodes for name in bound_by(node))
    arguments = frozenset(node.arg for node in nodes if isinstance(node, ast.arg))
    numbers = dict.fromkeys(repr(node.value) for node in nodes if isinstance(node, ast.Constant) and _number(node))
    returns = tuple(node.value for node in nodes if isinstance(node, ast.Return) and node.value is not None)
    kinds = (ast.Call, ast.Attribute, ast.Subscript, ast.BinOp, ast.Compare, ast.BoolOp)
    expressions = tuple(node for node in nodes if isinstance(node, kinds) and _loaded(node))
    simple = (ast.Assign, ast.AugAssign, ast.Expr, ast.Return, ast.Raise, ast.Break, ast.Continue)
    statements = tuple(node for node in nodes if isinstance(node, simple))
    return Scope(tuple(names), arguments, tuple(numbers), returns, expressions[:_MOST], statements[:_MOST], nodes)


def _number(node: ast.Constant) -> bool:
    return isinstance(node.value, int | float) and not isinstance(node.value, bool)


def _loaded(node: ast.expr) -> bool:
    return isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load)
