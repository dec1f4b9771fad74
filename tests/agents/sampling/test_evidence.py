"""The source of failing tests, and the places that their lines make suspicious."""

from __future__ import annotations

from agents.sampling.evidence import sources
from agents.sampling.place import Place, Span, places
from verifier import Suite

TESTS = b"""\
import pytest


def test_other():
    assert True


class TestThing:
    @pytest.mark.parametrize("x", [1, 2])
    def test_it(self, x):
        assert x


def test_it():
    assert False
"""
CODE = b"""\
def outer(
    one,
):
    if (
        one
    ):
        return 1
    return (
        2
    )


def named():
    return 3
"""


def shown(test: str, kind: str = "pytest") -> str:
    suite = Suite(kind)
    return "\n".join(sources((test,), suite, ("tests/test_a.py",), {"tests/test_a.py": TESTS}.__getitem__))


def test_a_failing_test_is_shown_alone_and_with_its_cases() -> None:
    found = shown("tests/test_a.py::TestThing::test_it[1]")
    assert found.startswith("# tests/test_a.py\n@pytest.mark.parametrize")
    assert "assert x" in found
    assert "test_other" not in found
    assert "assert False" in shown("tests/test_a.py::test_it")
    assert "assert x" in shown("tests.test_a.TestThing.test_it", "unittest")


def test_a_test_that_is_nowhere_is_left_out() -> None:
    assert shown("tests/test_a.py::test_none") == ""
    assert shown("tests/test_b.py::test_it") == ""


def test_statements_are_suspected_whole_and_a_named_function_is_raised() -> None:
    scores = [("a.py", 4, 0.5), ("a.py", 8, 0.9), ("a.py", 9, 0.9), ("a.py", 14, 0.8)]
    first, second = places(scores, {"a.py": CODE}.__getitem__, 4, frozenset({"named"}))
    assert (first.name, first.statements) == ("named", (Span(14, 14),))
    assert (second.name, second.statements) == ("outer", (Span(8, 10), Span(4, 6)))


def test_a_long_docstring_is_left_out_and_a_short_one_or_another_functions_stays() -> None:
    code = b'def f(x):\n    """Do it.\n\n    At length.\n    """\n    return x\n\n\ndef g(x):\n    """Do it."""\n    return x\n'
    assert Place("a.py", 1, 6, "f", 1.0).without_docstring(code) == "def f(x):\n    return x"
    assert Place("a.py", 9, 11, "g", 1.0).without_docstring(code) == 'def g(x):\n    """Do it."""\n    return x'
