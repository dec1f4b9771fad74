from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shadowfs import CopyDriver, Driver, Follower, FuseDriver, MemoryDriver, NoSpace, Shadow, Snapshot, pin
from shadowfs.watcher import NotifiedWatcher, PollingWatcher, Watcher
from tests.shadowfs.conftest import at
from tests.shadowfs.repositories import digest, git, write

LONG_S = 60.0


@pytest.fixture(params=["fuse", "copy", "memory"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    made: Driver = (
        request.getfixturevalue("fuse")
        if request.param == "fuse"
        else CopyDriver(tmp_path / "state")
        if request.param == "copy"
        else MemoryDriver()
    )
    yield made
    made.close()


@pytest.fixture
def follower(snapshot: Snapshot, repository: Path, tmp_path: Path) -> Iterator[Follower]:
    with Follower(snapshot, lambda: pin(repository, tmp_path / "state")) as made:
        assert made.next() is None
        yield made


def follow(follower: Follower, shadow: Shadow, until: Callable[[], bool]) -> None:
    """Move a shadow from snapshot to snapshot until something holds."""
    while not until():
        newer = follower.next(LONG_S)
        assert newer is not None
        shadow.move(newer)


def content(shadow: Shadow, path: str) -> bytes | None:
    try:
        return shadow.read(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def save_over(path: Path, data: bytes) -> None:
    """Save as editors do: beside it, then over it."""
    beside = path.with_name(f"{path.name}.new")
    beside.write_bytes(data)
    beside.replace(path)


def swap_link(root: Path) -> None:
    (root / "other").symlink_to("README.md")
    (root / "other").rename(root / "link")


def replace_directory(root: Path) -> None:
    shutil.rmtree(root / "pkg/deep")
    (root / "pkg/deep").write_bytes(b"a file now\n")


SAVES: dict[str, tuple[Callable[[Path], object], str, bytes | None]] = {
    "in place": (lambda root: (root / "pkg/core.py").write_bytes(b"saved\n"), "pkg/core.py", b"saved\n"),
    "over": (lambda root: save_over(root / "pkg/core.py", b"over\n"), "pkg/core.py", b"over\n"),
    "deleted": (lambda root: (root / "untracked.txt").unlink(), "untracked.txt", None),
    "made": (lambda root: write(root, {"made/deep/new.py": b"new\n"}), "made/deep/new.py", b"new\n"),
    "link": (swap_link, "link", b"# A project\n"),
    "directory to file": (replace_directory, "pkg/deep", b"a file now\n"),
    "renamed": (lambda root: (root / "pkg").rename(root / "lib"), "lib/core.py", b"over\n"),
}


def test_saves_of_every_kind_show_in_a_shadow(
    driver: Driver, snapshot: Snapshot, follower: Follower, repository: Path, tmp_path: Path
) -> None:
    with driver.create(snapshot) as shadow:
        shadow.write("tests/own.py", b"own\n")
        for kind, (act, path, expected) in SAVES.items():
            assert content(shadow, path) != expected, kind
            act(repository)
            before = digest(repository)
            follow(follower, shadow, lambda path=path, expected=expected: content(shadow, path) == expected)  # type: ignore[misc]
            assert digest(repository) == before
        assert follower.snapshot.tree == pin(repository, tmp_path / "state").tree
        assert list(shadow.change().paths()) == ["tests/own.py"]


def test_what_the_shadow_has_of_its_own_stays(
    driver: Driver, snapshot: Snapshot, follower: Follower, repository: Path
) -> None:
    with driver.create(snapshot) as shadow:
        shadow.write("README.md", b"own\n")
        shadow.write("pkg/both.py", b"own\n")
        shadow.delete("untracked.txt")
        write(repository, {"README.md": b"user\n", "pkg/both.py": b"user\n", "untracked.txt": b"user\n", "last": b"1"})
        newer = follower.next(LONG_S)
        assert newer is not None
        moved = shadow.move(newer)
        assert moved.taken == ("last",) and moved.kept == ("README.md", "pkg/both.py", "untracked.txt")
        assert [content(shadow, path) for path in moved.kept] == [b"own\n", b"own\n", None]
        assert set(shadow.change().paths()) == set(moved.kept)
        assert shadow.change().before("README.md") == b"user\n"


def test_a_moved_directory_keeps_what_it_held_and_a_new_file_comes_where_it_was(
    driver: Driver, snapshot: Snapshot, follower: Follower, repository: Path
) -> None:
    with driver.create(snapshot) as shadow:
        for path in [path for path in shadow.paths() if path.startswith("pkg/")]:
            shadow.write(f"lib/{path}", shadow.read(path))
            shadow.delete(path)
        write(repository, {"pkg/core.py": b"user\n", "pkg/new.py": b"new\n"})
        newer = follower.next(LONG_S)
        assert newer is not None
        moved = shadow.move(newer)
        assert (moved.taken, moved.kept) == (("pkg/new.py",), ("pkg/core.py",))
        assert content(shadow, "pkg/core.py") is None and content(shadow, "pkg/new.py") == b"new\n"
        assert "pkg/new.py" not in set(shadow.change().paths())


def test_who_has_a_file_open_reads_on_what_he_opened(
    fuse: FuseDriver, snapshot: Snapshot, follower: Follower, repository: Path
) -> None:
    with fuse.create(snapshot) as shadow, shadow.fork() as fork:
        held = (at(shadow) / "pkg/core.py").open("rb", buffering=0)
        with held, (at(shadow) / "README.md").open("rb") as other:
            (at(shadow) / "pkg").stat()
            (repository / "pkg/core.py").write_bytes(b"saved\n")
            follow(follower, shadow, lambda: (at(shadow) / "pkg/core.py").read_bytes() == b"saved\n")
            assert held.read() == b"def answer():\n    return 42\n"
            assert other.read() == b"# A project\n"
        assert fork.read("pkg/core.py") == b"def answer():\n    return 42\n"
        with shadow.fork() as later:
            assert later.read("pkg/core.py") == b"saved\n"


def test_a_directory_that_the_shadow_renamed_holds_what_it_held(
    fuse: FuseDriver, snapshot: Snapshot, follower: Follower, repository: Path
) -> None:
    with fuse.create(snapshot) as shadow:
        (at(shadow) / "pkg").rename(at(shadow) / "lib")
        write(repository, {"pkg/deep/er/leaf.txt": b"user\n", "pkg/new.py": b"new\n"})
        newer = follower.next(LONG_S)
        assert newer is not None
        moved = shadow.move(newer)
        assert (moved.taken, moved.kept) == (("pkg/new.py",), ("pkg/deep/er/leaf.txt",))
        assert (at(shadow) / "lib/deep/er/leaf.txt").read_bytes() == b"leaf\n"
        assert [path.name for path in (at(shadow) / "pkg").iterdir()] == ["new.py"]
        changed = set(shadow.change().paths())
        assert "pkg/deep/er/leaf.txt" in changed and "pkg/new.py" not in changed


def test_no_read_is_torn_while_the_user_saves_and_the_shadow_writes(
    fuse: FuseDriver, snapshot: Snapshot, follower: Follower, repository: Path
) -> None:
    versions = [b"%d\n" % number * 60_000 for number in range(5)]
    write(repository, {"pkg/big.txt": versions[0]})

    def save() -> None:
        for number, version in enumerate(versions):
            if number % 2:
                save_over(repository / "pkg/big.txt", version)
            else:
                with (repository / "pkg/big.txt").open("wb", buffering=0) as file:
                    file.write(version[:70_000])
                    file.write(version[70_000:])

    with fuse.create(snapshot) as shadow:
        mounted = at(shadow)
        saving = threading.Thread(target=save)
        saving.start()
        seen: list[bytes] = []

        def read() -> bool:
            (mounted / "pkg/own.txt").write_bytes(b"own %d" % len(seen))
            if (mounted / "pkg/big.txt").exists():
                seen.append((mounted / "pkg/big.txt").read_bytes())
                assert seen[-1] in versions
            return bool(seen) and seen[-1] == versions[-1]

        follow(follower, shadow, read)
        saving.join()
        assert list(shadow.change().paths()) == ["pkg/own.txt"]


def test_a_checkout_shows_whole(fuse: FuseDriver, snapshot: Snapshot, follower: Follower, repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "other")
    write(repository, {f"many/{number % 9}/{number}.py": b"%d\n" % number for number in range(120)})
    git(repository, "add", "--all")
    git(repository, "commit", "-qm", "many")
    with fuse.create(snapshot) as shadow:

        def count() -> int:
            return len(list((at(shadow) / "many").rglob("*.py")))

        follow(follower, shadow, lambda: count() == 120)
        for branch, expected in (("main", 0), ("other", 120)):
            git(repository, "checkout", "-q", branch)
            newer = follower.next(LONG_S)
            assert newer is not None
            shadow.move(newer)
            assert count() == expected
            follow(follower, shadow, lambda branch=branch: shadow.snapshot.branch == branch)  # type: ignore[misc]
            assert count() == expected
        assert not shadow.change()


def test_a_file_that_is_being_written_is_not_there_yet(follower: Follower, repository: Path, tmp_path: Path) -> None:
    before = follower.snapshot
    with (repository / "README.md").open("wb", buffering=0) as file:
        file.write(b"half")
        write(repository, {"whole.txt": b"whole\n"})
        newer = follower.next(LONG_S)
        assert newer is not None
        changed = newer.depot.change(before.tree, newer.tree)
        # Unless this machine took a second for it: then the writer rests, and half is what he left.
        assert changed.after("whole.txt") == b"whole\n" and changed.after("README.md") in (None, b"half")
        file.write(b" and half")
    newest = follower.newest()
    assert newest.tree == pin(repository, tmp_path / "state").tree


@pytest.mark.parametrize("kind", [NotifiedWatcher, PollingWatcher])
def test_both_ways_of_watching_name_what_changed(kind: type[Watcher], repository: Path) -> None:
    watcher = (NotifiedWatcher if kind is NotifiedWatcher else PollingWatcher)(
        repository, lambda path: path == b"build"
    )
    write(repository, {"pkg/core.py": b"saved\n", "made/deep/new.py": b"new\n", "build/out.bin": b"again\n"})
    (repository / "untracked.txt").unlink()
    wanted = [b"pkg/core.py", b"made/deep/new.py", b"untracked.txt"]
    while not all(any(path == name or path.startswith(name + b"/") for name in watcher.changed) for path in wanted):
        watcher.look(LONG_S)
        watcher.writing()
    assert not any(name.startswith(b"build") for name in watcher.changed)
    watcher.close()


def test_new_rules_and_ignored_files_are_followed(follower: Follower, repository: Path, tmp_path: Path) -> None:
    for files in ({"fresh/__pycache__/x.pyc": b"1", "fresh/x.py": b"x\n"}, {".gitignore": b"*.txt\n", "no.txt": b"1"}):
        write(repository, files)
        whole = pin(repository, tmp_path / "state")
        while follower.snapshot.tree != whole.tree or follower.snapshot.ignored != whole.ignored:
            assert follower.next(LONG_S) is not None


def test_a_tree_that_cannot_be_pinned_is_told_and_followed_again(follower: Follower, repository: Path) -> None:
    head = (repository / ".git/HEAD").read_bytes()
    (repository / ".git/HEAD").write_bytes(b"ref: refs/heads/unborn\n")
    write(repository, {"a": b"1"})
    while not follower.trouble:
        follower.next(0.1)
    assert "no commit" in follower.trouble
    (repository / ".git/HEAD").write_bytes(head)
    write(repository, {"a": b"2"})
    while follower.trouble:
        follower.next(0.1)
    newest = follower.snapshot
    assert newest.depot.change(newest.head, newest.tree).after("a") == b"2"


def test_what_fails_is_told_and_tried_again_with_and_without_another_save(
    snapshot: Snapshot, repository: Path, tmp_path: Path
) -> None:
    failures = [NoSpace(28, "the disk is full"), PermissionError(13, "not allowed")]

    def pin_or_fail() -> Snapshot:
        if failures:
            raise failures.pop()
        return pin(repository, tmp_path / "state")

    with Follower(snapshot, pin_or_fail) as follower:
        assert follower.next() is None and "not allowed" in follower.trouble
        assert follower.next(LONG_S) is None and "the disk is full" in follower.trouble
        write(repository, {"a": b"1"})
        newer = follower.next(LONG_S)
        assert newer is not None and not follower.trouble
        assert newer.depot.change(snapshot.tree, newer.tree).after("a") == b"1"


def test_a_snapshot_that_lost_a_file_of_its_own_is_pinned_anew(
    snapshot: Snapshot, follower: Follower, repository: Path
) -> None:
    snapshot.pin.with_name("exclude").unlink()
    write(repository, {"a": b"1"})
    assert follower.next(LONG_S) is None and "exclude" in follower.trouble
    newer = follower.next(LONG_S)
    assert newer is not None and not follower.trouble
    assert newer.depot.change(snapshot.tree, newer.tree).after("a") == b"1"
