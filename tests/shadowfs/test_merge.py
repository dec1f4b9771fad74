"""Three-way merges of one file."""

from __future__ import annotations

from shadowfs import merge

BASE = b"one\ntwo\nthree\nfour\nfive\nsix\n"


def test_changes_of_different_lines_come_together() -> None:
    ours, theirs = BASE.replace(b"one", b"1"), BASE.replace(b"six", b"6")
    assert merge(BASE, ours, theirs) == b"1\ntwo\nthree\nfour\nfive\n6\n"


def test_changes_of_the_same_line_do_not() -> None:
    assert merge(BASE, BASE.replace(b"two", b"2"), BASE.replace(b"two", b"zwei")) is None


def test_binary_content_is_never_merged() -> None:
    assert merge(b"a\0", b"a\0b", b"a\0c") is None


def test_what_is_no_text_in_any_encoding_stays_as_it_is() -> None:
    assert merge(b"\xff\n\n\n\nx\n", b"\xfe\n\n\n\nx\n", b"\xff\n\n\n\ny\n") == b"\xfe\n\n\n\ny\n"
