"""The families of bugs: each makes what its examples say and is taken back by a repair; one place changes, the rest stays."""

from __future__ import annotations

import ast
import subprocess
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings

from agents.patch import patch
from agents.repair.site import Operator
from agents.repair.source import Source, read_source
from agents.repair.variants import Module, Variants
from agents.seeding.draw import Draw
from agents.seeding.families import FAMILIES, Family
from agents.seeding.makers import MAKERS
from agents.seeding.reversal import repairing
from tests.agents.repair.test_operators import outcomes
from tests.agents.repair.test_properties import functions

EVERYWHERE = frozenset(range(1, 1000))
SHARED = """\
def first(items, start):
    # é: comments stay
    if start < 0 or not items:
        return None
    for item in items[start:]:
        if item.name.strip() == "x" and item.size > 1:
            return max(item.size, 1)
    return first(items, start=start - 1)
"""


def module_of(data: bytes, path: str = "m.py") -> Module:
    source = read_source(path, data)
    assert isinstance(source, Source)
    return Module.of(source)


def bugs_of(family: Family, right: str) -> set[str]:
    """Return the bugs of a family that one of its repairs takes back."""
    module, found = module_of(right.encode()), set()
    for reversal in family.reversals:
        made = Variants((reversal.maker,))
        for block in module.index.blocks:
            for variant in made.of(module, block):
                if repairing(module, variant, reversal.repairs):
                    found.add(module.source.spliced(variant.rewrite.splices))
    return found


@pytest.mark.parametrize("family", FAMILIES, ids=lambda each: each.name)
def test_a_family_makes_each_example_and_a_repair_takes_it_back(family: Family) -> None:
    for right, wrong in family.examples:
        assert wrong in bugs_of(family, right)


@pytest.mark.parametrize("maker", MAKERS, ids=lambda each: each.name)
def test_a_maker_turns_each_example_into_its_bug(maker: Operator) -> None:
    for right, wrong in maker.examples:
        assert wrong in outcomes(maker, right)


def test_families_stand_in_the_order_of_their_share_of_real_fixes() -> None:
    shares = [family.share for family in FAMILIES]
    assert shares == sorted(shares, reverse=True)
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)


def test_a_bug_that_no_repair_takes_back_is_not_made() -> None:
    module = module_of(b"def f(x):\n    return 'a long text that stands nowhere else' + x\n")
    made = Draw((module,), {"m.py": EVERYWHERE}, 0)
    assert all("long" in module.source.spliced(bug.variant.rewrite.splices) for bug in made.bugs())


def test_the_same_seed_draws_the_same_bugs() -> None:
    def drawn(seed: int) -> list[object]:
        draw = Draw((module_of(SHARED.encode()),), {"m.py": EVERYWHERE}, seed)
        return [(bug.family, bug.variant.candidate) for bug in islice(draw.bugs(), 12)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_bugs_lie_in_executed_lines_of_functions_only() -> None:
    text = SHARED + "\n\nLIMIT = 3 + 1\n\n\ndef other(a, b):\n    return a + b\n"
    draw = Draw((module_of(text.encode()),), {"m.py": frozenset({5, 11, 15})}, 0)
    assert {bug.variant.line for bug in draw.bugs()} == {5, 15}


@settings(max_examples=6, deadline=None)
@given(functions())
def test_every_bug_parses_and_changes_one_place_only(text: str) -> None:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return
    module = module_of(text.encode())
    for bug in islice(Draw((module,), {"m.py": EVERYWHERE}, 3).bugs(), 8):
        edits = bug.variant.candidate.edits
        after, before = module.source.apply(edits), module.source.data
        assert ast.dump(ast.parse(after)) != ast.dump(module.source.tree)
        assert len(edits) == 1 or len({edit.text for edit in edits}) == 1
        assert after.startswith(before[: edits[0].start]) and after.endswith(before[edits[-1].end :])


@pytest.mark.parametrize(
    "data",
    [b"a\nb\nc\n", b"a\r\nb\r\nc", b"# coding: latin-1\n\xe9\nb\nc\n", b"a\x0cb\nb\n"],
    ids=["plain", "no newline at the end", "latin-1", "form feed"],
)
@pytest.mark.parametrize("name", ["m.py", "a b.py", 'odd"é.py'])
def test_git_applies_a_patch_byte_for_byte(tmp_path: Path, data: bytes, name: str) -> None:
    wrong = data.replace(b"b", b"changed", 1)
    file = tmp_path / name
    file.write_bytes(data)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "-"], input=patch(name, data, wrong), cwd=tmp_path, check=True)
    assert file.read_bytes() == wrong
