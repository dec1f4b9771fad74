"""Host-side reading and writing never leaves the tree, not even while names are swapped under it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowfs import RefusedPath
from shadowfs.beneath import delete_beneath, open_beneath, read_beneath, write_beneath


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "a/b").mkdir(parents=True)
    (root / "a/b/file").write_bytes(b"inside")
    (root / ".git").write_bytes(b"gitdir: elsewhere")
    (tmp_path / "secret").write_bytes(b"outside")
    return root


@pytest.fixture
def root(tree: Path) -> Iterator[int]:
    descriptor = os.open(tree, os.O_PATH | os.O_DIRECTORY)
    yield descriptor
    os.close(descriptor)


def test_links_inside_are_followed_wherever_they_turn(tree: Path, root: int) -> None:
    (tree / "a/up").symlink_to("../a/./b")
    (tree / "chain").symlink_to("a/up/file")
    (tree / "a/b/back").symlink_to("../..")
    assert read_beneath(root, "chain") == b"inside"
    assert read_beneath(root, "a/b/back/a/up/file") == b"inside"
    write_beneath(root, "a/up/new/deep", b"x")
    assert (tree / "a/b/new/deep").read_bytes() == b"x"


@pytest.mark.parametrize(
    "target",
    ["/etc/passwd", "../secret", "a/../../secret", "../tree/../secret", ".git", "a/../.git", "/proc/self/root"],
)
def test_links_out_of_the_tree_and_into_git_are_refused(tree: Path, root: int, target: str) -> None:
    (tree / "link").symlink_to(target)
    (tree / "again").symlink_to("link")
    for path in ("link", "again", "link/x"):
        with pytest.raises((RefusedPath, NotADirectoryError)):
            read_beneath(root, path)
        with pytest.raises((RefusedPath, NotADirectoryError)):
            write_beneath(root, path, b"planted")
    assert (tree.parent / "secret").read_bytes() == b"outside"
    assert (tree / ".git").read_bytes() == b"gitdir: elsewhere"
    delete_beneath(root, "link")
    assert not (tree / "link").is_symlink()


def test_a_loop_of_links_ends(tree: Path, root: int) -> None:
    (tree / "one").symlink_to("two")
    (tree / "two").symlink_to("one")
    with pytest.raises(OSError, match="symbolic links"):
        read_beneath(root, "one")


def test_pipes_and_devices_are_refused_at_once(tree: Path, root: int) -> None:
    os.mkfifo(tree / "pipe")
    for attempt in (lambda: read_beneath(root, "pipe"), lambda: write_beneath(root, "pipe", b"x")):
        with pytest.raises(RefusedPath):
            attempt()


def test_descriptors_do_not_leak(root: int) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("a/b/file", "a/b/none", "../x", "a/b"):
        try:
            os.close(open_beneath(root, path, os.O_RDONLY))
        except (RefusedPath, OSError):
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_directory_swapped_for_a_link_while_writing_leads_nowhere(tree: Path, root: int) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    ended = threading.Event()

    def swap() -> None:
        while not ended.is_set():
            (tree / "a").rename(tree / "aside")
            (tree / "a").symlink_to(outside)
            (tree / "a").unlink()
            (tree / "aside").rename(tree / "a")

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for number in range(2000):
            try:
                os.close(open_beneath(root, f"a/f{number % 7}", os.O_WRONLY | os.O_CREAT))
                read_beneath(root, "a/f0")
            except (RefusedPath, OSError):
                continue
    finally:
        ended.set()
        swapping.join()
    assert list(outside.iterdir()) == []
