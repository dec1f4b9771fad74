"""Suspicion from coverage, tracebacks and words; the ranked order is lazy, whole and repeatable."""

from itertools import islice

from agents.repair.localise import combine, mentioned, ochiai, places, traced
from agents.repair.operators import OPERATORS
from agents.repair.rank import likely, ranked
from agents.repair.source import Source, read_source
from agents.repair.variants import Module
from verifier import Coverage, Frame, Outcome, TestResult

TEXT = b"LIMIT = 3\n\ndef f(a, b):\n    if a < LIMIT:\n        return b\n    return a\n\ndef g(a):\n    return a + 1\n"


def module() -> Module:
    source = read_source("m.py", TEXT)
    assert isinstance(source, Source)
    return Module.of(source)


def test_a_line_that_only_failing_tests_run_is_the_most_suspicious() -> None:
    lines = {"bad": {"m.py": frozenset({4, 5})}, "good": {"m.py": frozenset({4, 6})}, "other": {"m.py": frozenset({9})}}
    scores = ochiai(Coverage(lines), ["bad"])
    assert scores == {("m.py", 5): 1.0, ("m.py", 4): 1 / 2**0.5}


def test_the_innermost_frame_inside_the_repository_counts_most() -> None:
    frames = (Frame("test_m.py", 2, "test"), Frame("m.py", 4, "f"), Frame("/usr/lib/python3/re.py", 9, "x"))
    found = traced([TestResult("t", Outcome.FAILED, frames=frames)])
    assert found == {("m.py", 4): 1.0, ("test_m.py", 2): 0.8}
    assert combine({("m.py", 4): 0.5, ("m.py", 5): 0.5}, found)[("m.py", 4)] > 0.7


def test_names_in_tests_and_tickets_point_at_functions() -> None:
    words = mentioned(["test_m.py::test_take_while[3]", "calling `frobnicate` fails"])
    assert {"take_while", "frobnicate"} <= words
    scores = {("m.py", 5): 0.5, ("m.py", 9): 0.5}
    assert places({"m.py": module()}, scores, frozenset({"g"}))[0].block.lineno == 9


def test_a_constant_counts_through_the_lines_that_use_it() -> None:
    found = {
        place.block.lineno: place.suspicion for place in places({"m.py": module()}, {("m.py", 4): 1.0}, frozenset())
    }
    assert 0 < found[1] < found[4]


def test_the_order_falls_and_repeats() -> None:
    spots = places({"m.py": module()}, {("m.py", 4): 1.0, ("m.py", 5): 0.8}, frozenset())
    one, two = (list(islice(ranked(spots, OPERATORS, {}, seed=7), 200)) for _ in range(2))
    assert [(score, variant.candidate) for score, variant in one] == [
        (score, variant.candidate) for score, variant in two
    ]
    assert [score for score, _ in one] == sorted((score for score, _ in one), reverse=True)
    assert len({variant.candidate for _, variant in one}) == len(one)


def test_the_kind_of_error_makes_operators_likelier() -> None:
    assert likely(["TypeError: f() got an unexpected keyword"])["keyword renamed"] > 1
    assert likely(["assert 1 == 2"]) == {}
