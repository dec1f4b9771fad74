"""Untrusted text is printed without anything a terminal would obey."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.plain import one_line, plain


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("red \x1b[31malert\x1b[0m", "red alert"),
        ("\x1b]0;new title\x07text", "text"),
        ("\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x1b]52;c;c2VjcmV0\x07clip", "clip"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bPdevice\x1b\\control", "control"),
        ("\x1bcreset", "reset"),
        ("bell\x07 and back\x08", "bell\ufffd and back\ufffd"),
        ("over\rwritten", "over\ufffdwritten"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("zero\u200bwidth", "zero\ufffdwidth"),
        ("tag\U000e0041", "tag\ufffd"),
        ("name\udcff", "name\ufffd"),
        ("two\r\nlines\tand a tab", "two\nlines\tand a tab"),
        ("grüße, 日本語, 🙂", "grüße, 日本語, 🙂"),
    ],
)
def test_escapes_controls_and_directions_do_not_reach_the_terminal(text: str, printed: str) -> None:
    assert plain(text) == printed


@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("\x1b\x9b[]0;m\\\x07"))))
def test_nothing_a_terminal_obeys_is_left_of_any_text(text: str) -> None:
    printed = plain(text)
    assert not [char for char in printed if (ord(char) < 32 and char not in "\n\t") or 0x7F <= ord(char) < 0xA0]
    assert plain(printed) == printed


def test_a_line_is_the_first_and_has_a_limit() -> None:
    assert one_line("  first\nsecond") == "first"
    assert one_line("x" * 200, 10) == "x" * 9 + "…"
