"""A change goes into the working tree whole or not at all, around the edits made there since."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.applying import apply
from orchestrator.errors import WouldOverwrite
from shadowfs import Change, Entry, FileChange, RefusedPath

PLAIN, EXECUTABLE, LINK = 0o100644, 0o100755, 0o120000
LINES = b"one\ntwo\nthree\nfour\nfive\nsix\n"


class Texts(dict[str, bytes]):
    """Blobs whose ids are made up."""

    def read(self, blob: str) -> bytes:
        return self[blob]


def change(*files: tuple[str, tuple[int, bytes] | None, tuple[int, bytes] | None]) -> Change:
    blobs = Texts()

    def entry(side: tuple[int, bytes] | None) -> Entry | None:
        if side is None:
            return None
        name = f"blob {len(blobs)}"
        blobs[name] = side[1]
        return Entry(side[0], name)

    changes = tuple(FileChange(path, entry(before), entry(after)) for path, before, after in files)
    return Change("base", "tree", changes, blobs)


def test_files_are_changed_added_deleted_linked_and_made_executable(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"old\n")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/gone.py").write_bytes(b"bye\n")
    (tmp_path / "run").write_bytes(b"#!\n")
    done = apply(
        tmp_path,
        change(
            ("a.py", (PLAIN, b"old\n"), (PLAIN, b"new\n")),
            ("d/gone.py", (PLAIN, b"bye\n"), None),
            ("n/e/w.py", None, (PLAIN, b"\xff")),
            ("link", None, (LINK, b"a.py")),
            ("run", (PLAIN, b"#!\n"), (EXECUTABLE, b"#!\n")),
        ),
    )
    assert done == ("a.py", "d/gone.py", "n/e/w.py", "link", "run")
    assert (tmp_path / "a.py").read_bytes() == b"new\n"
    assert not (tmp_path / "d").exists()
    assert (tmp_path / "n/e/w.py").read_bytes() == b"\xff"
    assert (tmp_path / "link").readlink() == Path("a.py")
    assert (tmp_path / "run").stat().st_mode & 0o100
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.py", "link", "n", "run"]


def test_applying_twice_changes_nothing_more(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old\n")
    once = change(("a", (PLAIN, b"old\n"), (PLAIN, b"new\n")))
    assert apply(tmp_path, once) == ("a",)
    assert apply(tmp_path, once) == ()


def test_edits_of_other_lines_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(LINES.replace(b"one", b"1"))
    apply(tmp_path, change(("a", (PLAIN, LINES), (PLAIN, LINES.replace(b"six", b"6")))))
    assert (tmp_path / "a").read_bytes() == b"1\ntwo\nthree\nfour\nfive\n6\n"


@pytest.mark.parametrize("now", [b"mine\n", None, "directory", "link"])
def test_edits_in_the_way_are_named_and_nothing_at_all_is_written(tmp_path: Path, now: bytes | str | None) -> None:
    (tmp_path / "first").write_bytes(b"old\n")
    there = tmp_path / "second"
    if isinstance(now, bytes):
        there.write_bytes(now)
    elif now == "directory":
        there.mkdir()
    elif now == "link":
        there.symlink_to("first")
    with pytest.raises(WouldOverwrite, match="second"):
        apply(
            tmp_path,
            change(("first", (PLAIN, b"old\n"), (PLAIN, b"new\n")), ("second", (PLAIN, b"was\n"), (PLAIN, b"is\n"))),
        )
    assert (tmp_path / "first").read_bytes() == b"old\n"


def test_a_new_file_that_the_user_made_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"mine\n")
    with pytest.raises(WouldOverwrite):
        apply(tmp_path, change(("a", None, (PLAIN, b"theirs\n"))))


@pytest.mark.parametrize("path", ["out/x", "../x", "a/../../x", ".git/hooks/x", "a/.GIT/x", ".git"])
def test_nothing_is_written_outside_of_the_tree_or_into_git(tmp_path: Path, path: str) -> None:
    outside, tree = tmp_path / "outside", tmp_path / "tree"
    outside.mkdir()
    (tree / ".git").mkdir(parents=True)
    (tree / "out").symlink_to(outside)
    with pytest.raises(WouldOverwrite):
        apply(tree, change((path, None, (PLAIN, b"x"))))
    assert list(outside.iterdir()) == list((tree / ".git").iterdir()) == []


def test_a_submodule_is_not_touched(tmp_path: Path) -> None:
    with pytest.raises(WouldOverwrite):
        apply(tmp_path, change(("sub", None, (0o160000, b""))))


def test_what_was_written_is_taken_back_when_the_disk_refuses(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old\n")
    long = "n" * 300
    with pytest.raises(OSError, match="name too long"):
        apply(tmp_path, change(("a", (PLAIN, b"old\n"), (PLAIN, b"new\n")), (f"b/{long}", None, (PLAIN, b"x"))))
    assert (tmp_path / "a").read_bytes() == b"old\n"


def test_a_file_behind_a_link_of_the_same_change_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    # No tree of ours holds both; one that somebody crafted can.
    (tmp_path / "outside").mkdir()
    (tmp_path / "tree").mkdir()
    hostile = change(("a", None, (LINK, b"../outside")), ("a/made", None, (PLAIN, b"x")))
    with pytest.raises(RefusedPath):
        apply(tmp_path / "tree", hostile)
    assert list((tmp_path / "outside").iterdir()) == list((tmp_path / "tree").iterdir()) == []
