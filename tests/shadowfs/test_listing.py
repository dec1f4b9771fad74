"""Git lists a working tree once, and again when a name or a rule in it is another: what is remembered is what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shadowfs import layer, pin
from shadowfs.listing import Listing, listed
from tests.shadowfs.pinning import contents
from tests.shadowfs.repositories import git, make, write


class Tree:
    """A working tree that git lists, and how often it did."""

    def __init__(self, root: Path, depot: Path) -> None:
        self.root, self.depot, self.asked = root, depot, 0

    def told(self) -> Listing:
        git_dir = self.root / ".git"
        return Listing(tuple(layer.list_untracked(git_dir, self.root)), tuple(layer.list_ignored(git_dir, self.root)))

    def ask(self) -> Listing:
        self.asked += 1
        return self.told()

    def seen(self, rules: bytes = b"") -> int:
        """Look, check that it is what git says, and return how often git was asked for that."""
        before = self.asked
        assert listed(self.depot, self.root, rules, self.ask) == self.told()
        return self.asked - before


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    repository = make(tmp_path / "r")
    write(repository, {"new": b"1", "pkg/also": b"2", "build/lib/x.o": b"3", "x.log": b"4", "pkg/__pycache__/c": b"5"})
    (tmp_path / "depot").mkdir()
    made = Tree(repository, tmp_path / "depot")
    # The first time it is not known what is ignored, and need not be looked through.
    assert [made.seen(), made.seen(), made.seen()] == [1, 1, 0]
    return made


def _into_a_directory(root: Path) -> None:
    (root / "x.log").unlink()
    (root / "x.log").mkdir()


def _into_a_link(root: Path) -> None:
    (root / "new").unlink()
    (root / "new").symlink_to("README.md")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file made": lambda root: write(root, {"pkg/deep/made": b""}),
    "a file removed": lambda root: (root / "pkg/also").unlink(),
    "a file renamed": lambda root: (root / "new").rename(root / "newer"),
    "a directory made": lambda root: (root / "pkg/empty").mkdir(),
    "a directory moved": lambda root: (root / "pkg/deep").rename(root / "deep"),
    "a rule": lambda root: write(root, {".gitignore": b"new\n"}),
    "a rule below": lambda root: write(root, {"pkg/.gitignore": b"also\n"}),
    "an ignored file": lambda root: write(root, {"pkg/y.log": b""}),
    "a file for a directory": _into_a_directory,
    "a link": _into_a_link,
}


@pytest.mark.parametrize("name", CHANGES)
def test_git_is_asked_again_where_something_is_another(tree: Tree, name: str) -> None:
    CHANGES[name](tree.root)
    assert tree.seen() == 1
    assert tree.seen() + tree.seen() <= 1 and tree.seen() == 0


def test_what_happens_below_an_ignored_directory_or_within_files_is_no_reason_to_ask(tree: Tree) -> None:
    write(tree.root, {"build/lib/y.o": b"", "new": b"another", "README.md": b"more\n"})
    assert tree.seen() == 0


def test_other_rules_of_the_user_are_asked_about(tree: Tree) -> None:
    assert [tree.seen(b"other"), tree.seen(b"other")] == [1, 0]


def test_a_nested_repository_and_a_large_tree_are_always_asked_about(tree: Tree) -> None:
    make(tree.root / "pkg/nested")
    assert [tree.seen() for _ in range(3)] == [1, 1, 1]
    (tree.root / "pkg/nested").rename(tree.root / "build/nested")
    tree.seen()
    assert tree.seen() + tree.seen() <= 1 and tree.seen() == 0
    write(tree.root, {f"many/{number}": b"" for number in range(2001)})
    assert [tree.seen() for _ in range(3)] == [1, 1, 1]


def test_a_memory_that_cannot_be_read_is_made_anew(tree: Tree) -> None:
    (tree.depot / "told-listing").write_bytes(b"\0not one")
    assert [tree.seen(), tree.seen(), tree.seen()] == [1, 1, 0]


def test_pins_that_follow_each_other_see_each_new_file(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    for number in range(4):
        write(repository, {f"new{number}": b""})
        assert {f"new{each}" for each in range(number + 1)} <= contents(pin(repository, tmp_path / "state")).keys()
        assert contents(pin(repository, tmp_path / "state")).keys() >= {f"new{number}"}
    git(repository, "rm", "--quiet", "--cached", "README.md")
    (repository / "new0").unlink()
    snapshot = pin(repository, tmp_path / "state")
    assert "README.md" in contents(snapshot) and "new0" not in contents(snapshot)
