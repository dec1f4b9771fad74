"""Statements: moved, swapped, copied, assigned; loops left otherwise."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.index import Block
from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site

_SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.Expr,
    ast.Return,
    ast.AnnAssign,
    ast.Raise,
    ast.Break,
    ast.Continue,
    ast.Delete,
)
_COMPOUND = (ast.For, ast.While, ast.If, ast.With, ast.Try)


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            yield body


@repair(
    "statement moved out",
    *_COMPOUND,
    examples=(
        (
            "def f(a):\n    for x in a:\n        g(x)\n        return x\n",
            "def f(a):\n    for x in a:\n        g(x)\n    return x\n",
        ),
    ),
)
def moved_out(site: Site, node: Block) -> Iterator[Rewrite]:
    """Move the last statement of a block behind the block."""
    bodies = list(_bodies(node))
    outer = site.source.indent_at(site.source.span(node)[0])
    if len(bodies[-1]) < 2 or outer is None or isinstance(node, ast.Try):
        return
    last = bodies[-1][-1]
    start, end = site.source.span(last)
    if isinstance(last, _SIMPLE) and (indent := site.source.indent_at(start)) and last.lineno == last.end_lineno:
        yield site.splice(start - len(indent.encode()), end, outer + site.text(last))


@repair(
    "statement moved in",
    *_SIMPLE,
    examples=(
        (
            "def f(a):\n    for x in a:\n        g(x)\n    h(x)\n    return x\n",
            "def f(a):\n    for x in a:\n        g(x)\n        h(x)\n    return x\n",
        ),
    ),
)
def moved_in(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Move a statement to the end of the block before it."""
    before = _neighbour(site, node, -1)
    if not isinstance(before, _COMPOUND) or node.lineno != node.end_lineno or isinstance(before, ast.Try):
        return
    start, _ = site.source.span(node)
    inner = site.source.indent_at(site.source.span(list(_bodies(before))[-1][-1])[0])
    own = site.source.indent_at(start)
    if inner is not None and own is not None and inner.startswith(own):
        yield site.splice(start - len(own.encode()), start, inner)


def _neighbour(site: Site, node: ast.stmt, step: int) -> ast.stmt | None:
    parent = site.parent(node)
    for body in _bodies(parent) if parent is not None else ():
        if node in body:
            at = body.index(node) + step
            return body[at] if 0 <= at < len(body) else None
    return None


