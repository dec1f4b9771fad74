"""Names: another name in scope, a missing or superfluous `self.`, a name that does not exist."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.index import BUILTINS, own_nodes
from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site, similar
from agents.repair.source import Splice

_MOST = 14


@repair(
    "another name in scope",
    ast.Name,
    examples=(
        ("def f(a, b):\n    return a\n", "def f(a, b):\n    return b\n"),
        ("LOW = 1\nHIGH = 2\nx = LOW\n", "LOW = 1\nHIGH = 2\nx = HIGH\n"),
        ("def f(a):\n    b = 1\n    a = 2\n", "def f(a):\n    a = 1\n    a = 2\n"),
    ),
)
def another_name(site: Site, node: ast.Name) -> Iterator[Rewrite]:
    """Replace a name by another one that is in scope."""
    ranked: list[tuple[float, str]] = []
    called = _is_called(site, node)
    for name, near in site.names().items():
        if name == node.id or name in ("self", "cls", "_") or name.startswith("__"):
            continue
        callable_ = name in site.index.functions or name in site.index.classes or name in site.index.called
        near *= 0.35 + 0.65 * similar(name, node.id)
        ranked.append((near if called == callable_ else near * 0.3, name))
    ranked.sort(key=lambda each: (-each[0], each[1]))
    stored = not isinstance(node.ctx, ast.Load)
    for near, name in ranked[:_MOST]:
        yield site.splice(*site.source.span(node), name, near * (0.5 if stored else 1.0))


def _is_called(site: Site, node: ast.AST) -> bool:
    parent = site.parent(node)
    return isinstance(parent, ast.Call) and parent.func is node


@repair(
    "self",
    ast.Name,
    ast.Attribute,
    examples=(
        (
            "class A:\n    def f(self, x):\n        self.x = x\n        return x\n",
            "class A:\n    def f(self, x):\n        self.x = x\n        return self.x\n",
        ),
        (
            "class A:\n    def f(self, x):\n        self.x = x\n        return self.x\n",
            "class A:\n    def f(self, x):\n        self.x = x\n        return x\n",
        ),
    ),
)
def self_attribute(site: Site, node: ast.Name | ast.Attribute) -> Iterator[Rewrite]:
    """Read an attribute of `self` instead of a local name, and the other way round."""
    if isinstance(node, ast.Name):
        if "self" in site.scope.arguments and node.id in site.members():
            yield site.splice(*site.source.span(node), f"self.{node.id}")
    elif isinstance(node.value, ast.Name) and node.value.id == "self" and node.attr in site.names():
        yield site.splice(*site.source.span(node), node.attr, 0.6)


@repair(
    "name that does not exist",
    ast.Name,
    examples=(
        ("def f(value):\n    return valu\n", "def f(value):\n    return value\n"),
        ("x = lenn(y)\n", "x = len(y)\n"),
        (
            "def f(items):\n    a = itms[0]\n    return itms\n",
            "def f(items):\n    a = items[0]\n    return items\n",
        ),
    ),
)
def unknown_name(site: Site, node: ast.Name) -> Iterator[Rewrite]:
    """Replace a name that is bound nowhere by the nearest one that is, wherever the function uses it."""
    if site.known(node.id) or not isinstance(node.ctx, ast.Load):
        return
    owner = site.function or site.source.tree
    uses = [each for each in own_nodes(owner) if isinstance(each, ast.Name) and each.id == node.id]
    names = site.names() | {name: 0.3 for name in sorted(BUILTINS) if name not in site.index.bound}
    ranked = sorted(((near * similar(name, node.id) ** 2, name) for name, near in names.items()), reverse=True)
    spans = [site.source.span(each) for each in uses] or [site.source.span(node)]
    for near, name in ranked[:_MOST]:
        yield Rewrite(tuple(Splice(start, end, name) for start, end in spans), near)


@repair(
    "name wrong throughout",
    ast.Name,
    examples=(
        (
            "def f(a, b, c):\n    x = b\n    return b + c\n",
            "def f(a, b, c):\n    x = a\n    return a + c\n",
        ),
    ),
)
def name_throughout(site: Site, node: ast.Name) -> Iterator[Rewrite]:
    """Replace every use of a name in the function by another one; offered once, at its first use."""
    if site.function is None or not isinstance(node.ctx, ast.Load):
        return
    uses = [
        each
        for each in site.scope.nodes
        if isinstance(each, ast.Name) and each.id == node.id and isinstance(each.ctx, ast.Load)
    ]
    if not 2 <= len(uses) <= 8 or uses[0] is not node:
        return
    spans = [site.source.span(each) for each in uses]
    for name, near in site.names().items():
        if name not in (node.id, "self", "cls") and near >= 0.5:
            near *= 0.35 + 0.65 * similar(name, node.id)
            yield Rewrite(tuple(Splice(start, end, name) for start, end in spans), near)


TABLE = (another_name, self_attribute, unknown_name, name_throughout)
