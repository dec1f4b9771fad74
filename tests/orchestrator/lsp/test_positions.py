"""Columns in a client's units, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.lsp.positions import At, Encoding, from_units, to_units, width
from verifier import Position, Text

TEXTS = st.text(alphabet=st.sampled_from("aé√𝒳👩‍\u2028\x0c\r\n\tx"), max_size=60)
CODECS = {Encoding.UTF8: ("utf-8", 1), Encoding.UTF16: ("utf-16-le", 2), Encoding.UTF32: ("utf-32-le", 4)}


@given(TEXTS, st.sampled_from(Encoding), st.data())
def test_a_position_goes_out_and_comes_back(text: str, encoding: Encoding, data: st.DataObject) -> None:
    document = Text(text)
    position = document.position(data.draw(st.integers(0, len(text))))
    assert document.offset(from_units(document, to_units(document, position, encoding), encoding)) == document.offset(
        position
    )


@given(TEXTS, st.sampled_from(Encoding))
def test_a_width_is_what_the_codec_says(text: str, encoding: Encoding) -> None:
    codec, size = CODECS[encoding]
    assert width(text, encoding) == len(text.encode(codec)) // size


@given(TEXTS, st.sampled_from(Encoding), st.integers(-2, 70), st.integers(-2, 300))
def test_whatever_is_sent_is_a_place_of_the_text(text: str, encoding: Encoding, line: int, units: int) -> None:
    document = Text(text)
    found = from_units(document, At(line, units), encoding)
    assert 0 <= document.offset(found) <= len(text)
    assert document.position(document.offset(found)) == found


@pytest.mark.parametrize(
    ("encoding", "units"), [(Encoding.UTF8, 7), (Encoding.UTF16, 5), (Encoding.UTF32, 4)]
)  # the specification's own example
def test_the_closing_quote_after_an_emoji_is_where_the_specification_has_it(encoding: Encoding, units: int) -> None:
    document = Text('x="😋"')
    assert to_units(document, Position(1, 4), encoding) == At(0, units)
    assert from_units(document, At(0, units), encoding) == Position(1, 4)


def test_a_place_in_the_midst_of_a_character_is_its_start_and_one_past_the_end_is_the_end() -> None:
    document = Text("a😋b\nend")
    assert from_units(document, At(0, 2), Encoding.UTF16) == Position(1, 1)
    assert from_units(document, At(0, 99), Encoding.UTF16) == Position(1, 3)
    assert from_units(document, At(9, 0), Encoding.UTF16) == Position(2, 3)
