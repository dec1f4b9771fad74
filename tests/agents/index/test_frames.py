"""Frames of tracebacks, out of a ticket's text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.index import Frame, frames


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            'Traceback (most recent call last):\n  File "/a/run.py", line 3, in <module>\n    go()\n  File "a b.py", line 12, in go\nValueError: x\n',
            [Frame("/a/run.py", 3), Frame("a b.py", 12)],
        ),
        ("tests/test_a.py:5: \n_ _ _\nsrc/a.py:10: ValueError\n", [Frame("tests/test_a.py", 5), Frame("src/a.py", 10)]),
        (
            "Error: x\n    at get (/p/lib/jar.js:12:5)\n    at async main (file:///p/run.mjs:3:1)\n",
            [Frame("///p/run.mjs", 3), Frame("/p/lib/jar.js", 12)],
        ),
        (
            "\tat org.jar.Jar.get(Jar.java:42)\n\tat org.Main.main(Main.java:7)\n",
            [Frame("Main.java", 7), Frame("Jar.java", 42)],
        ),
        ("main.get(...)\n\t/p/jar.go:12 +0x1d\n", [Frame("/p/jar.go", 12)]),
        ("thread 'main' panicked at src/jar.rs:12:5:\n", [Frame("src/jar.rs", 12)]),
        ("see a.py: it is 3:4 there", []),
    ],
)
def test_frames_come_deepest_last_whoever_printed_them(text: str, expected: list[Frame]) -> None:
    assert list(frames(text)) == expected


@given(st.text())
def test_any_text_has_frames_or_none(text: str) -> None:
    assert len(frames(text * 3)) <= 50
