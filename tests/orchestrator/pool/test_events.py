"""Streams pass as they came, however they are cut; only what tells the usage unasked is kept back."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pool.events import Events, Usage, usage_of

CHUNKS = [
    {"choices": [{"index": 0, "delta": {"content": text}}]}
    for text in ("a", 'b "usage"', "c\n\nd", "\u2028", "data: [DON")
]
TOLD = {
    "choices": [],
    "usage": {"prompt_tokens": 7, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 3}},
}


def event(told: object, end: str = "\n\n") -> bytes:
    return f"data: {json.dumps(told)}{end}".encode()


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "unasked"])
@given(cuts=st.lists(st.integers(0, 700)))
def test_however_a_stream_is_cut_the_same_comes_out(end: str, asked: bool, cuts: list[int]) -> None:
    said = b": ping" + end.encode() + b"".join(event(chunk, end) for chunk in CHUNKS)
    whole = said + event(TOLD, end) + f"data: [DONE]{end}".encode()
    events = Events(tells_usage=asked)
    places = sorted({0, len(whole), *(min(cut, len(whole)) for cut in cuts)})
    got = b"".join(events.take(whole[a:b]) for a, b in pairwise(places))
    assert got == (whole if asked else whole.replace(event(TOLD, end), b""))
    assert events.usage == Usage(7, 5, 3) and events.done


def test_what_is_no_stream_of_events_is_refused() -> None:
    with pytest.raises(ValueError, match="no stream"):
        Events(tells_usage=True).take(b"<html>\n\n</html>\n\n")
    with pytest.raises(ValueError, match="more than"):
        Events(tells_usage=True).take(b"data: " + b"x" * (5 << 20))


@pytest.mark.parametrize(
    "usage",
    [None, 3, [], {"prompt_tokens": "many", "completion_tokens": -1, "prompt_tokens_details": 5}],
    ids=["none", "number", "list", "words"],
)
def test_a_usage_that_is_none_counts_nothing(usage: object) -> None:
    assert usage_of({"usage": usage}) in (None, Usage())
