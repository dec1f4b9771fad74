"""Records as JSON and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.records import AttemptRecord, AttemptState, Cost
from orchestrator.store.codec import decode, encode
from verifier import Evidence, RungResult, Status, Verdict


def test_a_record_comes_back_equal_and_its_text_is_plain_ascii() -> None:
    record = AttemptRecord(1, "na\udcff\x1b", 2, AttemptState.PROPOSED, None, without=("a", "b"))
    text = encode(record)
    assert text.isascii()
    assert text.isprintable()
    assert decode(AttemptRecord, text) == record


def test_whole_numbers_come_back_as_the_floats_they_are() -> None:
    assert isinstance(decode(Cost, '{"seconds": 1}').seconds, float)


@pytest.mark.parametrize("text", ["[]", "3", '{"unknown": 1}', "no json"])
def test_what_is_no_such_record_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        decode(Cost, text)


def test_what_the_store_cannot_keep_is_an_error() -> None:
    with pytest.raises(ValueError, match="object"):
        encode({"x": object()})


@given(
    st.lists(
        st.builds(
            RungResult,
            st.text(),
            st.sampled_from(Status),
            st.text(),
            st.lists(
                st.builds(
                    Evidence,
                    st.text(),
                    st.text(),
                    st.none() | st.text(),
                    st.none() | st.integers(1),
                    st.lists(st.text(), max_size=2).map(tuple),
                ),
                max_size=2,
            ).map(tuple),
            st.integers(0, 9000).map(lambda milliseconds: milliseconds / 1000),
        ),
        max_size=3,
    ).map(tuple)
)
def test_a_verdict_survives_the_store(rungs: tuple[RungResult, ...]) -> None:
    verdict = Verdict("base", "tree", rungs)
    assert decode(Verdict, encode(verdict)) == verdict
