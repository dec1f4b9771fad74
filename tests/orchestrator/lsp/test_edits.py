"""Hunks become edits of documents: what comes out is what was proposed, around what the user has written meanwhile."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.lsp.buffers import Buffer
from orchestrator.lsp.edits import Created, Deleted, Edited, planned
from tests.orchestrator import project
from tests.orchestrator.lsp.changed import PATH, URI, buffer, edited, proposal

LINES = st.lists(
    st.sampled_from(["import numbers", "def total(numbers):", "    return numbers", "", "a = 'é'"]), max_size=9
)
ENDS = st.sampled_from(["\n", "\r\n"])


def applied(before: str | None, after: str | None, now: Buffer | None) -> tuple[str, int, tuple[str, ...]]:
    """Return what all hunks between two texts make of a document, how many were put in, and what was left."""
    found = proposal(before, after)
    plan = planned(found, [each.hunk for each in found.hunks], lambda _: (URI, now))
    text = "" if now is None else now.text.text
    for each in plan.edits:
        assert isinstance(each, Edited)
        text = edited(each.buffer, each.edits)
    return text, sum(len(each.edits) for each in plan.edits if isinstance(each, Edited)), plan.left


@given(LINES, LINES, st.booleans(), st.booleans(), ENDS)
def test_in_a_document_as_it_was_pinned_the_proposal_comes_out(
    before: list[str], after: list[str], one: bool, other: bool, end: str
) -> None:
    first, last = (
        "\n".join(each) + ("\n" if ended and each else "") for each, ended in ((before, one), (after, other))
    )
    now = buffer(first.replace("\n", end))
    text, count, left = applied(first, last, now)
    if count and not left:
        # How a text ends that no hunk reaches is no hunk's.
        wanted = last if last.splitlines() != first.splitlines() else first
        new = end if "\n" in first else "\n"
        assert text.rstrip("\r\n") == wanted.replace("\n", new).rstrip("\r\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("first line here\nsecond line here\n", "first line here\nsecond line there"),
        ("first line here\nsecond line here", "first line here\nsecond line there\n"),
        ("first line here\nsecond line here\n", "first line here\n"),
        ("first line here\nsecond line here", "first line here"),
        ("first line here\nsecond line here", "first line here\n"),
        ("first line here", "first line here\nand another"),
        ("first line here\n", "first line here\nand another\n"),
        ("first line here\nsecond line here\n", ""),
        ("", "first line here\n"),
        ("first line here\nsecond line here\n", "second line here\n"),
        ("second line here", "first line here\nsecond line here"),
    ],
)
def test_the_end_of_a_text_comes_out_as_it_was_proposed(before: str, after: str) -> None:
    text, count, left = applied(before, after, buffer(before))
    assert (text, count, left) == (after, 1, ())


def test_what_the_user_wrote_elsewhere_stays_and_lines_end_as_his_do() -> None:
    mine = ("# mine\n" + project.BUGGY + "\n# mine too").replace("\n", "\r\n")
    text, count, left = applied(project.BUGGY, project.FIXED, buffer(mine))
    assert (count, left) == (1, ())
    assert text == mine.replace("numbers[1:]", "numbers")


def test_hunks_that_have_no_place_are_left_and_told() -> None:
    after = project.FIXED.replace("return result", "return int(result)")
    now = project.BUGGY.replace("numbers[1:]", "numbers[2:]")
    text, count, left = applied(project.BUGGY, after, buffer(now))
    assert (text, count) == (now.replace("return result", "return int(result)"), 1)
    assert len(left) == 1 and left[0].startswith("sums.py, line 3: its lines")
    again = proposal(project.BUGGY, after)
    plan = planned(again, [each.hunk for each in again.hunks], lambda _: (URI, buffer(after)))
    assert (plan.edits, plan.left) == ((), ()) and len(plan.done) == 2


def test_files_come_and_go_only_where_nothing_of_the_users_is_in_the_way() -> None:
    made, gone = proposal(None, "a = 1\n"), proposal(project.BUGGY, None)
    new, old = ([each.hunk for each in found.hunks] for found in (made, gone))
    assert planned(made, new, lambda _: (URI, None)).edits == (Created(URI, "a = 1\n"),)
    assert planned(gone, old, lambda _: (URI, buffer(project.BUGGY))).edits == (Deleted(URI),)
    kept = planned(gone, old, lambda _: (URI, buffer(project.FIXED)))
    assert (kept.edits, kept.left) == (
        (),
        (f"{PATH}: it was changed since the ticket was pinned, and would be deleted",),
    )
    there = planned(made, new, lambda _: (URI, buffer("mine = 2\n")))
    assert there.edits == () and there.left
    changed = proposal("a\n", "b\n")
    missing = planned(changed, [each.hunk for each in changed.hunks], lambda _: (URI, None))
    assert "there is no such file" in missing.left[0]
