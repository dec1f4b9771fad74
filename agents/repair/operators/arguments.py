"""Arguments: swapped, dropped, added, unpacked, under another keyword."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from agents.repair.index import Function, callee
from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site, similar

_EXTRAS = {
    "sorted": ("reverse=True",),
    "sort": ("reverse=True",),
    "enumerate": ("1", "start=1"),
    "max": ("default=0", "default=None", "key=len"),
    "min": ("default=0", "default=None", "key=len"),
    "open": ('encoding="utf-8"', 'newline=""'),
    "read_text": ('encoding="utf-8"',),
    "write_text": ('encoding="utf-8"',),
    "split": ("1", "maxsplit=1"),
    "rsplit": ("1", "maxsplit=1"),
    "replace": ("1",),
    "sub": ("count=1",),
    "splitlines": ("True", "keepends=True"),
    "getattr": ("None", '""'),
    "next": ("None",),
    "pop": ("0", "-1", "None"),
    "get": ("0", '""', "[]", "{}", "False"),
    "sum": ("0",),
    "int": ("16", "2", "10"),
    "round": ("2",),
    "compile": ("re.IGNORECASE", "re.DOTALL", "re.MULTILINE"),
    "makedirs": ("exist_ok=True",),
    "mkdir": ("parents=True", "exist_ok=True"),
    "dumps": ("sort_keys=True", "ensure_ascii=False"),
    "zip": ("strict=True",),
}


@repair(
    "swapped arguments",
    ast.Call,
    ast.Tuple,
    examples=(
        ("f(a, b)\n", "f(b, a)\n"),
        ("f(a, (b), c)\n", "f((b), a, c)\n"),
        ("f(a, b, c)\n", "f(c, b, a)\n"),
        ("x = a, b\n", "x = b, a\n"),
        ("isinstance(int, x)\n", "isinstance(x, int)\n"),
    ),
)
def swapped_arguments(site: Site, node: ast.Call | ast.Tuple) -> Iterator[Rewrite]:
    """Swap two positional arguments, or two elements of a tuple."""
    parts = node.args if isinstance(node, ast.Call) else node.elts
    for at, left in enumerate(parts[:6]):
        for right in parts[at + 1 : 6]:
            if isinstance(left, ast.Starred) or isinstance(right, ast.Starred):
                continue
            (start, stop), (begin, end) = site.outer(left), site.outer(right)
            middle = site.source.utf8[stop:begin].decode()
            near = 1.0 if right is parts[at + 1] else 0.5
            yield site.splice(start, end, site.outer_text(right) + middle + site.outer_text(left), near)


@repair(
    "argument dropped",
    ast.Call,
    examples=(("f(a, b)\n", "f(a)\n"), ("f(a, k=1)\n", "f(a)\n"), ("f(a, b)\n", "f(b)\n"), ("f(a)\n", "f()\n")),
)
def dropped_argument(site: Site, node: ast.Call) -> Iterator[Rewrite]:
    """Drop an argument."""
    parts: list[ast.expr | ast.keyword] = sorted((*node.args, *node.keywords), key=lambda each: site.source.span(each))
    yield from dropped_parts(site, parts, 1.0)


def dropped_parts(site: Site, parts: Sequence[ast.AST], closeness: float) -> Iterator[Rewrite]:
    """Drop one part of a list that commas separate."""
    spans = [site.outer(part) for part in parts]
    for at, (start, end) in enumerate(spans):
        if at + 1 < len(spans):
            yield site.splice(start, spans[at + 1][0], "", closeness)
        else:
            yield site.splice(spans[at - 1][1] if at else start, end, "", closeness)


@repair(
    "argument added",
    ast.Call,
    examples=(
        (
            "def g(a, deep):\n    pass\ndef f(a, deep):\n    return g(a)\n",
            "def g(a, deep):\n    pass\ndef f(a, deep):\n    return g(a, deep)\n",
        ),
        (
            "def g(a, deep=True):\n    pass\ndef f(a, deep):\n    return g(a)\n",
            "def g(a, deep=True):\n    pass\ndef f(a, deep):\n    return g(a, deep=deep)\n",
        ),
        (
            "def g(a, deep=True):\n    pass\ndef f(a):\n    return g(a)\n",
            "def g(a, deep=True):\n    pass\ndef f(a):\n    return g(a, deep=False)\n",
        ),
        ("y = sorted(x)\n", "y = sorted(x, reverse=True)\n"),
        ("y = next(x)\n", "y = next(x, None)\n"),
    ),
)
def added_argument(site: Site, node: ast.Call) -> Iterator[Rewrite]:
    """Add an argument: a missing parameter's, a keyword used elsewhere, or a usual one of the standard library."""
    name = callee(node)
    for text, near in _missing(site, node, name):
        yield _appended(site, node, text, near)
    for text in _EXTRAS.get(name, ()):
        yield _appended(site, node, text, 0.6)
    given = {keyword.arg for keyword in node.keywords}
    for keyword in site.index.keywords_of.get(name, ()):
        if keyword not in given and keyword in site.names():
            yield _appended(site, node, f"{keyword}={keyword}", 0.9)
    if len(node.args) < 3 and not node.keywords:
        for other, near in sorted(site.names().items(), key=lambda each: -each[1])[:6]:
            if other not in ("self", "cls") and near > 0.5:
                yield _appended(site, node, other, 0.25)


