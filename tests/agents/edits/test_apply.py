"""The applier on trees in memory: whole or not at all, and byte for byte outside the edit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.edits import (
    Anchor,
    Anchored,
    Applied,
    Edit,
    How,
    Move,
    Refused,
    Remove,
    Replace,
    Whole,
    anchor,
    anchored,
    apply,
)

FILE = b"import os\n\n\ndef area(width, height):\n    # the size of a box\n    size = width * height\n    return size\n"


def applied(edits: list[Edit], files: dict[str, bytes], protected: tuple[str, ...] = ()) -> dict[str, bytes | None]:
    outcome = apply(edits, files, protected=protected)
    assert isinstance(outcome, Applied), outcome
    return dict(outcome.files)


def refused(edits: list[Edit], files: dict[str, bytes], protected: tuple[str, ...] = ()) -> str:
    outcome = apply(edits, files, protected=protected)
    assert isinstance(outcome, Refused), outcome
    return outcome.why


def one(search: str, replace: str, path: str = "a.py") -> Replace:
    return Replace(path, tuple(search.split("\n")), tuple(replace.split("\n")))


def test_an_exact_edit_says_where_it_took_effect() -> None:
    outcome = apply([one("    return size", "    return size + 1")], {"a.py": FILE})
    assert isinstance(outcome, Applied)
    assert outcome.files == {"a.py": FILE.replace(b"return size", b"return size + 1")}
    (placed,) = outcome.placed
    assert (placed.path, placed.first, placed.last, placed.how, placed.score) == ("a.py", 7, 7, How.EXACT, 1.0)


def test_edits_of_one_reply_build_on_each_other() -> None:
    edits: list[Edit] = [one("    return size", "    return half"), one("    return half", "    return size / 2")]
    assert applied(edits, {"a.py": FILE}) == {"a.py": FILE.replace(b"return size", b"return size / 2")}


def test_one_edit_without_a_target_refuses_them_all() -> None:
    edits: list[Edit] = [one("    return size", "    return 1"), one("def volume(box):", "def volume(crate):")]
    why = refused(edits, {"a.py": FILE})
    assert why.startswith("Nothing of this reply was applied.")
    assert "Edit 2, a.py" in why
    assert "Edit 1" not in why


def test_a_refusal_quotes_the_closest_lines_with_their_numbers() -> None:
    why = refused([one("    size = width + height\n    return size", "    return 0")], {"a.py": FILE})
    assert "a.py, lines 6 to 7:\n6|     size = width * height\n7|     return size" in why


def test_lines_that_stand_twice_are_refused_unless_a_hint_singles_one_out() -> None:
    twice = b"def f():\n    return 1\n\n\ndef g():\n    return 1\n"
    assert "2 places (lines 2, 6)" in refused([one("    return 1", "    return 2")], {"a.py": twice})
    for hint in (
        Replace("a.py", ("    return 1",), ("    return 2",), under=("def g():",)),
        Replace("a.py", ("    return 1",), ("    return 2",), line=6),
        Replace("a.py", ("    return 1",), ("    return 2",), at_end=True),
    ):
        assert applied([hint], {"a.py": twice}) == {"a.py": b"def f():\n    return 1\n\n\ndef g():\n    return 2\n"}


def test_a_wrong_line_number_decides_nothing() -> None:
    twice = b"def f():\n    return 1\n\n\ndef g():\n    return 1\n"
    assert "2 places" in refused([Replace("a.py", ("    return 1",), ("    return 2",), line=4)], {"a.py": twice})


def test_an_edit_that_breaks_the_file_is_refused_with_the_lines_around() -> None:
    why = refused([one("    return size", "    return (size")], {"a.py": FILE})
    assert "a.py would no longer parse, from line 7 on" in why
    assert "7|     return (size" in why


def test_a_file_that_never_parsed_may_be_edited() -> None:
    broken = FILE + b"def (:\n"
    assert applied([one("    return size", "    return 1")], {"a.py": broken})


def test_an_edit_that_was_made_before_is_told_so() -> None:
    done = FILE.replace(b"return size", b"return area_of(size)")
    assert "are there already, from line 7" in refused(
        [one("    return size", "    return area_of(size)")], {"a.py": done}
    )


def test_edits_that_change_nothing_are_refused() -> None:
    assert "change nothing" in refused([one("    return size", "    return size")], {"a.py": FILE})


def test_a_comment_that_stands_for_code_is_not_written() -> None:
    why = refused([one("    return size", "    # ... existing code ...\n    return 1")], {"a.py": FILE})
    assert "write out the lines it stands for" in why
    assert refused([Whole("a.py", ("def area(width, height):", "    # ... rest of the code ..."))], {"a.py": FILE})


@pytest.mark.parametrize("ending", [b"\r\n", b"\n", b"\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_endings_a_byte_order_mark_and_a_missing_last_newline_stay(ending: bytes, bom: bytes) -> None:
    before = bom + FILE.rstrip(b"\n").replace(b"\n", ending)
    after = before.replace(b"    return size", b"    size += 1" + ending + b"    return size + 1")
    assert applied(
        [one("    return size", "    size += 1\n    return size + 1")], {"a.txt": before, "b": b""} | {"a.py": before}
    ) == {"a.py": after}


def test_a_file_that_is_not_utf_8_keeps_its_bytes_and_takes_ascii_only() -> None:
    latin = b"# caf\xe9\nx = 1\ny = 2\n"
    assert applied([one("x = 1", "x = 3")], {"a.txt": latin, "a.py": latin}) == {"a.py": b"# caf\xe9\nx = 3\ny = 2\n"}
    assert "not UTF-8" in refused([one("x = 1", "x = 'é'")], {"a.py": latin})


def test_a_binary_file_is_not_edited_by_lines() -> None:
    assert "not a text file" in refused([one("x", "y", "a.bin")], {"a.bin": b"x\n\0\n"})


def test_files_are_made_moved_and_removed() -> None:
    edits: list[Edit] = [
        Whole("new/b.py", ("x = 1",), new=True),
        Move("a.py", "c/a.py"),
        Remove("old.py"),
        one("    return size", "    return 0", "c/a.py"),
    ]
    made = applied(edits, {"a.py": FILE, "old.py": b"pass\n"})
    assert made == {
        "new/b.py": b"x = 1\n",
        "a.py": None,
        "c/a.py": FILE.replace(b"return size", b"return 0"),
        "old.py": None,
    }


def test_what_is_new_must_not_be_there_yet() -> None:
    assert "is there already" in refused([Whole("a.py", ("x = 1",), new=True)], {"a.py": FILE})
    assert "is there already" in refused([Move("a.py", "b.py")], {"a.py": FILE, "b.py": b"x\n"})
    assert "a/b is there" in refused([Whole("a", ("x",))], {"a/b": b""})
    assert "a is there" in refused([Whole("a/b", ("x",))], {"a": b""})


def test_a_whole_file_keeps_the_endings_of_the_lines_it_keeps() -> None:
    mixed = b"one\r\ntwo\nthree"
    assert applied([Whole("a.txt", ("one", "2", "three"))], {"a.txt": mixed}) == {"a.txt": b"one\r\n2\nthree"}


@pytest.mark.parametrize(
    "path",
    [
        "../a.py",
        "/etc/passwd",
        ".git/config",
        "sub/.GIT/hooks/pre-commit",
        "a/../../b",
        "a//b",
        "",
        "a\\b",
        "a\0b",
        ".g\u200cit/config",
        "git~1/config",
        ".git /x",
        " .git/config",
        ".git./config",
    ],
)
def test_a_path_that_leaves_the_tree_or_enters_git_is_refused(path: str) -> None:
    files = {"a.py": FILE, path: FILE}
    for edit in (
        Whole(path, ("x",)),
        Remove(path),
        Move("a.py", path),
        Move(path, "b.py"),
        one("    return size", "    return 1", path),
    ):
        assert isinstance(apply([edit], files), Refused)


def test_a_protected_path_is_refused_however_it_is_named() -> None:
    files = {"tests/test_a.py": FILE, "a.py": FILE}
    for edit in (
        one("    return size", "    return 1", "tests/test_a.py"),
        one("    return size", "    return 1", "./tests/test_a.py"),
        one("    return size", "    return 1", "test_a.py"),
        Whole("tests/test_a.py", ("x",)),
        Remove("tests/test_a.py"),
        Move("tests/test_a.py", "b.py"),
        Move("a.py", "tests/test_a.py"),
    ):
        assert "protected" in refused([edit], files, ("tests/test_a.py",))


def test_a_path_that_is_not_there_is_answered_with_the_nearest() -> None:
    assert "did you mean src/shapes.py?" in refused(
        [one("x", "y", "src/shape.py")], {"src/shapes.py": FILE, "b.py": b""}
    )


def test_the_end_of_a_path_is_enough_where_one_file_has_it() -> None:
    assert applied([one("    return size", "    return 1", "a.py")], {"src/a.py": FILE}).keys() == {"src/a.py"}
    assert "did you mean" in refused(
        [one("    return size", "    return 1", "a.py")], {"src/a.py": FILE, "b/a.py": FILE}
    )


def test_anchors_name_lines_as_they_were_before_the_reply() -> None:
    shown = anchored(FILE).split("\n")
    assert shown[6] == f"7:{anchor('    return size')}|    return size"
    named = [Anchor(at, anchor(line)) for at, line in enumerate(FILE.decode().split("\n"), 1)]
    edits: list[Edit] = [
        Anchored("a.py", None, None, ("import sys",)),
        Anchored("a.py", named[4], named[5], ("    size = height * width", "    size += 0")),
        Anchored("a.py", named[6], None, ("", "", "area(1, 2)")),
    ]
    assert applied(edits, {"a.py": FILE}) == {
        "a.py": b"import sys\nimport os\n\n\ndef area(width, height):\n    size = height * width\n    size += 0\n    return size\n\n\narea(1, 2)\n"
    }


def test_an_anchor_whose_line_holds_something_else_is_refused_with_what_stands_there() -> None:
    why = refused(
        [Anchored("a.py", Anchor(6, anchor("    return size")), Anchor(6, anchor("    return size")), ())],
        {"a.py": FILE},
    )
    assert "6|     size = width * height" in why
    assert refused([Anchored("a.py", Anchor(600, "abcd"), None, ("x",))], {"a.py": FILE})


def test_two_anchored_edits_of_the_same_lines_are_refused() -> None:
    line = Anchor(7, anchor("    return size"))
    same = Anchored("a.py", line, line, ("    return 1",))
    assert "the same lines" in refused([same, same], {"a.py": FILE})


LINE = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0\ufeff"), max_size=12)
LINES = st.lists(LINE, max_size=8)


@given(LINES, st.lists(LINE, min_size=1, max_size=5), LINES, LINES, st.sampled_from(["\n", "\r\n"]))
def test_an_exact_edit_gives_the_exact_result(
    before: list[str], search: list[str], after: list[str], replace: list[str], ending: str
) -> None:
    search = [f"{at} {line} ." for at, line in enumerate(search)]
    replace = [f"new {at} {line} ." for at, line in enumerate(replace)]
    before, after = [f"before {line}" for line in before], [f"after {line}" for line in after]

    def text(middle: list[str]) -> bytes:
        return "".join(line + ending for line in [*before, *middle, *after]).encode()

    outcome = apply([Replace("a.txt", tuple(search), tuple(replace))], {"a.txt": text(search)})
    assert isinstance(outcome, Applied)
    assert outcome.files == {"a.txt": text(replace)}


@given(st.binary(max_size=60), LINES, LINES, LINES)
def test_nothing_outside_the_window_is_touched_and_a_refusal_changes_nothing(
    data: bytes, noise: list[str], search: list[str], replace: list[str]
) -> None:
    files = {"a.txt": data, "b.txt": "\n".join([*noise, "", *search]).encode()}
    kept = dict(files)
    edits: list[Edit] = [Replace(path, tuple(search), tuple(replace)) for path in files]
    for edit in edits:
        outcome = apply([edit], files)
        assert files == kept
        if isinstance(outcome, Applied):
            (placed,) = outcome.placed
            was, now = _lines(files[edit.path]), outcome.files[edit.path] or b""
            assert now.startswith(b"".join(was[: placed.first - 1]))
            assert now.endswith(b"".join(was[placed.last :]))


def _lines(data: bytes) -> list[bytes]:
    """Return lines as the applier counts them: only carriage returns and newlines end one."""
    return re.findall(rb"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", data)
