"""Among plausible patches the one that does not smell is offered first."""

from agents.repair.choice import best_first, literals, smells
from agents.repair.search import Plausible
from agents.repair.site import Rewrite
from agents.repair.source import Splice
from agents.repair.variants import Variant
from verifier import Candidate, Edit


def plausible(text: str, index: int, score: float, *smell: str, operator: str = "constant") -> Plausible:
    rewrite = Rewrite((Splice(0, 1, text),), 1.0, frozenset(smell))
    candidate = Candidate((Edit("m.py", 0, 1, text),))
    return Plausible(Variant(candidate, operator, "m.py", 1, 1.0, rewrite), index, score)


def test_a_dropped_statement_comes_after_a_real_edit() -> None:
    dropped, real = plausible("pass", 0, 0.5, "drops a statement"), plausible("a + b", 1, 0.3)
    assert best_first([dropped, real], frozenset(), frozenset()) == [real, dropped]


def test_a_literal_copied_from_the_test_smells_unless_the_code_has_it_too() -> None:
    of_tests = literals("assert f('q') == 'secret' and g(1) == 7")
    assert of_tests == {"'q'", "'secret'", "7"}
    copied = plausible("'secret'", 0, 0.5)
    assert smells(copied, of_tests, frozenset()) == {"copies a literal from the test"}
    assert not smells(copied, of_tests, of_tests)


def test_equal_ones_keep_the_order_of_the_search() -> None:
    one, two = plausible("a", 3, 0.5), plausible("b", 4, 0.5)
    assert best_first([two, one], frozenset(), frozenset()) == [one, two]
