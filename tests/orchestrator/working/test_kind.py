"""What kind of ticket a text is."""

from __future__ import annotations

import pytest

from orchestrator.working.kind import Kind, kind_of

TRACE = """It breaks:
Traceback (most recent call last):
  File "tests/test_money.py", line 3, in test_it
  File "src/money.py", line 10, in convert
  File "src/rates.py", line 2, in rate
KeyError: 'EUR'
"""


@pytest.mark.parametrize(
    ("text", "failing", "kind"),
    [
        ("total() is wrong", (), Kind("none", False, "none", "none")),
        ("total() is wrong", ("tests/test_a.py::test_x",), Kind("python", True, "none", "none")),
        (TRACE, (), Kind("python", False, "lookup", "several")),
        ("src/app.ts throws a FooError", (), Kind("typescript", False, "other", "one")),
        ("TypeError at first, then AssertionError in tests/test_x.py", (), Kind("python", False, "assertion", "none")),
    ],
)
def test_a_kind_is_read_from_what_a_ticket_names(text: str, failing: tuple[str, ...], kind: Kind) -> None:
    assert kind_of(text, failing) == kind


def test_the_suite_says_the_language_where_no_file_is_named() -> None:
    assert kind_of("wrong", (), "python").language == "python"
    assert str(kind_of("wrong", (), "python")) == "python told none none"


def test_a_long_hostile_text_is_read_quickly_and_makes_no_other_words() -> None:
    kind = kind_of("/" * 1_000_000 + "AEvilError" * 10_000 + "/." * 500_000, ())
    assert kind.error in ("none", "other")
    assert len(str(kind)) < 128
