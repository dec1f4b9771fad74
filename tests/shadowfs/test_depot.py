"""The depot on real git."""

from __future__ import annotations

import os
import pickle
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowfs import Depot, DepotError, Entry, RefusedPath, pin
from shadowfs.borrow import deepen
from shadowfs.worktree import find
from tests.shadowfs.repositories import FILES, git, make, write

PLAIN, EXECUTABLE, LINK = 0o100644, 0o100755, 0o120000


@pytest.fixture
def depot(tmp_path: Path) -> Depot:
    return Depot.open(tmp_path / "state", tmp_path / "project x")


def tree_of(depot: Depot, files: dict[str, bytes]) -> str:
    empty = git(depot.path, "mktree").decode()
    return depot.graft(empty, {path: Entry(PLAIN, depot.write(data)) for path, data in files.items()})


def test_a_depot_is_named_after_its_repository_and_opened_again(tmp_path: Path) -> None:
    first = Depot.open(tmp_path, Path("/a/project x"))
    assert first.path.parent == tmp_path / "depots"
    assert first.path.name.startswith("project-x-") and first.path.suffix == ".git"
    assert Depot.open(tmp_path, Path("/a/project x")) == first
    assert Depot.open(tmp_path, Path("/b/project x")) != first
    with pytest.raises(DepotError, match="sha256"):
        Depot.open(tmp_path, Path("/a/project x"), "sha256")


def test_what_is_written_is_read(depot: Depot, tmp_path: Path) -> None:
    for data in (b"", b"text\n", bytes(range(256)) * 5000, b"\r\n"):
        assert depot.read(depot.write(data)) == data
    (tmp_path / "file").write_bytes(b"from a file\r\n")
    assert depot.read(depot.write_file(tmp_path / "file")) == b"from a file\r\n"
    with (tmp_path / "file").open("rb") as file:
        assert depot.write_file(file.fileno()) == depot.write(b"from a file\r\n")
    assert depot.write_files([tmp_path / "file"] * 2) == [depot.write(b"from a file\r\n")] * 2


def test_what_is_not_there_raises(depot: Depot) -> None:
    for name in ("0" * 40, "nonsense", "two words", "line\nbreak", ""):
        with pytest.raises(DepotError):
            depot.read(name)
    with pytest.raises(DepotError, match="is a tree"):
        depot.read(tree_of(depot, {"a": b"x"}))
    with pytest.raises(DepotError):
        depot.resolve("nonsense")
    # The reading process goes on.
    assert depot.read(depot.write(b"still")) == b"still"


