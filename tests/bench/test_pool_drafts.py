"""What the pool's drafts are measured beside, and the most that any copy reaches."""

from __future__ import annotations

import pytest

from tests.bench.pool_drafts import NGRAM, WAYS, Edit, copied_at_best, per_step
from tests.bench.pool_drafts_peers import Ngram, Suffix

TEXT = tuple(range(100))


def test_n_grams_draft_what_stood_behind_the_first_place_of_the_longest() -> None:
    drafter = Ngram([1, 2, 3, 7, 2, 3, 8, 5, 2, 3], 2, 5)
    assert drafter.draft(3) == [7, 2, 3]
    drafter.take([8])
    assert drafter.draft(2) == [5, 2]
    drafter.take([9])
    assert drafter.draft(2) == []


def test_suffixes_draft_the_path_that_is_expected_to_last() -> None:
    drafter = Suffix([1, 2, 8, 9, 1, 2, 8, 9, 1, 2, 7, 0, 1, 2])
    assert drafter.draft(1) == [8]
    drafter.take([8])
    assert drafter.draft(9) == [9, 1, 2]


@pytest.mark.parametrize("limit", [8, 32])
def test_a_file_that_did_not_change_takes_as_few_steps_as_the_limit_allows(limit: int) -> None:
    edit = Edit((*TEXT, 1000), TEXT, TEXT)
    least = 99 / -(-99 // (limit + 1))
    assert per_step(WAYS["original"], [edit], limit) == copied_at_best([edit], limit) == least
    assert per_step(WAYS[NGRAM], [edit], limit) < least


def test_no_way_is_better_than_the_best_copy() -> None:
    after = (*TEXT[:30], 500, 501, *TEXT[40:60], 500, 501, *TEXT[60:])
    edit = Edit(TEXT, TEXT, after)
    assert all(per_step(make, [edit], 8) <= copied_at_best([edit], 8) for make in WAYS.values())
