"""Positions in characters and in a server's units, and edits: right with characters of every width and every line end."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from verifier import Position, Span, Text, TextEdit, apply_edits
from verifier.language.text import Encoding, Units, changed, width

TEXTS = st.text(st.sampled_from("ab \n\r\tßé€\u2028\U0001f600\U00010000"), max_size=40)


def sent(text: str, at: Units, encoding: Encoding) -> int:
    """Return the index a server finds for a position: computed from the encoded line, as a server would."""
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]
    line = text[starts[at.line] :]
    name = {"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding]
    size = {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]
    return starts[at.line] + len(line.encode(name)[: at.units * size].decode(name))


@given(TEXTS, st.integers(0, 40), st.sampled_from(Encoding))
def test_a_position_survives_the_way_to_the_server_and_back(text: str, offset: int, encoding: Encoding) -> None:
    document = Text(text)
    position = document.position(min(offset, len(text)))
    there = document.to_units(position, encoding)
    assert document.from_units(there, encoding) == document.position(document.offset(position))
    assert sent(text, there, encoding) == document.offset(position)


@given(TEXTS, TEXTS, st.sampled_from(Encoding))
@example("a\r\nb", "a\nb", Encoding.UTF16)
@example("a\rb", "a\r\nb", Encoding.UTF16)
@example("\U0001f600x", "\U0001f600y", Encoding.UTF16)
def test_the_change_that_is_sent_makes_the_new_text_of_the_old_one(before: str, after: str, encoding: Encoding) -> None:
    edit = changed(Text(before), after)
    if edit is None:
        assert before == after
        return
    assert apply_edits(before, [edit]) == after
    document = Text(before)
    start, end = (sent(before, document.to_units(at, encoding), encoding) for at in (edit.span.start, edit.span.end))
    assert before[:start] + edit.text + before[end:] == after


def test_a_change_is_small() -> None:
    edit = changed(Text("one\ntwo\nthree\n"), "one\ntwa\nthree\n")
    assert edit == TextEdit(Span(Position(2, 2), Position(2, 3)), "a")


@pytest.mark.parametrize(
    ("units", "encoding", "column"),
    [
        (2, Encoding.UTF16, 1),
        (1, Encoding.UTF16, 0),
        (4, Encoding.UTF8, 1),
        (3, Encoding.UTF8, 0),
        (99, Encoding.UTF16, 2),
    ],
)
def test_a_place_in_the_midst_of_a_character_or_past_the_line_is_moved_to_one_there_is(
    units: int, encoding: Encoding, column: int
) -> None:
    assert Text("\U0001f600x\nnext").from_units(Units(0, units), encoding) == Position(1, column)
    assert Text("\U0001f600x\nnext").from_units(Units(9, units), encoding) == Position(2, 4)


def test_width_counts_units() -> None:
    text = "aß€\U0001f600"
    assert [width(text, encoding) for encoding in (Encoding.UTF8, Encoding.UTF16, Encoding.UTF32)] == [10, 5, 4]


def test_edits_are_made_at_once_and_in_order_at_one_place() -> None:
    here = Span(Position(1, 1), Position(1, 1))
    edits = [TextEdit(Span(Position(1, 2), Position(2, 0)), ""), TextEdit(here, "1"), TextEdit(here, "2")]
    assert apply_edits("abc\nd", edits) == "a12bd"


def test_edits_that_overlap_are_refused() -> None:
    edits = [TextEdit(Span(Position(1, 0), Position(1, 2)), ""), TextEdit(Span(Position(1, 1), Position(1, 3)), "")]
    with pytest.raises(ValueError, match="overlap"):
        apply_edits("abc", edits)
