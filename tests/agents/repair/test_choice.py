"""Among plausible patches the one that does not smell is the best; what disagrees and outweighs it leaves nothing decided."""

from agents.repair.choice import Taste, literals
from agents.repair.clusters import UNDECIDED, clustered
from agents.repair.search import Plausible
from agents.repair.site import Rewrite
from agents.repair.source import Splice
from agents.repair.variants import Variant
from verifier import Behaviour, Candidate, Edit


def plausible(text: str, index: int, score: float, *smell: str, operator: str = "constant") -> Plausible:
    rewrite = Rewrite((Splice(0, 1, text),), 1.0, frozenset(smell))
    candidate = Candidate((Edit("m.py", 0, 1, text),))
    return Plausible(Variant(candidate, operator, "m.py", 1, 1.0, rewrite), index, score)


def behaviour(*outcomes: str, call: str = "f()", size: int = 1, before: str = "") -> Behaviour:
    shown = tuple(outcome and f"returns {outcome}" for outcome in outcomes)
    return Behaviour(call, size, outcomes, shown, before, before and f"returns {before}", mutated=False, failing=True)


def test_a_dropped_statement_comes_after_a_real_edit() -> None:
    dropped, real = plausible("pass", 0, 0.5, "drops a statement"), plausible("a + b", 1, 0.3)
    assert Taste().best_first([dropped, real]) == [real, dropped]


def test_a_literal_copied_from_the_test_smells_unless_the_code_has_it_too() -> None:
    of_tests = literals("assert f('q') == 'secret' and g(1) == 7")
    assert of_tests == {"'q'", "'secret'", "7"}
    copied = plausible("'secret'", 0, 0.5)
    assert Taste(of_tests).smells(copied) == {"copies a literal from the test"}
    assert not Taste(of_tests, of_tests).smells(copied)


def test_equal_ones_keep_the_order_of_the_search() -> None:
    one, two = plausible("a", 3, 0.5), plausible("b", 4, 0.5)
    assert Taste().best_first([two, one]) == [one, two]


def test_nothing_is_undecided_until_what_disagrees_weighs_enough() -> None:
    patches = [plausible("a", 0, 0.5), plausible("b", 1, 0.5), plausible("c", 2, 0.5)]
    assert not clustered(patches[:1], (), Taste()).undecided
    assert not clustered(patches, (), Taste()).undecided
    assert not clustered(patches, (behaviour("1", "1", ""),), Taste()).undecided
    assert clustered(patches, (behaviour("1", "2", "3"),), Taste()).undecided
    assert clustered(patches, (behaviour("1", "2", "3"),), Taste()).share() < UNDECIDED
