"""Words: identifiers whole and in parts, endings cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.index.words import stem, telling, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cookie_jar", ["cookie_jar", "cooki", "jar"]),
        ("CookieJar", ["cookiejar", "cooki", "jar"]),
        ("parseHTTPRequest2", ["parsehttprequest2", "pars", "http", "request"]),
        ("__init__", ["init"]),
        ("größe", ["größe"]),
        ("", []),
    ],
)
def test_an_identifier_comes_whole_and_in_parts(text: str, expected: list[str]) -> None:
    assert list(words(text)) == expected


@pytest.mark.parametrize(
    "alike",
    [
        ("raise", "raises", "raised", "raising"),
        ("cache", "cached", "caching"),
        ("stop", "stopped"),
        ("query", "queries"),
    ],
)
def test_forms_of_a_word_are_one(alike: tuple[str, ...]) -> None:
    assert len({stem(word) for word in alike}) == 1


def test_what_a_query_asks_for_leaves_out_what_is_found_everywhere() -> None:
    assert dict(telling("Fix the CookieJar, which raises in 3.11")) == {
        "cookiejar": "CookieJar",
        "cooki": "CookieJar",
        "jar": "CookieJar",
    }


@given(st.text())
def test_words_are_lower_case_and_hold_no_space(text: str) -> None:
    assert all(word == word.lower() and word and not any(letter.isspace() for letter in word) for word in words(text))
