"""Every operator does what its examples say, and nothing but that."""

import ast

import pytest

from agents.repair.operators import OPERATORS
from agents.repair.site import Operator
from agents.repair.source import Source, read_source
from agents.repair.variants import Module, Variants


def module_of(text: str) -> Module:
    source = read_source("m.py", text.encode())
    assert isinstance(source, Source)
    return Module.of(source)


def outcomes(operator: Operator, text: str) -> set[str]:
    module = module_of(text)
    made = Variants((operator,))
    return {
        module.source.spliced(variant.rewrite.splices)
        for block in module.index.blocks
        for variant in made.of(module, block)
    }


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda each: each.name)
def test_an_operator_turns_each_example_into_its_repair(operator: Operator) -> None:
    for before, after in operator.examples:
        ast.parse(after)
        found = outcomes(operator, before)
        assert after in found, f"{before!r}\n{sorted(found)}"


def test_operators_have_names_of_their_own_and_examples() -> None:
    assert len({operator.name for operator in OPERATORS}) == len(OPERATORS) >= 10
    assert all(operator.examples and operator.weight > 0 for operator in OPERATORS)
