"""Tokens are counted without a download, special ones as text, and remembered."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.prompts import Group, Layout, Part, Prompt, TokenCounter, encoding_of, render


@pytest.fixture(scope="module")
def count() -> TokenCounter:
    return TokenCounter("cl100k_base")


def test_tokens_are_counted_as_the_encoding_has_them(count: TokenCounter) -> None:
    assert count("") == 0
    assert count("hello world") == 2
    assert count("def f(x):\n    return x\n") == 8
    assert count("<|endoftext|>") > 1


def test_a_count_is_remembered_by_content_and_forgotten_where_there_are_too_many() -> None:
    count = TokenCounter("cl100k_base", kept=4)
    for _ in range(3):
        assert [count(f"word {number}") for number in range(20)] == [count("word 1")] * 20
    assert len(count._counts) <= 4


@pytest.mark.parametrize("encoding", ["cl100k_base", "o200k_base", "qwen3", "llama3"])
@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab1 \t\n\r/.)'\"_é中\u0301\u2003"), max_size=8), max_size=12), st.booleans())
def test_parts_that_stand_together_are_counted_as_their_message_is(
    encoding: str, texts: list[str], untrusted: bool
) -> None:
    count = TokenCounter(encoding)
    parts = tuple(Part(f"{at}", text, untrusted=untrusted and at % 2 == 0) for at, text in enumerate(texts))
    made = render(Prompt(log=parts), Layout(10_000), count)
    assert made.tokens == sum(count(each.text) + 4 for each in made.messages)


def test_a_prompt_of_real_text_is_counted_as_its_messages_are(count: TokenCounter) -> None:
    lines = Path(__file__).read_text("utf-8").splitlines()
    parts = tuple(Part(f"line {number}", line, untrusted=number % 2 == 0) for number, line in enumerate(lines))
    for limit in (300, 1000, 5000):
        made = render(Prompt(log=(Group("file", parts),)), Layout(limit), count)
        assert made.tokens == sum(count(each.text) + 4 for each in made.messages) <= limit


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("Qwen/Qwen2.5-Coder-1.5B-Instruct", "qwen3"),
        ("meta-llama/Llama-3.1-8B", "llama3"),
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("something else", "o200k_base"),
    ],
)
def test_an_encoding_is_known_by_its_model(model: str, encoding: str) -> None:
    assert encoding_of(model) == encoding