@repair(
    "statements swapped",
    *_SIMPLE,
    examples=(
        ("a = 1\nb = f(a)\n", "b = f(a)\na = 1\n"),
        ("x.a()\nfor i in x:\n    g(i)\n", "for i in x:\n    g(i)\nx.a()\n"),
    ),
)
def swapped_statements(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Swap a statement with the one after it."""
    after = _neighbour(site, node, 1)
    if after is None or isinstance(after, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return
    (start, stop), (begin, end) = site.source.span(node), site.source.span(after)
    if site.source.indent_at(start) is not None and site.source.indent_at(begin) is not None:
        middle = site.source.utf8[stop:begin].decode()
        yield site.splice(start, end, site.text(after) + middle + site.text(node))


@repair(
    "loop exit",
    ast.Break,
    ast.Continue,
    ast.Pass,
    ast.Return,
    examples=(
        ("for x in y:\n    break\n", "for x in y:\n    continue\n"),
        ("for x in y:\n    pass\n", "for x in y:\n    break\n"),
        ("def f():\n    for x in y:\n        return\n", "def f():\n    for x in y:\n        continue\n"),
    ),
)
def loop_exit(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Replace one way to leave a round of a loop by another."""
    inside = any(isinstance(above, ast.For | ast.While | ast.AsyncFor) for above in site.index.up(node))
    ways = ("break", "continue") if inside else ()
    if site.function is not None:
        ways = (*ways, "return")
    for way in ways:
        if way != site.text(node):
            yield site.splice(*site.source.span(node), way)


@repair(
    "result kept",
    ast.Expr,
    ast.Assign,
    ast.AugAssign,
    examples=(
        ("x.strip()\n", "x = x.strip()\n"),
        ("x = x.append(y)\n", "x.append(y)\n"),
        ("total = x\n", "total += x\n"),
        ("sorted(x)\n", "x = sorted(x)\n"),
        ("x.a = 1\n", "x.a += 1\n"),
    ),
)
def result_kept(site: Site, node: ast.Expr | ast.Assign | ast.AugAssign) -> Iterator[Rewrite]:
    """Assign a result that is thrown away, throw one away, or accumulate instead of overwriting."""
    start = site.source.span(node)[0]
    value = node.value
    if isinstance(node, ast.Expr) and isinstance(value, ast.Call):
        subject = value.func.value if isinstance(value.func, ast.Attribute) else (value.args[0] if value.args else None)
        if isinstance(subject, ast.Name | ast.Attribute):
            yield site.splice(start, start, f"{site.text(subject)} = ", 0.7)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
        begin = site.outer(value)[0] if not isinstance(value, ast.Tuple) else site.source.span(value)[0]
        if isinstance(value, ast.Call):
            yield site.splice(start, begin, "", 0.4)
        if not isinstance(target, ast.Tuple | ast.List | ast.Starred):
            yield site.splice(site.source.span(target)[1], begin, " += ", 0.5)


@repair(
    "statement copied",
    *_SIMPLE,
    ast.If,
    ast.For,
    ast.While,
    examples=(
        ("def f(a):\n    g(a)\n    return a\n", "def f(a):\n    g(a)\n    g(a)\n    return a\n"),
        (
            "def f(a):\n    n = 0\n    for x in a:\n        h(x)\n        n += 1\n    return n\n",
            "def f(a):\n    n = 0\n    for x in a:\n        n += 1\n        h(x)\n        n += 1\n    return n\n",
        ),
    ),
)
def copied_statement(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Insert a copy of another statement of the function, or add an argument to a list, before this one."""
    seen: set[str] = set()
    for other in site.scope.statements if site.function is not None else ():
        text = site.text(other)
        if "\n" in text or "\r" in text or text in seen or _is_docstring(other):
            continue
        seen.add(text)
        yield from _inserted(site, node, text, 1.0 / (1.0 + abs(other.lineno - node.lineno) / 8))


def _inserted(site: Site, node: ast.stmt, text: str, near: float = 1.0) -> Iterator[Rewrite]:
    """Insert a statement before this one, and behind it where it is the last of its block."""
    if rewrite := site.insert(text, near):
        yield rewrite
    indent = site.source.indent_at(site.source.span(node)[0])
    if (
        indent is not None
        and _is_last(site, node)
        and not isinstance(node, ast.Return | ast.Raise | ast.Break | ast.Continue)
    ):
        end = site.source.span(node)[1]
        # Behind a comment that ends the line.
        line = site.source.utf8.find(b"\n", end)
        end = line if line >= 0 else len(site.source.utf8)
        end -= site.source.utf8[:end].endswith(b"\r")
        yield site.splice(end, end, site.source.newline + indent + text, near)


def _is_last(site: Site, node: ast.stmt) -> bool:
    parent = site.parent(node)
    return parent is not None and any(body[-1] is node for body in _bodies(parent))


@repair(
    "statement copied with another name",
    *_SIMPLE,
    ast.If,
    ast.For,
    ast.While,
    examples=(
        (
            "def f(a, b):\n    a.append(1)\n    g(b)\n",
            "def f(a, b):\n    a.append(1)\n    b.append(1)\n    g(b)\n",
        ),
        (
            "def f(a, b):\n    if a:\n        a.append(1)  # why\n    return b\n",
            "def f(a, b):\n    if a:\n        a.append(1)  # why\n        b.append(1)\n    return b\n",
        ),
    ),
)
def copied_with_name(site: Site, node: ast.stmt) -> Iterator[Rewrite]:
    """Insert a copy of a call or an assignment nearby in which a name is another local one."""
    if site.function is None:
        return
    names = [name for name in site.scope.names if name not in ("self", "cls")][:8]
    places = (ast.Expr, ast.Assign, ast.AugAssign)
    near = [each for each in site.scope.statements if isinstance(each, places) and abs(each.lineno - node.lineno) <= 6]
    for other in near[:6]:
        if _is_docstring(other) or other.lineno != other.end_lineno:
            continue
        start, text = site.source.span(other)[0], site.text(other)
        used = [each for each in ast.walk(other) if isinstance(each, ast.Name) and each.id in site.scope.names]
        for each in used[:3]:
            low, high = (edge - start for edge in site.source.span(each))
            data = text.encode()
            for name in names:
                if name != each.id:
                    yield from _inserted(site, node, (data[:low] + name.encode() + data[high:]).decode())


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


TABLE = (moved_out, moved_in, swapped_statements, loop_exit, result_kept, copied_statement, copied_with_name)
