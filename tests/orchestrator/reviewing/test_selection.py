"""Parts of a change: what is kept goes onto the base, byte by byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import UnknownHunk
from orchestrator.reading import read
from orchestrator.reading.hunks import hunks_of
from orchestrator.reviewing import Selection, named_part, selected
from shadowfs import Change, Depot, Entry

BEFORE = b"one\ntwo\nthree\nfour\nfive\nsix\n"
AFTER = b"ONE\ntwo\nthree\nfour\nFIVE\nand more\nsix\n"


@pytest.fixture
def depot(tmp_path: Path) -> Depot:
    return Depot.open(tmp_path, tmp_path / "repository")


def tree(depot: Depot, files: dict[str, bytes], mode: int = 0o100644) -> str:
    empty = depot.graft("4b825dc642cb6eb9a060e54bf8d69288fbee4904", {})
    return depot.graft(empty, {path: Entry(mode, depot.write(data)) for path, data in files.items()})


def change(depot: Depot, before: dict[str, bytes], after: dict[str, bytes]) -> Change:
    return depot.change(tree(depot, before), tree(depot, after))


def content(depot: Depot, made: str, path: str) -> bytes | None:
    entry = depot.entries(made).get(path)
    return None if entry is None else depot.read(entry.blob)


def ids(of: Change) -> list[str]:
    return [each.id for each in hunks_of(of)[0]]


def test_one_hunk_of_two_leaves_the_other_as_it_was(depot: Depot) -> None:
    made = change(depot, {"a.py": BEFORE}, {"a.py": AFTER})
    first, second = ids(made)
    assert content(depot, selected(made, depot, Selection(frozenset({first}))), "a.py") == BEFORE.replace(
        b"one", b"ONE"
    )
    assert content(depot, selected(made, depot, Selection(frozenset({second}))), "a.py") == AFTER.replace(
        b"ONE", b"one"
    )


def test_all_of_it_is_the_change_itself_and_nothing_the_base(depot: Depot) -> None:
    made = change(depot, {"a.py": BEFORE, "b.bin": b"\0"}, {"a.py": AFTER, "c.py": b"new\n", "b.bin": b"\0\1"})
    assert selected(made, depot, Selection(frozenset(ids(made)), frozenset({"b.bin"}))) == made.tree
    assert selected(made, depot, Selection()) == made.base


def test_files_come_and_go_only_where_they_are_kept(depot: Depot) -> None:
    made = change(depot, {"gone.py": b"x\n", "stays.py": b"y\n"}, {"stays.py": b"y\n", "new.py": b"z\n"})
    (new,) = (each.id for each in hunks_of(made)[0] if each.path == "new.py")
    part = selected(made, depot, Selection(frozenset({new})))
    assert set(depot.entries(part)) == {"gone.py", "stays.py", "new.py"}


def test_a_hunk_that_is_edited_has_the_lines_that_were_typed(depot: Depot) -> None:
    made = change(depot, {"a.py": BEFORE}, {"a.py": AFTER})
    first, second = ids(made)
    part = selected(made, depot, Selection(frozenset({first, second}), edits={second: ("V", "")}))
    assert content(depot, part, "a.py") == b"ONE\ntwo\nthree\nfour\nV\n\nsix\n"


def test_a_file_whose_last_line_has_no_end_gets_one_only_where_lines_follow(depot: Depot) -> None:
    made = change(depot, {"a": b"1\n2\n3"}, {"a": b"0\n1\n2\n3\n4"})
    first, last = ids(made)
    assert content(depot, selected(made, depot, Selection(frozenset({last}))), "a") == b"1\n2\n3\n4"
    assert content(depot, selected(made, depot, Selection(frozenset({first}))), "a") == b"0\n1\n2\n3"


def test_what_the_change_does_not_have_is_refused(depot: Depot) -> None:
    made = change(depot, {"a.py": BEFORE}, {"a.py": AFTER})
    for wrong in (
        Selection(frozenset({"0" * 12})),
        Selection(files=frozenset({"a.py"})),
        Selection(edits={ids(made)[0]: ("x",)}),
    ):
        with pytest.raises(UnknownHunk):
            selected(made, depot, wrong)


def test_parts_are_named_by_hunks_or_by_files(depot: Depot) -> None:
    made = change(depot, {"a.py": BEFORE, "b.py": b"x\n"}, {"a.py": AFTER, "b.py": b"y\n"})
    reading = read(made)
    first, second, other = ids(made)
    assert named_part(reading, ["a.py"], [first], {}).hunks == {second}
    assert named_part(reading, [], ["a.py"], {}).hunks == {other}
    with pytest.raises(UnknownHunk, match="by-cause"):
        named_part(reading, ["c.py"], [], {})


LINES = st.lists(st.sampled_from([b"a", b"b", b"c", b"\xff", b"d\r", b""]), max_size=8)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=LINES,
    after=LINES,
    ended=st.tuples(st.booleans(), st.booleans()),
    keep=st.lists(st.booleans(), min_size=8, max_size=8),
)
def test_what_is_kept_and_what_is_left_out_make_the_whole(
    depot: Depot, before: list[bytes], after: list[bytes], ended: tuple[bool, bool], keep: list[bool]
) -> None:
    """A part of the change, and then the rest of it on top, are the change."""
    old, new = (b"\n".join(side) + (b"\n" if end else b"") for side, end in zip((before, after), ended, strict=True))
    made = change(depot, {"a": old, "rest": b"r"}, {"a": new, "rest": b"r"})
    hunks, whole = hunks_of(made)
    chosen = frozenset(each.id for each, kept in zip(hunks, keep, strict=False) if kept)
    part = selected(made, depot, Selection(chosen, frozenset(each.path for each in whole)))
    rest = depot.change(part, made.tree)
    more, left = hunks_of(rest)
    full = Selection(frozenset(each.id for each in more), frozenset(each.path for each in left))
    assert selected(rest, depot, full) == made.tree
    assert len(more) <= len(hunks) - len(chosen) or whole
