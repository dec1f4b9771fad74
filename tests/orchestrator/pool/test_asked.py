"""What is added to a request stands at its end, and all else of it goes on byte for byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pool.asked import read
from orchestrator.pool.refusal import Refusal

CHAT = "/v1/chat/completions"
BODY = (
    b' {"model": "m", "messages": [{"role": "user", "content": "\\u00e4}"}], "temperature": 1.0e0, "stream" : true}\n'
)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_what_is_added__stands_at_the_end_of_bytes_that_did_not_change() -> None:
    sent = read(CHAT, BODY, {}).sent(7)
    assert sent.startswith(BODY.rstrip()[:-1])
    assert json.loads(sent) == {**json.loads(BODY), "stream_options": {"include_usage": True}, "max_tokens": 7}


def test__what_says_it_all_itself_goes_on_as_it_is() -> None:
    body = b'{"model":"m","messages":[],"max_tokens":3,"stream":true,"stream_options":{"include_usage":true},"n_predict":null}'
    assert read(CHAT, body, {}).sent(7) == body


def test__a_bound_goes_out_by_the_name_that_all_engines_read() -> None:
    asked = read(CHAT, b'{"model":"m","messages":[],"max_completion_tokens":3,"n":2}', {})
    assert json.loads(asked.sent(7))["max_tokens"] == 3 and asked.sent(None) == asked.body
    embeds = read("/v1/embeddings", b'{"model":"m","input":"a","n_predict":3}', {})
    assert embeds.sent(7) == embeds.body


def test__a_bound_that_only_one_engine_reads_is_refused_where_a_limit_binds() -> None:
    asked = read(CHAT, b'{"model":"m","messages":[],"max_tokens":3,"n_predict":-1}', {})
    assert asked.sent(None) == asked.body
    with pytest.raises(Refusal, match="use `max_tokens`"):
        asked.sent(7)


def test__the_most_that_a_reply_may_have_is_that_of_all_its_choices() -> None:
    asked = read("/v1/completions", b'{"model":"m","prompt":["a","b"],"n":3,"max_tokens":5}', {})
    assert asked.tokens_out == 30 and asked.choices == 6
    assert read("/v1/embeddings", b'{"model":"m","input":"a"}', {}).tokens_out == 0
    assert read("/v1/completions", b'{"model":"m","prompt":[1,2,3],"max_tokens":5}', {}).tokens_out == 5


@pytest.mark.parametrize(
    "content", ['"ä\\n"', '[{"type": "text", "text": "ä"}, {"type": "text", "text": "\\n"}]'], ids=["text", "parts"]
)
def test__the_text_that_is_predicted_is_told_to_the_engine_beside_what_else_it_is_told(content: str) -> None:
    body = f'{{"model":"m","messages":[],"vllm_xargs":{{"a":1}},"prediction":{{"type":"content","content":{content}}}}}'.encode()
    sent = read(CHAT, body, {}).sent(None)
    assert sent.startswith(body[:-1]) and json.loads(sent)["vllm_xargs"] == {"a": 1, "original": "ä\n"}


@pytest.mark.parametrize("said", ['"x"', '{"type":"content"}', '{"content":3}'], ids=["text", "empty", "number"])
def test__a_prediction_without_a_text_is_refused(said: str) -> None:
    with pytest.raises(Refusal, match="prediction"):
        read(CHAT, f'{{"model":"m","messages":[],"prediction":{said}}}'.encode(), {})


@pytest.mark.parametrize("said", ["", "soon", "-1", "nan", "1e99"], ids=["empty", "word", "minus", "nan", "long"])
def test__a_deadline_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(Refusal, match="seconds"):
        read(CHAT, BODY, {"x-nightcrew-deadline": said})


@given(
    st.dictionaries(
        st.sampled_from(
            ["model", "messages", "stream", "stream_options", "max_tokens", "n", "user", "prompt_cache_key", "prompt"]
        ),
        JSON,
    )
)
def test__whatever_comes_is_read_or_refused(told: object) -> None:
    try:
        read(CHAT, json.dumps(told).encode(), {})
    except Refusal as refusal:
        assert refusal.status == 400
