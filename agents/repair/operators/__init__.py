"""The repair operators, one family to a module. Order does not matter: each carries its own prior."""

from agents.repair.operators import (
    arguments,
    arithmetic,
    boolean,
    comparison,
    defaults,
    dropping,
    exceptions,
    expressions,
    guards,
    literals,
    methods,
    names,
    numbers,
    returns,
    statements,
    wrapping,
)
from agents.repair.site import Operator

OPERATORS: tuple[Operator, ...] = (
    *names.TABLE,
    *methods.TABLE,
    *wrapping.TABLE,
    *arguments.TABLE,
    *numbers.TABLE,
    *guards.TABLE,
    *boolean.TABLE,
    *comparison.TABLE,
    *arithmetic.TABLE,
    *literals.TABLE,
    *defaults.TABLE,
    *exceptions.TABLE,
    *dropping.TABLE,
    *returns.TABLE,
    *statements.TABLE,
    *expressions.TABLE,
)

__all__ = ["OPERATORS"]
