"""The families of bugs: kinds of repair as people really make them, each with how often, and what makes the bug it repairs.

Shares are those of single-statement fixes in TSSB-3M (Richter and Wehrheim, 2022), in percent; families that it has under 1.5 count as 1.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.repair.operators import OPERATORS
from agents.repair.site import Operator
from agents.seeding.makers import MAKERS

_BY_NAME = {each.name: each for each in (*OPERATORS, *MAKERS)}


@dataclass(frozen=True, slots=True)
class Reversal:
    """What makes a bug, and the repair operators that each may make the original of it again."""

    maker: Operator
    repairs: tuple[Operator, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of repairs, its share of real fixes in percent, its reversals, and examples of right and wrong."""

    name: str
    share: float
    reversals: tuple[Reversal, ...]
    examples: tuple[tuple[str, str], ...]


def _family(name: str, share: float, reversals: dict[str, str], *examples: tuple[str, str]) -> Family:
    """Return a family; `reversals` names makers, each with the repairs of it, parted by commas."""
    made = (
        Reversal(_BY_NAME[maker], tuple(_BY_NAME[each.strip()] for each in repairs.split(",")))
        for maker, repairs in reversals.items()
    )
    return Family(name, share, tuple(made), examples)


FAMILIES = (
    _family(
        "another name in scope",
        7.1,
        {"another name in scope": "another name in scope"},
        ("def f(low, high):\n    return high\n", "def f(low, high):\n    return low\n"),
    ),
    _family(
        "attribute, function or paired method",
        7.1,
        {
            "paired method": "paired method",
            "paired function": "paired function",
            "another attribute": "another attribute",
            "standard library neighbour": "standard library neighbour",
        },
        ("def f(x):\n    return x.lstrip()\n", "def f(x):\n    return x.strip()\n"),
        ("x = max(a, b)\n", "x = min(a, b)\n"),
    ),
    _family(
        "call wrapped around or taken away",
        5.3,
        {
            "freed of a call": "wrapped in a call",
            "wrapped in a call": "freed of a call",
            "method call dropped": "method call added, called",
            "method call added": "method call dropped",
        },
        ("def f(x):\n    return list(x)\n", "def f(x):\n    return x\n"),
        ("def f(x):\n    return x.lower()\n", "def f(x):\n    return x\n"),
    ),
    _family(
        "argument or keyword",
        5.1,
        {
            "argument dropped": "argument added",
            "argument added": "argument dropped",
            "keyword renamed": "keyword renamed",
            "unpacked argument": "unpacked argument",
        },
        ("def f(x, y):\n    return g(x, y)\n", "def f(x, y):\n    return g(x)\n"),
    ),
    _family(
        "number, off by one, slice",
        2.9,
        {
            "number literal": "number literal, sign",
            "off by one": "off by one, operand dropped",
            "slice bound": "slice bound",
            "range and index": "range and index, sign",
        },
        ("x = a[1:]\n", "x = a[:]\n"),
        ("for i in range(n):\n    f(i)\n", "for i in range(n - 1):\n    f(i)\n"),
    ),
    _family(
        "guard, conjunct, disjunct",
        2.7,
        {
            "guard deleted": "missing guard",
            "condition deleted": "statement made conditional",
            "conjunct dropped": "conjunct added",
            "conjunct added": "conjunct dropped",
        },
        ("def f(x):\n    if not x:\n        return None\n    return x[0]\n", "def f(x):\n    return x[0]\n"),
        ("def f(a, b):\n    if a and b:\n        return b\n", "def f(a, b):\n    if a:\n        return b\n"),
    ),
    _family(
        "comparison, boolean, arithmetic",
        2.5,
        {
            "comparison and boundary": "comparison and boundary",
            "and/or": "and/or",
            "negation": "negation",
            "arithmetic operator": "arithmetic operator",
            "sign": "sign",
        },
        ("ok = a <= b\n", "ok = a < b\n"),
        ("x = a - b\n", "x = a + b\n"),
        ("if not x:\n    f()\n", "if x:\n    f()\n"),
    ),
    _family(
        "except, isinstance, tuple",
        1.7,
        {
            "element dropped": "wider except, wider isinstance",
            "wider except": "wider except",
            "wider isinstance": "wider isinstance, element dropped",
            "another exception raised": "another exception raised",
        },
        (
            "try:\n    f()\nexcept (KeyError, TypeError):\n    pass\n",
            "try:\n    f()\nexcept (KeyError):\n    pass\n",
        ),
        ("raise KeyError(x)\n", "raise ValueError(x)\n"),
    ),
    _family(
        "operand or element too many",
        1.5,
        {"missing operand": "operand dropped", "index added": "index dropped"},
        ("def f(a, b):\n    return a\n", "def f(a, b):\n    return a + b\n"),
    ),
    _family(
        "order",
        1.0,
        {
            "swapped arguments": "swapped arguments",
            "swapped operands": "swapped operands",
            "statements swapped": "statements swapped",
        },
        ("x = f(a, b)\n", "x = f(b, a)\n"),
        ("d = x - y\n", "d = y - x\n"),
    ),
    _family(
        "string, constant, empty collection",
        1.0,
        {
            "string literal": "string literal",
            "constant": "constant, number literal, empty collection",
            "empty collection": "empty collection",
        },
        ("x = True\n", "x = False\n"),
    ),
    _family(
        "statement missing",
        1.0,
        {"statement deleted": "statement copied"},
        ("def f(a):\n    g(a)\n    h(a)\n    g(a)\n", "def f(a):\n    h(a)\n    g(a)\n"),
    ),
    _family(
        "return value",
        1.0,
        {"return value": "return value", "return deleted": "missing return"},
        ("def f(x):\n    return g(x)\n", "def f(x):\n    g(x)\n"),
    ),
    _family(
        "mutation for assignment",
        1.0,
        {"arithmetic operator": "result kept", "result kept": "result kept, arithmetic operator"},
        ("n += 1\n", "n = 1\n"),
        ("x = 1\n", "x += 1\n"),
    ),
    _family(
        "await, self, default, loop",
        1.0,
        {
            "await deleted": "missing await",
            "self": "self",
            "lookup with a default": "lookup with a default",
            "default value": "conjunct dropped, operand dropped",
            "loop exit": "loop exit",
            "statement moved out": "statement moved in",
            "statement moved in": "statement moved out",
        },
        ("async def f(x):\n    return await x.get()\n", "async def f(x):\n    return x.get()\n"),
        ("for x in y:\n    break\n", "for x in y:\n    continue\n"),
        ("x = d.get(k)\n", "x = d[k]\n"),
    ),
)
