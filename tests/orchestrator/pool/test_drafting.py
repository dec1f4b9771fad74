"""Drafts from an original: a reply that rewrites it takes few steps, and whatever it says it is said exactly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import orchestrator.pool.drafting
from orchestrator.pool.drafting import Original, draft_environment, draft_words
from orchestrator.pool.engine import start
from orchestrator.pool.spec import ModelTable

LIMIT = 32
TOKENS = st.lists(st.integers(0, 5), max_size=60)
LINES = [[10 * number, 1, 10 * number + 3, 2, 10 * number + 5, 6, 7] for number in range(1, 41)]
"""Forty lines, in each three tokens that no other one has, and four that all have."""
FILE = [token for line in LINES for token in line]


def steps(original: Sequence[int], reply: Sequence[int], limit: int = LIMIT) -> int:
    """Return how many steps a model takes that accepts what is right of a draft and adds a token."""
    drafter = Original(original)
    at = count = 0
    while at < len(reply):
        draft = drafter.draft(limit)
        assert len(draft) <= limit
        right = 0
        while right < len(draft) and at + right < len(reply) and draft[right] == reply[at + right]:
            right += 1
        new = reply[at : at + right + 1]
        drafter.take(new)
        at += len(new)
        count += 1
    return count


def whole(count: int, limit: int = LIMIT) -> int:
    return -(-count // (limit + 1))


@pytest.mark.parametrize("limit", [1, 8, 32, 128])
def test_a_text_that_is_repeated_takes_no_step_more_than_the_limit_asks(limit: int) -> None:
    assert steps(FILE, FILE, limit) == whole(len(FILE), limit)


def test_a_replaced_token_costs_a_step_and_a_draft_that_is_cut_short() -> None:
    reply = [*FILE]
    reply[100] = 999
    assert steps(FILE, reply) <= whole(len(FILE)) + 2


def test_lines_that_go_are_passed_over_once_the_next_one_is_seen() -> None:
    reply = FILE[: 7 * 10] + FILE[7 * 14 :]
    assert steps(FILE, reply) <= whole(len(reply)) + 2


def test_after_a_new_line_the_text_goes_on_where_it_was() -> None:
    reply = [*FILE[: 7 * 10], 901, 1, 902, 2, 903, 6, 7, *FILE[7 * 10 :]]
    assert steps(FILE, reply) <= whole(len(reply)) + 7


def test_a_line_that_moved_up_is_found_behind_and_the_rest_ahead_again() -> None:
    lines = [*LINES[:5], LINES[30], *LINES[5:30], *LINES[31:]]
    reply = [token for line in lines for token in line]
    assert steps(FILE, reply) <= whole(len(reply)) + 7


def test_of_places_that_look_the_same_the_next_one_is_taken() -> None:
    same = [1, 2, 3, 4] * 50
    reply = [*same[:81], 9, *same[82:]]
    assert steps(same, reply) <= whole(len(same)) + 2


def test_what_a_reply_wrote_before_is_drafted_when_it_comes_again() -> None:
    new = list(range(500, 540))
    reply = [*FILE[:70], *new, *FILE[70:140], *new, *FILE[140:]]
    assert steps(FILE, reply) <= whole(len(FILE)) + len(new) + 8


def test_a_draft_is_short_where_the_reply_is_out_of_step() -> None:
    drafter = Original(FILE)
    assert len(drafter.draft(128)) == 128
    drafter.take([999])
    assert len(drafter.draft(128)) == 8


@given(TOKENS, TOKENS, st.integers(0, 9))
def test_whatever_is_said_is_said_exactly_in_at_most_a_step_for_each_token(
    original: list[int], reply: list[int], limit: int
) -> None:
    assert steps(original, reply, limit) <= len(reply)


@given(TOKENS, TOKENS)
def test_what_is_drafted_stands_in_the_original_or_in_the_reply(original: list[int], reply: list[int]) -> None:
    drafter = Original(original)
    for at in range(len(reply)):
        draft = drafter.draft(4)
        assert any(
            text[place : place + len(draft)] == draft
            for text in (original, reply[:at])
            for place in range(len(text) + 1)
        )
        drafter.take(reply[at : at + 1])


def test_it_needs_nothing_but_the_standard_library_where_it_is_loaded() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); from nightcrew_drafts import Original; print(Original([1, 2]).draft(9))"
    folder = str(Path(orchestrator.pool.drafting.__file__).parent)
    done = subprocess.run(
        (sys.executable, "-I", "-S", "-c", code, folder), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout == "[1, 2]\n", done.stderr


def test_an_engine_is_told_how_to_draft(tmp_path: Path) -> None:
    table = ModelTable(
        engine="vllm",
        model=str(tmp_path),
        program=sys.executable,
        drafts="original",
        draft_tokens=9,
        arguments=("--x",),
    )
    started = start("m", table, "127.0.0.1", 1, "key")
    told = json.loads(started.words[started.words.index("--speculative-config") + 1])
    assert told == {"method": "custom_class", "model": "nightcrew_drafts.plugin.Proposer", "num_speculative_tokens": 9}
    assert started.words[-3:] == ("--worker-cls", "nightcrew_drafts.plugin.Worker", "--x")
    assert Path(started.environment["PYTHONPATH"], "nightcrew_drafts", "plugin.py").is_file()


def test_n_grams_and_suffixes_are_the_engines_own() -> None:
    for drafts in ("ngram", "suffix"):
        assert draft_words(drafts, 5) == (
            "--speculative-config",
            json.dumps({"method": drafts, "num_speculative_tokens": 5}),
        )
        assert "PYTHONPATH" not in draft_environment(drafts, {})
    assert not draft_words("", 5)
    assert not draft_environment("", {})


@pytest.mark.parametrize("drafts", ["original", "ngram"])
def test_looking_n_grams_up_takes_no_threads_of_the_engine_unless_its_table_says_so(
    drafts: Literal["original", "ngram"],
) -> None:
    assert draft_environment(drafts, {})["NUMBA_THREADING_LAYER"] == "workqueue"
    assert draft_environment(drafts, {"NUMBA_THREADING_LAYER": "tbb"})["NUMBA_THREADING_LAYER"] == "tbb"


def test_packages_that_the_engine_has_by_a_path_of_its_own_stay() -> None:
    assert draft_environment("original", {"PYTHONPATH": "mine"})["PYTHONPATH"].endswith(f"{os.pathsep}mine")


def test_drafts_are_refused_for_engines_that_are_not_told_so() -> None:
    with pytest.raises(ValidationError, match="`drafts` is for the engine `vllm`"):
        ModelTable(engine="llama", model="m.gguf", drafts="ngram")