def test_threads_and_forked_processes_read_side_by_side(depot: Depot) -> None:
    blobs = {depot.write(str(number).encode() * 5000): str(number).encode() * 5000 for number in range(8)}
    wrong: list[str] = []

    def read_all() -> None:
        wrong.extend(blob for blob, data in list(blobs.items()) * 20 if depot.read(blob) != data)

    threads = [threading.Thread(target=read_all) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    child = os.fork()
    if child == 0:
        os._exit(any(depot.read(blob) != data for blob, data in blobs.items()))
    read_all()
    assert os.waitpid(child, 0)[1] == 0
    assert not wrong


def test_a_depot_travels_as_its_path(depot: Depot) -> None:
    blob = depot.write(b"x")
    other = pickle.loads(pickle.dumps(depot))
    assert other == depot
    assert other.read(blob) == b"x"
    other.close()


def test_a_graft_puts_and_removes(depot: Depot) -> None:
    tree = tree_of(depot, {"a": b"1", "d/b": b"2", "d/e/c": b"3", "z": b"4"})
    new = Entry(EXECUTABLE, depot.write(b"new"))
    grafted = depot.graft(tree, {"d/e/c": None, "d/n/m": new, "z": None, "a": new})
    assert depot.entries(grafted) == {"a": new, "d/b": Entry(PLAIN, depot.write(b"2")), "d/n/m": new}
    assert depot.graft(tree, {}) == tree
    assert depot.graft(tree, {"not/there": None}) == tree
    emptied = depot.graft(tree, dict.fromkeys(depot.entries(tree)))
    assert depot.entries(emptied) == {}


def test_a_graft_swaps_files_and_directories(depot: Depot) -> None:
    one = Entry(PLAIN, depot.write(b"1"))
    tree = tree_of(depot, {"d/b": b"2", "f": b"x"})
    assert depot.entries(depot.graft(tree, {"d/b": None, "d": one, "f": None, "f/x": one})) == {"d": one, "f/x": one}


@pytest.mark.parametrize("path", ["../x", "a/../b", "a//b", "", "/a", "a/./b"])
def test_a_graft_refuses_paths_that_leave(depot: Depot, path: str) -> None:
    with pytest.raises(RefusedPath):
        depot.graft(tree_of(depot, {"a": b"1"}), {path: Entry(PLAIN, depot.write(b""))})


def test_a_change_names_what_differs(depot: Depot) -> None:
    base = tree_of(depot, {"kept": b"k", "gone": b"g", "edited": b"1", "caf\udce9 \n": b"o"})
    edited, added = Entry(PLAIN, depot.write(b"2")), Entry(LINK, depot.write(b"kept"))
    tree = depot.graft(base, {"gone": None, "edited": edited, "added": added, "caf\udce9 \n": edited})
    change = depot.change(base, tree)
    assert (change.base, change.tree) == (base, tree)
    kinds = [(file.path, file.kind, file.after) for file in change.files]
    assert kinds == [
        ("added", "added", added),
        ("caf\udce9 \n", "modified", edited),
        ("edited", "modified", edited),
        ("gone", "deleted", None),
    ]
    assert not depot.change(base, base)
    assert b"-1\n\\ No newline at end of file\n+2\n" in depot.diff(base, tree)


def test_a_diff_applies_also_binary_files(depot: Depot, tmp_path: Path) -> None:
    base = tree_of(depot, {"a": b"1\n", "b": b"\0\1"})
    tree = depot.graft(base, {"a": Entry(PLAIN, depot.write(b"2\n")), "b": Entry(PLAIN, depot.write(b"\0\2"))})
    work = make(tmp_path / "work", {"a": b"1\n", "b": b"\0\1"})
    git(work, "apply", input=depot.diff(base, tree))
    assert ((work / "a").read_bytes(), (work / "b").read_bytes()) == (b"2\n", b"\0\2")


def test_attributes_in_a_tree_run_nothing(depot: Depot, tmp_path: Path) -> None:
    base = tree_of(depot, {"a.x": b"1\n", ".gitattributes": b"*.x diff=evil filter=evil\n"})
    git(depot.path, "config", "diff.evil.textconv", f"touch {tmp_path}/ran;cat")
    git(depot.path, "config", "diff.evil.command", f"touch {tmp_path}/ran;true")
    tree = depot.graft(base, {"a.x": Entry(PLAIN, depot.write(b"2\n"))})
    assert b"+2" in depot.diff(base, tree)
    assert not (tmp_path / "ran").exists()


def test_a_commit_is_the_same_for_the_same_arguments(depot: Depot) -> None:
    tree = tree_of(depot, {"a": b"1"})
    when = datetime(2026, 11, 20, 12, 0, 1, tzinfo=UTC)
    commit = depot.commit(tree, [], "títle\n\nbody\n", when)
    assert depot.commit(tree, [], "títle\n\nbody\n", when) == commit
    child = depot.commit(tree, [commit], "next\n", when)
    assert depot.resolve(f"{child}^") == commit
    said = depot.read_commit(commit).decode()
    assert said.count("nightcrew <nightcrew@localhost> 1795176001 +0000\n") == 2
    assert said.endswith("\n\ntítle\n\nbody\n")


def test_what_is_kept_survives_a_gc_until_it_is_dropped(depot: Depot) -> None:
    blob = depot.write(b"kept")
    depot.keep("jobs/1", blob)
    assert depot.kept("jobs/1") == blob
    git(depot.path, "gc", "--quiet", "--prune=now")
    assert depot.read(blob) == b"kept"
    depot.drop("jobs/1")
    depot.drop("jobs/1")
    assert depot.kept("jobs/1") is None
    git(depot.path, "gc", "--quiet", "--prune=now")
    depot.close()
    with pytest.raises(DepotError):
        depot.read(blob)


def test_history_comes_when_asked(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    for number in range(5):
        write(repository, {"n": str(number).encode()})
        git(repository, "add", "n")
        git(repository, "commit", "--quiet", f"--message={number}")
    snapshot = pin(repository, tmp_path / "state")
    log = ("log", "--format=%s", snapshot.head)
    assert git(snapshot.depot.path, *log).split() == [b"4"]
    deepen(snapshot.depot, find(repository, {}), snapshot.head, 3)
    assert git(snapshot.depot.path, *log).split() == [b"4", b"3", b"2"]
    deepen(snapshot.depot, find(repository, {}), snapshot.head, 100)
    assert git(snapshot.depot.path, *log).split() == [b"4", b"3", b"2", b"1", b"0", b"first"]
    git(snapshot.depot.path, "fsck", "--strict")


def test_a_second_pin_brings_only_what_is_new(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    first = pin(repository, tmp_path / "state")
    before = git(first.depot.path, "count-objects")
    pin(repository, tmp_path / "state")
    assert git(first.depot.path, "count-objects") == before
    write(repository, {"README.md": b"second\n"})
    git(repository, "commit", "--quiet", "--all", "--message=second")
    second = pin(repository, tmp_path / "state")
    assert git(second.depot.path, "log", "--format=%s", second.head).split() == [b"second", b"first"]
    assert second.depot.entries(second.tree).keys() == FILES.keys()


PATHS = st.lists(st.sampled_from(["a", "b", "c.d", "e"]), min_size=1, max_size=3).map("/".join)


@settings(max_examples=10, deadline=None)
@given(
    before=st.dictionaries(PATHS, st.binary(max_size=4), max_size=5),
    after=st.dictionaries(PATHS, st.binary(max_size=4)),
)
def test_the_change_between_two_trees_leads_from_one_to_the_other(
    before: dict[str, bytes], after: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    depot = Depot.open(tmp_path_factory.mktemp("state"), Path("/r"))
    trees = [tree_of(depot, _possible(files)) for files in (before, after)]
    change = depot.change(*trees)
    assert depot.graft(trees[0], {file.path: file.after for file in change.files}) == trees[1]
    told = git(depot.path, "diff-tree", "-r", "-z", "--name-only", "--no-renames", *trees)
    assert [os.fsencode(file.path) for file in change.files] == [path for path in told.split(b"\0") if path]
    depot.close()


def _possible(files: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in files.items() if not any(path.startswith(f"{other}/") for other in files)}
