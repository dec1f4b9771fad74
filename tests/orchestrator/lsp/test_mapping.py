"""Where a hunk stands in a document that has moved on, and where that cannot be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.lsp.mapping import AMBIGUOUS, DONE, MISSING, Astray, Finder, Standing
from orchestrator.reading.hunks import lines
from tests.orchestrator import project
from tests.orchestrator.lsp.changed import buffer, hunks

BLOCK = "def one():\n    value = compute(1)\n    check(value)\n    return value\n"
LINES = st.lists(
    st.sampled_from(["", "}", "    return total", "def total(numbers):", "import numbers", "x = 1"]), max_size=8
)


def found(before: str, after: str, now: str) -> list[Standing | Astray]:
    """Place all hunks between two texts in a third."""
    old, new, document = lines(before.encode()), lines(after.encode()), buffer(now).lines()
    finder = Finder(old, new, document)
    return [finder.place(each) for each in hunks(before, after)]


def test_in_a_document_that_is_as_it_was_pinned_each_hunk_stands_where_it_was() -> None:
    after = project.FIXED.replace("    return result", "    assert result\n    return result")
    assert found(project.BUGGY, after, project.BUGGY) == [Standing(3), Standing(5)]


@given(LINES, LINES, LINES)
def test_a_hunk_is_found_where_it_was_or_told_to_have_no_place(
    before: list[str], after: list[str], more: list[str]
) -> None:
    one, other = ("".join(f"{line}\n" for line in each) for each in (before, after))
    for hunk, at in zip(hunks(one, other), found(one, other, one), strict=True):
        assert at == Standing(hunk.before.first) or isinstance(at, Astray)
    shifted = [f"# {number}" for number in range(3)] + more
    for hunk, at in zip(
        hunks(one, other), found(one, other, "".join(f"{line}\n" for line in shifted) + one), strict=True
    ):
        if isinstance(at, Standing) and hunk.before.lines:
            now = [*shifted, *before]
            assert tuple(now[at.first - 1 : at.first - 1 + len(hunk.before.lines)]) == hunk.before.lines


def test_lines_that_moved_take_their_hunk_with_them() -> None:
    assert found(project.BUGGY, project.FIXED, f'"""Sums."""\n\n\n{project.BUGGY}') == [Standing(6)]
    assert found(project.BUGGY, project.FIXED, project.BUGGY.replace("result", "outcome")) == [Standing(3)]
    added = project.BUGGY.replace("    return", "    log(result)\n    return")
    assert found(project.BUGGY, added, f"import log\n{project.BUGGY}") == [Standing(6)]


def test_of_lines_that_stand_several_times_the_same_one_is_meant() -> None:
    before = BLOCK * 3
    after = BLOCK + BLOCK.replace("(1)", "(2)") + BLOCK
    assert found(before, after, before) == [Standing(6)]
    assert found(before, after, f"import x\n{before}") == [Standing(7)]


def test_where_the_same_lines_came_or_went_it_is_ambiguous() -> None:
    after = BLOCK.replace("(1)", "(2)")
    assert found(BLOCK, after, BLOCK * 2) == [Astray(AMBIGUOUS)]
    three = BLOCK + BLOCK.replace("(1)", "(2)") + BLOCK
    assert found(BLOCK * 3, three, BLOCK * 2) == [Astray(AMBIGUOUS)]


def test_what_was_changed_meanwhile_is_missing_and_what_is_there_already_is_done() -> None:
    other = project.BUGGY.replace("numbers[1:]", "numbers[2:]")
    assert found(project.BUGGY, project.FIXED, other) == [Astray(MISSING)]
    assert found(project.BUGGY, project.FIXED, project.FIXED) == [Astray(DONE, done=True)]
    assert found(project.BUGGY, project.FIXED, "") == [Astray(MISSING)]
    added = project.BUGGY.replace("    return", "    log(result)\n    return")
    assert found(project.BUGGY, added, added) == [Astray(DONE, done=True)]
    assert found(added, project.BUGGY, project.BUGGY) == [Astray(DONE, done=True)]


def test_lines_added_at_an_edge_go_there_whatever_was_written_beyond_it_and_only_once() -> None:
    first, last = f"import log\n{project.BUGGY}", f"{project.BUGGY}\n\nlog.end(total)\n"
    assert found(project.BUGGY, first, f"# mine\n{project.BUGGY}") == [Standing(2)]
    assert found(project.BUGGY, last, f"{project.BUGGY}# mine\n") == [Standing(6)]
    for after in (first, last):
        assert found(project.BUGGY, after, after) == [Astray(DONE, done=True)]
        assert found(after, project.BUGGY, after) != [Astray(DONE, done=True)]
        assert found(after, project.BUGGY, project.BUGGY) == [Astray(DONE, done=True)]
    assert found(first, project.BUGGY, first.replace("import log", "import logging")) == [Astray(MISSING)]
    assert found("", "x = 1\n", "") == [Standing(1)]
    assert found("", "x = 1\n", "mine = 2\n") == [Astray(MISSING)]


def test_a_line_that_tells_nothing_is_not_found_elsewhere() -> None:
    before = "def first():\n    pass\n\n\ndef second():\n    call()\n"
    after = before.replace("    pass\n", "    done()\n")
    now = "def other():\n    leave()\n\n\ndef third():\n    pass\n"
    assert found(before, after, now) == [Astray(MISSING)]


def test_line_ends_do_not_matter_but_a_change_of_nothing_else_has_no_place() -> None:
    before, after = (text.replace("\n", "\r\n") for text in (project.BUGGY, project.FIXED))
    assert found(before, after, project.BUGGY) == [Standing(3)]
    (astray,) = found(project.BUGGY, before, project.BUGGY)
    assert isinstance(astray, Astray) and "line ends" in astray.why


@pytest.mark.parametrize("line", ["a \ufffd b", "half\rway"])
def test_what_an_editor_cannot_hold_as_it_is_has_no_place(line: str) -> None:
    (astray,) = found("one\ntwo\n", f"one\n{line}\n", "one\ntwo\n")
    assert isinstance(astray, Astray) and not astray.done
