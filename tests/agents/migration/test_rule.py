"""What is learnt from examples, and what is refused."""

from __future__ import annotations

from tests.agents.migration.learning import learnt, rules

CALL = ("from m import old\nx = old(a, 1)\n", "from m import new\nx = new(a, 1)\n")


def test_one_example_of_another_name_takes_the_arguments_for_any() -> None:
    told = learnt(CALL)
    assert rules(told) == ["old⟨1⟩ → new⟨1⟩"]
    rule = told.rules[0]
    assert (rule.anchor, rule.gone, [need.bound for need in rule.needs]) == ("old", frozenset({"old"}), ["new"])


def test_what_one_example_has_on_one_side_alone_stays_as_it_is() -> None:
    assert rules(learnt(("old(a, True)\n", "old(a)\n"))) == ["old(⟨1⟩, True) → old(⟨1⟩)"]


def test_what_varies_between_examples_becomes_a_hole() -> None:
    told = learnt(("f(a, 1, deep=True)\n", "f(a, 1)\n"), ("f(b.c, 2, deep=False)\n", "f(b.c, 2)\n"))
    assert rules(told) == ["f(⟨1⟩,⟨2⟩, deep=⟨3⟩) → f(⟨1⟩,⟨2⟩)"]
    assert len(told.rules[0].seen) == 2


def test_examples_with_other_counts_of_arguments_show_that_any_count_will_do() -> None:
    told = learnt(("f(a)\n", "f(a, t=5)\n"), ("f(a, b=2)\n", "f(a, b=2, t=5)\n"))
    assert rules(told) == ["f(⟨1…⟩) → f(⟨1…⟩, t=5)"]


def test_an_imported_origin_stays_and_a_local_one_does_not() -> None:
    told = learnt(("import np\nnp.old(q)\nq.fetch(1)\n", "import np\nnp.new(q)\nq.read(1)\n"))
    assert sorted(rules(told)) == ["np.old⟨1⟩ → np.new⟨1⟩", "⟨1⟩.fetch⟨2⟩ → ⟨1⟩.read⟨2⟩"]


def test_calls_in_calls_show_the_same_rule_as_each_alone() -> None:
    assert rules(learnt((CALL[0] + "y = old(old(b))\n", CALL[1] + "y = new(new(b))\n"))) == ["old⟨1⟩ → new⟨1⟩"]


def test_a_pattern_that_would_match_everything_is_refused() -> None:
    told = learnt(("x = 5\n", "x = 9\n"), ("return_ = a + b\n", "return_ = a - b\n"))
    assert not told.rules
    assert len(told.refused) == 2 and all("no name stays" in why for why in told.refused)


def test_nothing_is_learnt_from_a_name_that_only_the_example_has() -> None:
    told = learnt(("foo(x)\n", "foo(y)\n"))
    assert not told.rules and "`y`" in told.refused[0]


def test_what_cannot_be_told_from_its_own_result_is_refused() -> None:
    told = learnt(("f(a, b)\n", "f(b, a)\n"))
    assert not told.rules and "looks like what it changes" in told.refused[0]


def test_what_stands_around_is_looked_for_where_the_change_has_no_name() -> None:
    assert rules(learnt(("wait(t.s)\n", "wait(t.s * 1000)\n"))) == ["wait(⟨1⟩) → wait(⟨1⟩ * 1000)"]


def test_none_alone_is_enough_after_two_examples() -> None:
    one, two = ("x == None\n", "x is None\n"), ("f(y.z == None)\n", "f(y.z is None)\n")
    assert not learnt(one).rules
    assert rules(learnt(one, two)) == ["⟨1⟩ == None → ⟨1⟩ is None"]


def test_examples_that_contradict_each_other_are_named() -> None:
    told = learnt(CALL, ("from m import old\nold(2)\n", "from m import other\nother(2)\n"))
    assert len(told.contradictions) == 1
    assert "pkg/example0.py:2 of one" in told.contradictions[0] and "pkg/example1.py:2 of one" in told.contradictions[0]


def test_added_removed_broken_and_binary_code_teaches_nothing_and_is_named() -> None:
    told = learnt(("def f(:\n", "f()\n"), ("a()\n", "a()\nb()\n"), ("x\0", "y\0"))
    assert not told.rules
    assert [why.partition(": ")[2] or why for why in told.refused] == [
        "it does not parse",
        "nothing is learnt from that",
        "it is binary",
    ]


def test_an_import_from_elsewhere_is_learnt_as_it_stands() -> None:
    told = learnt(("from collections import Mapping\n", "from collections.abc import Mapping\n"))
    assert rules(told) == ["from collections import Mapping → from collections.abc import Mapping"]


def test_the_order_of_files_makes_no_difference() -> None:
    pairs = [CALL, ("f(a, 1)\n", "f(a, b=1)\n"), ("from m import old\nold()\n", "from m import new\nnew()\n")]
    assert rules(learnt(*pairs)) == rules(learnt(*reversed(pairs)))
