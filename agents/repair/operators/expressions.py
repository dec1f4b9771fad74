"""Expressions: one of the function's others in the place of this one; a missing `await` or `super()` argument."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site, similar

_KINDS = (ast.Call, ast.Attribute, ast.Subscript, ast.BinOp, ast.Compare)


@repair(
    "another expression of the function",
    *_KINDS,
    ast.Name,
    examples=(
        (
            "def f(a):\n    x = a.left + 1\n    return g(a.right)\n",
            "def f(a):\n    x = a.left + 1\n    return g(a.left)\n",
        ),
        ("def f(a, b):\n    x = a[0]\n    return b\n", "def f(a, b):\n    x = a[0]\n    return a[0]\n"),
    ),
)
def another_expression(site: Site, node: ast.expr) -> Iterator[Rewrite]:
    """Replace an expression by another one that the same function uses."""
    parent = site.parent(node)
    called = isinstance(parent, ast.Call) and parent.func is node
    if called or not isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Load):
        return
    own, line = site.text(node), node.lineno
    found: dict[str, float] = {}
    for other in site.scope.expressions:
        text = site.text(other)
        if len(text) > 60 or "\n" in text or text == own or _is_called(site, other):
            continue
        same = isinstance(other, type(node)) or isinstance(node, ast.Name)
        if same and text not in found:
            found[text] = (0.2 + 0.8 * similar(text, own)) / (1 + abs(other.lineno - line) / 20)
    for text, near in sorted(found.items(), key=lambda each: -each[1])[:8]:
        yield site.replace(node, text, near * (0.5 if isinstance(node, ast.Name) else 1.0))


def _is_called(site: Site, node: ast.expr) -> bool:
    parent = site.parent(node)
    return isinstance(parent, ast.Call) and parent.func is node


@repair(
    "missing await",
    ast.Call,
    ast.Await,
    examples=(
        ("async def f():\n    return g()\n", "async def f():\n    return await g()\n"),
        ("async def f():\n    x = await g()\n", "async def f():\n    x = g()\n"),
    ),
)
def missing_await(site: Site, node: ast.Call | ast.Await) -> Iterator[Rewrite]:
    """Await a call in an asynchronous function, or do not."""
    if isinstance(node, ast.Await):
        yield site.splice(site.source.span(node)[0], site.source.span(node.value)[0], "", 0.5)
    elif isinstance(site.function, ast.AsyncFunctionDef) and not isinstance(site.parent(node), ast.Await):
        yield site.replace(node, f"await {site.text(node)}")


@repair(
    "default of a parameter",
    ast.arguments,
    examples=(
        ("def f(a, b=True):\n    pass\n", "def f(a, b=None):\n    pass\n"),
        ("def f(a, b=[]):\n    pass\n", "def f(a, b=None):\n    pass\n"),
        ("def f(a, b):\n    pass\n", "def f(a, b=None):\n    pass\n"),
    ),
)
def parameter_default(site: Site, node: ast.arguments) -> Iterator[Rewrite]:
    """Change the default of a parameter, or give the last one a default."""
    for value in (*node.defaults, *(each for each in node.kw_defaults if each is not None)):
        for text in ("None", "0", "1", '""', "()"):
            if text != site.text(value):
                yield site.splice(*site.source.span(value), text, 0.4)
    if (
        isinstance(site.block, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.args
        and len(node.defaults) < len(node.args)
    ):
        last = node.args[-1 - len(node.defaults)]
        if last.annotation is None and last.arg not in ("self", "cls"):
            end = site.source.span(last)[1]
            yield from (
                site.splice(end, end, f"={text}", near)
                for text, near in (("None", 0.8), ("0", 0.3), ('""', 0.3), ("False", 0.3), ("True", 0.3))
            )


TABLE = (another_expression, missing_await, parameter_default)
