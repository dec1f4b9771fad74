"""Makers of bugs that no repair operator is by itself: what some repairs insert, taken away."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.index import Block
from agents.repair.site import Operator, Rewrite, Site, operator

_SIMPLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Delete, ast.Return, ast.Break, ast.Continue)


@operator(
    "statement deleted",
    0.5,
    *_SIMPLE,
    examples=(
        ("def f(a):\n    g(a)\n    g(a)\n    return a\n", "def f(a):\n    g(a)\n    return a\n"),
        ("def f(a):\n    a += 1  # why\n    return a\n", "def f(a):\n    return a\n"),
    ),
)
def deleted_statement(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Delete a statement, its line with it."""
    if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        yield from _without(site, node)


@operator(
    "guard deleted",
    0.6,
    ast.If,
    examples=(
        ("def f(x):\n    if not x:\n        return None\n    return x[0]\n", "def f(x):\n    return x[0]\n"),
        ("for x in y:\n    if not x:\n        continue\n    print(x.a)\n", "for x in y:\n    print(x.a)\n"),
    ),
)
def deleted_guard(site: Site, node: ast.If) -> Iterator[Rewrite]:
    """Delete an early exit."""
    if not node.orelse and len(node.body) == 1 and isinstance(node.body[0], ast.Return | ast.Continue | ast.Break):
        yield from _without(site, node)


@operator(
    "condition deleted",
    0.4,
    ast.If,
    examples=(("def f(x):\n    if x:\n        x.close()\n", "def f(x):\n    x.close()\n"),),
)
def deleted_condition(site: Site, node: ast.If) -> Iterator[Rewrite]:
    """Run a statement always that ran under a condition."""
    start = site.source.span(node)[0]
    alone = site.source.indent_at(start) is not None and not site.source.utf8.startswith(b"elif", start)
    if alone and not node.orelse and len(node.body) == 1:
        yield site.splice(start, site.source.span(node.body[0])[0], "")


@operator(
    "return deleted",
    0.4,
    ast.Return,
    examples=(("def f(x):\n    return g(x)\n", "def f(x):\n    g(x)\n"),),
)
def deleted_return(site: Site, node: ast.Return) -> Iterator[Rewrite]:
    """Work a value out and forget to return it."""
    if isinstance(node.value, ast.Call):
        yield site.splice(site.source.span(node)[0], site.source.span(node.value)[0], "")


@operator(
    "await deleted",
    0.4,
    ast.Await,
    examples=(("async def f(x):\n    return await x.get()\n", "async def f(x):\n    return x.get()\n"),),
)
def deleted_await(site: Site, node: ast.Await) -> Iterator[Rewrite]:
    """Take what is to be awaited for its result."""
    yield site.splice(site.source.span(node)[0], site.source.span(node.value)[0], "")


def _without(site: Site, node: Block) -> Iterator[Rewrite]:
    """Yield the rewrite that deletes a statement with its lines, where it stands alone on them and something else is left."""
    source, parent = site.source, site.parent(node)
    (start, end), bodies = source.span(node), (getattr(parent, name, None) for name in ("body", "orelse", "finalbody"))
    body = next((body for body in bodies if isinstance(body, list) and node in body), [])
    first, last = source.line_of(start), source.line_of(end)
    after = source.starts[last] if last < len(source.starts) else len(source.utf8)
    alone = source.indent_at(start) is not None and not source.gap(end, after).strip()
    if alone and len(body) > 1 and not source.utf8.startswith(b"elif", start):
        yield site.splice(source.starts[first - 1], after, "")


MAKERS: tuple[Operator, ...] = (deleted_statement, deleted_guard, deleted_condition, deleted_return, deleted_await)