def _missing(site: Site, node: ast.Call, name: str) -> Iterator[tuple[str, float]]:
    names = site.names()
    for target in _targets(site, name):
        positional = [
            arg.arg for arg in (*target.args.posonlyargs, *target.args.args) if arg.arg not in ("self", "cls")
        ]
        taken = len(node.args)
        given = {keyword.arg for keyword in node.keywords} | set(positional[:taken])
        defaults = _defaults(target)
        for at, parameter in enumerate(positional + [arg.arg for arg in target.args.kwonlyargs]):
            if parameter in given:
                continue
            plain = at == taken and not node.keywords and parameter not in defaults
            if parameter in names:
                yield (parameter if plain else f"{parameter}={parameter}"), 1.0
            default = defaults.get(parameter)
            if isinstance(default, ast.Constant) and isinstance(default.value, bool):
                yield f"{parameter}={not default.value}", 0.8
            if f"{parameter}" in site.members() and "self" in site.scope.arguments:
                yield f"{parameter}=self.{parameter}", 0.8


def _targets(site: Site, name: str) -> list[Function]:
    """Return the functions of the file that a call by this name can reach."""
    if name in site.index.classes:
        body = site.index.classes[name].body
        return [stmt for stmt in body if isinstance(stmt, Function) and stmt.name == "__init__"]
    return site.index.functions.get(name, [])[:3]


def _defaults(target: Function) -> dict[str, ast.expr]:
    positional = (*target.args.posonlyargs, *target.args.args)
    late = positional[len(positional) - len(target.args.defaults) :]
    found = {arg.arg: value for arg, value in zip(late, target.args.defaults, strict=True)}
    return found | {
        arg.arg: value for arg, value in zip(target.args.kwonlyargs, target.args.kw_defaults, strict=True) if value
    }


def _appended(site: Site, node: ast.Call, text: str, closeness: float) -> Rewrite:
    parts = sorted((*node.args, *node.keywords), key=lambda each: site.source.span(each))
    end = site.outer(parts[-1])[1] if parts else site.source.span(node)[1] - 1
    return site.splice(end, end, f", {text}" if parts else text, closeness)


@repair(
    "keyword renamed",
    ast.keyword,
    examples=(
        (
            "def g(a, deep=1, wide=1):\n    pass\ng(1, deep=2)\n",
            "def g(a, deep=1, wide=1):\n    pass\ng(1, wide=2)\n",
        ),
        ("f(x, size=1)\nf(y, count=2)\n", "f(x, count=1)\nf(y, count=2)\n"),
    ),
)
def renamed_keyword(site: Site, node: ast.keyword) -> Iterator[Rewrite]:
    """Pass an argument under another parameter's name."""
    call = site.parent(node)
    if node.arg is None or not isinstance(call, ast.Call):
        return
    name = callee(call)
    known = dict.fromkeys(site.index.keywords_of.get(name, ()))
    for target in _targets(site, name):
        known |= dict.fromkeys(arg.arg for arg in (*target.args.args, *target.args.kwonlyargs))
    given = {keyword.arg for keyword in call.keywords} | {"self", "cls"}
    known_here = any(node.arg in {arg.arg for arg in target.args.args} for target in _targets(site, name))
    start = site.source.span(node)[0]
    for other in known:
        if other not in given:
            near = (0.3 if known_here else 0.6) + 0.4 * similar(other, node.arg)
            yield site.splice(start, start + len(node.arg.encode()), other, near)


@repair(
    "unpacked argument",
    ast.Call,
    examples=(("f(x)\n", "f(*x)\n"), ("f(*x)\n", "f(x)\n"), ("f(a, **k)\n", "f(a, k)\n"), ("f(a, b)\n", "f((a, b))\n")),
)
def unpacked_argument(site: Site, node: ast.Call) -> Iterator[Rewrite]:
    """Unpack an argument, pass an unpacked one whole, or several as one tuple."""
    for arg in node.args:
        start, _ = site.source.span(arg)
        if isinstance(arg, ast.Starred):
            yield site.splice(start, site.outer(arg.value)[0], "", 1.0)
        elif isinstance(arg, ast.Name | ast.Attribute | ast.Call | ast.Subscript) and len(node.args) < 3:
            yield site.splice(start, start, "*", 0.8 if len(node.args) == 1 else 0.4)
    for keyword in node.keywords:
        if keyword.arg is None:
            yield site.splice(site.source.span(keyword)[0], site.source.span(keyword.value)[0], "", 0.3)
    if len(node.args) == 2 and not node.keywords and not any(isinstance(arg, ast.Starred) for arg in node.args):
        start, end = site.outer(node.args[0])[0], site.outer(node.args[1])[1]
        yield site.splice(start, end, f"({site.source.utf8[start:end].decode()})", 0.3)


TABLE = (swapped_arguments, dropped_argument, added_argument, renamed_keyword, unpacked_argument)
