"""What a function gives back: another value, a value at all, at another place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site


@repair(
    "return value",
    ast.Return,
    examples=(
        ("def f(a):\n    return a\n", "def f(a):\n    return None\n"),
        ("def f(a):\n    return a\n", "def f(a):\n    return [a]\n"),
        ("def f(a):\n    return\n", "def f(a):\n    return a\n"),
        (
            "def f(a):\n    if a:\n        return 1\n    return 2 * a\n",
            "def f(a):\n    if a:\n        return 2 * a\n    return 2 * a\n",
        ),
    ),
)
def return_value(site: Site, node: ast.Return) -> Iterator[Rewrite]:
    """Return another value: an empty one, one in a list, a name, what the function returns elsewhere."""
    own = site.text(node.value) if node.value is not None else ""
    others: dict[str, float] = {}
    for name in site.scope.names:
        others[name] = 0.6 if not own or own in ("None", "True", "False") else 0.25
    others |= {site.text(value): 0.6 for value in site.scope.returns}
    others |= {f"[{own}]": 0.3, f"bool({own})": 0.3, f"{own}[0]": 0.3, f"{own} == 0": 0.15} if own else {}
    constants = dict.fromkeys(
        ("None", "True", "False", "0", "1", "[]", '""', "self", "{}", "-1", "NotImplemented"), 0.25
    )
    others |= {text: near for text, near in constants.items() if text not in others}
    start, end = site.source.span(node)
    for text, near in others.items():
        if text != own:
            fixed = text in constants
            yield site.splice(start, end, f"return {text}", near, *(("returns a constant",) if fixed else ()))


@repair(
    "missing return",
    ast.Expr,
    ast.Assign,
    ast.Return,
    examples=(
        ("def f(a):\n    g(a)\n", "def f(a):\n    return g(a)\n"),
        ("def f(a):\n    b = g(a)\n", "def f(a):\n    return g(a)\n"),
        ("def f(a):\n    return a\n", "def f(a):\n    yield a\n"),
        ("def f(a):\n    yield a\n", "def f(a):\n    yield from a\n"),
    ),
)
def missing_return(site: Site, node: ast.Expr | ast.Assign | ast.Return) -> Iterator[Rewrite]:
    """Return a value that is thrown away, or yield instead of returning."""
    if site.function is None or node.value is None or isinstance(node.value, ast.Constant):
        return
    start, begin = site.source.span(node)[0], site.source.span(node.value)[0]
    if isinstance(node, ast.Return):
        yield site.splice(start, begin, "yield ", 0.2)
    elif isinstance(node.value, ast.Yield) and node.value.value is not None:
        yield site.splice(begin, site.source.span(node.value.value)[0], "yield from ", 0.7)
    elif isinstance(node.value, ast.YieldFrom):
        yield site.splice(begin, site.source.span(node.value.value)[0], "yield ", 0.7)
    else:
        yield site.splice(
            start, start if isinstance(node, ast.Expr) else begin, "return ", 1.0 if isinstance(node, ast.Expr) else 0.3
        )


@repair(
    "return added at the end",
    ast.FunctionDef,
    examples=(
        ("def f(a):\n    b = a\n", "def f(a):\n    b = a\n    return b\n"),
        ("def f(a):\n    b = a\n\nx = 1\n", "def f(a):\n    b = a\n    return b\n\nx = 1\n"),
    ),
)
def final_return(site: Site, node: ast.FunctionDef) -> Iterator[Rewrite]:
    """Return one of the function's names at its end."""
    last = node.body[-1]
    indent = site.source.indent_at(site.source.span(node.body[0])[0])
    if isinstance(last, ast.Return | ast.Raise) or indent is None:
        return
    end = site.source.span(last)[1]
    scope = site.index.scope(node)
    texts = dict.fromkeys(scope.names, 0.6) | {site.text(value): 0.5 for value in scope.returns}
    texts |= dict.fromkeys(("None", "True", "False", "self", "[]"), 0.3)
    for text, near in list(texts.items())[:16]:
        yield site.splice(end, end, f"{site.source.newline}{indent}return {text}", near)


TABLE = (return_value, missing_return, final_return)
