"""Departures from code, and what each may mean."""

from __future__ import annotations

import pytest

from agents.models import Token
from agents.sampling.departure import Departure, departures, rewrites

CODE = "def f(a, b):\n    if a:\n        return b\n    c = a + b\n    return c\n"


def token(text: str, *others: tuple[str, float]) -> Token:
    return Token(text, ((text, 0.5), *others))


def rewritten(departure: Departure, code: str = CODE) -> list[str]:
    lines = code.splitlines(keepends=True)
    return [
        "".join(lines[: each.first]) + each.text + "".join(lines[each.last + 1 :]) for each in rewrites(code, departure)
    ]


def test_a_copy_departs_only_where_something_else_is_likely() -> None:
    at = CODE.index(" + b")
    found, on = departures(CODE, at, len(CODE), [token(" +", (" -", 0.3), (" *", 0.001)), token(" b"), token("\n")])
    assert found == [Departure(at, " -", 0.3)]
    assert on == at + len(" + b\n")


def test_where_the_model_leaves_the_code_it_is_taken_back_behind_the_piece() -> None:
    at = CODE.index("c = a + b")
    found, on = departures(CODE, at, len(CODE), [token("c"), token(" ="), token(" b"), token(" *"), token(" a\n")])
    assert found == [Departure(at + 3, " b", 0.5, " * a\n", whole=True)]
    assert CODE[on:].startswith(" + b")


def test_nothing_behind_the_end_counts() -> None:
    at = CODE.index("    c = a + b")
    end = CODE.index("    return c")
    found, on = departures(CODE, end - 1, end, [token("\n"), token("other")])
    assert (found, on) == ([], end)
    assert departures(CODE, at, end, []) == ([], end)


def test_less_white_space_than_stands_there_is_a_departure() -> None:
    at = CODE.index("        return b")
    found, _ = departures(CODE, at, len(CODE), [token("       ", ("   ", 0.2)), token(" return")])
    assert found == [Departure(at, "   ", 0.2)]


@pytest.mark.parametrize("text", ["\ufffd", "<|im_end|>", " # why", "```"])
def test_what_is_no_code_is_no_departure(text: str) -> None:
    at = CODE.index(" + b")
    assert departures(CODE, at, len(CODE), [token(" +", (text, 0.4)), token(" b")])[0] == []
    assert departures(CODE, at, len(CODE), [token(text)])[0] == []


@pytest.mark.parametrize(
    ("where", "token", "then", "wanted"),
    [
        (" + b", " -", "", "c = a - b\n"),
        (" + b", "[", "b]\n", "c = a[b]\n"),
        ("a + b", "max", "(a, b)\n    return c\n", "c = max(a, b)\n"),
        ("a + b", "sum", "((a", "c = sum((a + b\n"),
        ("\n    return c", " -", " 1\n", "c = a + b - 1\n"),
        (" + b\n", "\n", "", "c = a\n"),
    ],
)
def test_a_line_is_written_to_its_end_or_goes_on_as_it_was(where: str, token: str, then: str, wanted: str) -> None:
    departure = Departure(CODE.index(where), token, 0.1, then, whole="\n" in token + then)
    assert CODE.replace("c = a + b\n", wanted) in rewritten(departure)


def test_what_a_token_begins_with_may_stand_there() -> None:
    code = "x = f(_a=b)\n"
    assert "x = f(key_a=b)\n" in rewritten(Departure(code.index("(_a"), "(key", 0.1), code)


def test_a_line_may_be_put_before_another_with_those_below_it() -> None:
    at = CODE.index("    c = a + b")
    guard = Departure(at, "    if", 0.2, " not b:\n        return a\n    c", whole=True)
    assert CODE[:at] + "    if not b:\n        return a\n" + CODE[at:] in rewritten(guard)


def test_a_head_may_take_in_what_stands_below() -> None:
    at = CODE.index("    c = a + b")
    found = rewritten(Departure(at, "    if", 0.2, " b:\n", whole=True))
    assert CODE[:at] + "    if b:\n        c = a + b\n    return c\n" in found
    assert CODE[:at] + "    if b:\n        c = a + b\n        return c\n" in found


def test_lines_that_were_passed_over_may_go() -> None:
    at = CODE.index("    if a:")
    assert "def f(a, b):\n    c = a + b\n    return c\n" in rewritten(
        Departure(at, "    c", 0.2, " = a + b\n", whole=True)
    )
