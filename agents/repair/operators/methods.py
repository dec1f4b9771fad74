"""Functions, methods and attributes: the paired one, another that the same thing has, one that does not exist."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from agents.repair.index import BUILTINS, dotted
from agents.repair.operators.priors import repair
from agents.repair.operators.vocabulary import METHODS, PAIRED, constructors, counterparts, offers
from agents.repair.site import Rewrite, Site, alike, similar

_COMMON = frozenset().union(*METHODS.values())


def _attribute_span(site: Site, node: ast.Attribute) -> tuple[int, int]:
    end = site.source.span(node)[1]
    return end - len(node.attr.encode()), end


@repair(
    "paired method",
    ast.Attribute,
    examples=(
        ("x.append(y)\n", "x.extend(y)\n"),
        ("x.pop(y)\n", "x.append(y)\n"),
        ("y = x.lower()\n", "y = x.upper()\n"),
        ("import math\ny = math.floor(x)\n", "import math\ny = math.ceil(x)\n"),
        ("y = a.left_side\nz = a.right_side\n", "y = a.right_side\nz = a.right_side\n"),
    ),
)
def paired_method(site: Site, node: ast.Attribute) -> Iterator[Rewrite]:
    """Replace an attribute by the one it is mistaken for."""
    span = _attribute_span(site, node)
    for at, other in enumerate(PAIRED.get(node.attr, ())):
        yield site.splice(*span, other, max(1.0 - 0.2 * at, 0.3))
    for other in counterparts(node.attr):
        if other in site.index.attributes:
            yield site.splice(*span, other, 0.9)
    for kind in (list, dict, set):
        if node.attr in METHODS[kind]:
            yield from (site.splice(*span, other, 0.25) for other in sorted(METHODS[kind] - {node.attr}))


@repair(
    "paired function",
    ast.Name,
    examples=(
        ("x = any(y)\n", "x = all(y)\n"),
        ("x = min(a, b)\n", "x = max(a, b)\n"),
        ("def f(min_x, max_x):\n    return min_x\n", "def f(min_x, max_x):\n    return max_x\n"),
    ),
)
def paired_function(site: Site, node: ast.Name) -> Iterator[Rewrite]:
    """Replace a function (or name) by the one it is mistaken for."""
    if not isinstance(node.ctx, ast.Load):
        return
    for at, other in enumerate(PAIRED.get(node.id, ())):
        if other in BUILTINS or other in site.index.bound:
            yield site.splice(*site.source.span(node), other, max(1.0 - 0.2 * at, 0.3))
    for other in counterparts(node.id):
        if other in site.index.bound:
            yield site.splice(*site.source.span(node), other, 0.9)


@repair(
    "another attribute",
    ast.Attribute,
    examples=(
        (
            "class A:\n    def f(self):\n        self.a = 1\n        self.b = 2\n        return self.a\n",
            "class A:\n    def f(self):\n        self.a = 1\n        self.b = 2\n        return self.b\n",
        ),
        ("def f(n):\n    n.up = 1\n    return n.down\n", "def f(n):\n    n.up = 1\n    return n.up\n"),
    ),
)
def another_attribute(site: Site, node: ast.Attribute) -> Iterator[Rewrite]:
    """Replace an attribute by another one that the same thing has elsewhere in the file."""
    base = dotted(node.value)
    known = dict.fromkeys(site.index.attributes_of.get(base, ()), 0.7)
    if base in ("self", "cls"):
        known |= {name: known.get(name, 0.6) for name in sorted(site.members())}
    elif not base:
        known |= dict.fromkeys(site.index.attributes, 0.2)
    ranked = sorted(
        ((near * (0.3 + 0.7 * similar(name, node.attr)), name) for name, near in known.items() if name != node.attr),
        key=lambda each: (-each[0], each[1]),
    )
    for near, name in ranked[:12]:
        yield site.splice(*_attribute_span(site, node), name, near)


@repair(
    "standard library neighbour",
    ast.Attribute,
    ast.Call,
    examples=(
        ("import math\nx = math.log(y)\n", "import math\nx = math.log1p(y)\n"),
        (
            "from datetime import datetime\nx = datetime(y)\n",
            "from datetime import datetime\nx = datetime.fromordinal(y)\n",
        ),
        ("from datetime import date\nx = date.today(y)\n", "from datetime import date\nx = date(y)\n"),
        ("x = dict(keys)\n", "x = dict.fromkeys(keys)\n"),
    ),
)
def library_neighbour(site: Site, node: ast.Attribute | ast.Call) -> Iterator[Rewrite]:
    """Use a similar function of the same standard module, or another constructor of the same class."""
    if isinstance(node, ast.Attribute):
        home = _imported(site, dotted(node.value))
        close = ((similar(name, node.attr), name) for name in offers(home) if name != node.attr)
        for near, name in sorted(close, key=lambda each: (-each[0], each[1]))[:6]:
            if near >= 0.4:
                yield site.splice(*_attribute_span(site, node), name, near)
        return
    func, end = node.func, site.source.span(node.func)[1]
    for other in constructors(_imported(site, dotted(func)) or dotted(func)):
        yield site.splice(end, end, f".{other}", 1.0)
    if isinstance(func, ast.Attribute):
        name = dotted(func.value)
        if func.attr in constructors(_imported(site, name) or name):
            yield site.splice(site.source.span(func.value)[1], end, "", 0.8)


def _imported(site: Site, name: str) -> str:
    """Return the full dotted name of an imported thing, else the empty string."""
    head, _, rest = name.partition(".")
    home = site.index.imports.get(name) or site.index.imports.get(head, "")
    if name in site.index.imports:
        return home
    return f"{home}.{rest}" if home and rest else home


@repair(
    "attribute that does not exist",
    ast.Attribute,
    examples=(
        (
            "class A:\n    def total(self):\n        return self.totl()\n",
            "class A:\n    def total(self):\n        return self.total()\n",
        ),
        ("y = x.stirp()\n", "y = x.strip()\n"),
    ),
)
def unknown_attribute(site: Site, node: ast.Attribute) -> Iterator[Rewrite]:
    """Replace an attribute that nothing else in the file has by the nearest known one."""
    if site.index.attributes[node.attr] > 1 or node.attr in _COMMON or offers(_imported(site, dotted(node.value))):
        return
    known = (set(site.index.attributes) | _COMMON | set(site.index.strings)) - {node.attr}
    close = sorted(((alike(name, node.attr), name) for name in known), key=lambda each: (-each[0], each[1]))
    for near, name in close[:4]:
        if near >= 0.6 and name.isidentifier():
            yield site.splice(*_attribute_span(site, node), name, near)


TABLE = (paired_method, paired_function, another_attribute, library_neighbour, unknown_attribute)
