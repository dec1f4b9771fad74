"""How likely each operator's rewrites are: how often people fix bugs so, parted among the rewrites it offers at a place.

Shares are percent of single-statement fixes in TSSB-3M (Richter and Wehrheim, 2022): where that tells a kind as a whole, the
operators share it; kinds that it does not tell have what is left, by hand. Choices are the sums of the rewrites' closeness at a
statement where there are any, counted on 350 statements of the five libraries that were tuned on.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from agents.repair.site import Operator, Rewrite, Site, operator

_SHARES_AND_CHOICES: Mapping[str, tuple[float, float]] = {
    "another name in scope": (7.1, 5.2),
    "self": (0.5, 1.2),
    "name wrong throughout": (0.5, 1.7),
    "slice added": (0.4, 4.0),
    "comparison with another number": (0.15, 1.4),
    "missing term": (0.3, 3.0),
    "held within a bound": (0.2, 2.0),
    "statement copied with another name": (0.2, 12.0),
    "paired method": (2.4, 5.4),
    "paired function": (1.6, 2.9),
    "another attribute": (2.4, 2.0),
    "standard library neighbour": (0.7, 1.1),
    "wrapped in a call": (1.75, 23.6),
    "freed of a call": (1.75, 1.1),
    "method call added": (1.2, 12.5),
    "method call dropped": (0.6, 1.4),
    "called": (0.4, 0.8),
    "swapped arguments": (0.24, 1.8),
    "argument dropped": (1.0, 2.3),
    "argument added": (3.9, 1.4),
    "keyword renamed": (0.6, 1.4),
    "unpacked argument": (0.6, 1.2),
    "number literal": (1.3, 7.1),
    "off by one": (0.8, 1.9),
    "slice bound": (0.5, 4.0),
    "range and index": (0.3, 0.4),
    "missing guard": (0.7, 8.4),
    "statement made conditional": (0.7, 3.8),
    "and/or": (0.35, 1.0),
    "negation": (0.7, 0.7),
    "conjunct dropped": (0.7, 2.0),
    "conjunct added": (0.9, 4.9),
    "comparison and boundary": (0.7, 1.8),
    "swapped operands": (0.15, 1.1),
    "arithmetic operator": (0.6, 1.7),
    "sign": (0.2, 1.0),
    "missing operand": (0.3, 6.0),
    "constant": (1.1, 2.1),
    "empty collection": (0.3, 2.1),
    "string literal": (2.0, 10.4),
    "default value": (0.4, 11.3),
    "lookup with a default": (0.4, 3.8),
    "wider except": (0.7, 12.7),
    "wider isinstance": (0.6, 11.7),
    "another exception raised": (0.4, 7.2),
    "operand dropped": (0.5, 2.1),
    "element dropped": (0.5, 2.6),
    "index dropped": (0.3, 1.0),
    "index added": (0.2, 4.1),
    "statement dropped": (0.3, 1.0),
    "condition made constant": (0.05, 2.0),
    "return value": (0.5, 5.0),
    "missing return": (0.4, 0.3),
    "return added at the end": (0.2, 0.3),
    "statement moved out": (0.15, 1.0),
    "statement moved in": (0.15, 1.0),
    "statements swapped": (0.3, 1.0),
    "loop exit": (0.2, 1.1),
    "result kept": (0.5, 0.7),
    "statement copied": (0.3, 4.3),
    "another expression of the function": (0.5, 2.9),
    "missing await": (0.3, 0.3),
    "default of a parameter": (0.3, 1.0),
}
# These are offered only where a name is bound nowhere: hardly ever in code that is right.
_ALMOST_CERTAIN = {"name that does not exist": 2.5, "attribute that does not exist": 1.6}
# The root, since suspicion is no probability: with the whole quotient a rare operator anywhere goes before a common one at the place.
_EXPONENT, _SCALE, _LEAST_CHOICES = 0.5, 0.85, 0.2


def prior(name: str) -> float:
    """Return the prior weight of one rewrite of an operator."""
    if name in _ALMOST_CERTAIN:
        return _ALMOST_CERTAIN[name]
    share, choices = _SHARES_AND_CHOICES[name]
    return _SCALE * math.pow(share / (choices + _LEAST_CHOICES), _EXPONENT)


def repair(
    name: str, *on: type[ast.AST], examples: tuple[tuple[str, str], ...]
) -> Callable[[Callable[[Site, Any], Iterator[Rewrite]]], Operator]:
    """Make a generator of rewrites a repair operator, with its prior."""
    return operator(name, prior(name), *on, examples=examples)
