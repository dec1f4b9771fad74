"""Pinning real working trees: the tree is the raw bytes, the repository stays as it was."""

from __future__ import annotations

import os
import socket
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowfs import NotPinnable, Omission, PinTable, Snapshot, fingerprint, pin
from tests.shadowfs.pinning import contents, pinned
from tests.shadowfs.repositories import FILES, age, git, make, write


def test_a_clean_tree_is_its_head(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    snapshot = pinned(repository, tmp_path)
    assert snapshot.head == snapshot.base == git(repository, "rev-parse", "HEAD").decode()
    assert snapshot.tree == git(repository, "rev-parse", "HEAD^{tree}").decode()
    assert snapshot.branch == "main"
    assert not snapshot.dirty
    assert snapshot.repository == repository
    assert contents(snapshot) == FILES


def test_a_dirty_tree_is_pinned_as_it_is(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    age(repository)
    write(repository, {"README.md": b"edited\n", "staged.py": b"staged\n", "new/untracked.py": b"untracked\n"})
    git(repository, "add", "staged.py")
    write(repository, {"staged.py": b"staged, then edited\n"})
    git(repository, "rm", "--quiet", "--cached", "tests/test_core.py")
    (repository / "pkg/__init__.py").unlink()
    snapshot = pinned(repository, tmp_path)
    expected = {**FILES, "README.md": b"edited\n", "staged.py": b"staged, then edited\n"}
    del expected["pkg/__init__.py"]
    assert contents(snapshot) == {**expected, "new/untracked.py": b"untracked\n"}
    assert snapshot.dirty
    commit = snapshot.depot.read_commit(snapshot.base).decode()
    assert f"tree {snapshot.tree}\nparent {snapshot.head}\n" in commit
    assert "nightcrew: uncommitted work on main" in commit


def test_the_same_state_gives_the_same_base(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(repository, {"new": b"x"})
    first, second = pinned(repository, tmp_path), pinned(repository, tmp_path)
    assert first.id != second.id
    assert first.base == second.base


def test_a_snapshot_is_loaded_by_another_process(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(repository, {"caf\udce9.txt": b"x", ".env": b"s"})
    snapshot = pin(repository, tmp_path / "state", secret_patterns=["*.private"])
    assert Snapshot.load(tmp_path / "state", snapshot.id) == snapshot
    snapshot.forget()
    snapshot.forget()
    with pytest.raises(NotPinnable, match="pin the repository again"):
        Snapshot.load(tmp_path / "state", snapshot.id)


def test_a_file_of_the_same_size_written_in_the_same_moment_is_seen(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(repository, {"README.md": b"# A Project\n"})
    assert contents(pinned(repository, tmp_path))["README.md"] == b"# A Project\n"
    write(repository, {"README.md": b"# A PROJECT\n"})
    assert contents(pinned(repository, tmp_path))["README.md"] == b"# A PROJECT\n"


def test_young_files_come_from_their_blob(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    # Young is what changed within a tenth of a second before the pin looks: on a busy machine that takes a few tries.
    for _ in range(50):
        write(repository, {"young": b"x"})
        table = PinTable.load(pin(repository, tmp_path / "state").pin)
        young, settled = table.get(b"young"), table.get(b"pkg/core.py")
        assert young is not None and settled is not None
        if settled.live and not young.live:
            break
    else:
        pytest.fail("a file written just before the pin was never found young")
    assert settled.ino == (repository / "pkg/core.py").stat().st_ino
    assert settled.ctime_ns == (repository / "pkg/core.py").stat().st_ctime_ns


def test_line_ends_are_kept_with_text_auto(tmp_path: Path) -> None:
    files = {".gitattributes": b"* text=auto\n", "dos.txt": b"a\r\nb\r\n", "unix.txt": b"a\nb\n", "bin": b"\0\r\n"}
    repository = make(tmp_path / "r", files)
    age(repository)
    assert contents(pinned(repository, tmp_path)) == files
    time.sleep(0.2)  # Their change times cannot be made older, and young files come from their blob.
    table = PinTable.load(pinned(repository, tmp_path).pin)
    dos = table.get(b"dos.txt")
    assert dos is not None and dos.size == 6 and dos.live


def test_autocrlf_of_the_user_changes_nothing(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "config", "core.autocrlf", "true")
    write(repository, {"dos.txt": b"a\r\n"})
    git(repository, "add", "dos.txt")
    git(repository, "commit", "--quiet", "--message=dos")
    age(repository)
    assert contents(pinned(repository, tmp_path))["dos.txt"] == b"a\r\n"


def test_filters_and_keywords_never_run(tmp_path: Path) -> None:
    files = {".gitattributes": b"*.f filter=upper\n*.id ident\n", "a.f": b"lower\n", "b.id": b"$Id$\n"}
    repository = make(tmp_path / "r", files)
    git(repository, "config", "filter.upper.clean", f"touch {tmp_path}/ran; tr a-z A-Z")
    (tmp_path / "ran").unlink(missing_ok=True)
    git(repository, "add", "--renormalize", ".")
    (tmp_path / "ran").unlink()
    (repository / "b.id").unlink()
    git(repository, "checkout", "--", "b.id")
    git(repository, "commit", "--quiet", "--all", "--message=filtered")
    (tmp_path / "ran").unlink(missing_ok=True)
    age(repository)
    (tmp_path / "ran").unlink(missing_ok=True)
    found = contents(pinned(repository, tmp_path))
    assert found["a.f"] == b"lower\n"
    assert found["b.id"] == (repository / "b.id").read_bytes() != b"$Id$\n"
    assert not (tmp_path / "ran").exists()


def test_hooks_and_monitors_of_the_user_never_run(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(script))
    git(repository, "config", "core.hooksPath", str(tmp_path))
    git(repository, "config", "core.pager", str(script))
    write(repository, {"x": b"x"})
    pinned(repository, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_odd_names_and_contents_are_kept(tmp_path: Path) -> None:
    odd = {
        "with space.txt": b"1",
        'quo"te': b"2",
        "tab\tname": b"3",
        "line\nbreak": b"4",
        '"leading': b"5",
        "caf\udce9": b"\xff\xfe\0",
        "-dash": b"6",
        ":(glob)*": b"7",
        "back\\slash": b"8",
        "n" * 255: b"9",
        "ünï/çödé": b"10",
    }
    repository = make(tmp_path / "r s" / "with space", {**FILES, "old\nname": b"x", "caf\udce8": b"y"})
    write(repository, odd)
    snapshot = pinned(repository, tmp_path)
    assert contents(snapshot) == {**FILES, "old\nname": b"x", "caf\udce8": b"y", **odd}


def test_links_are_pinned_as_links(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    (repository / "out").symlink_to("/etc/passwd")
    (repository / "dangling").symlink_to("nowhere")
    (repository / "directory").symlink_to("pkg")
    git(repository, "add", "out")
    snapshot = pinned(repository, tmp_path)
    entries = snapshot.depot.entries(snapshot.tree)
    assert {entries[name].mode for name in ("out", "dangling", "directory")} == {0o120000}
    assert contents(snapshot)["out"] == b"/etc/passwd"


def test_a_directory_swapped_for_a_link_leads_nowhere(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    (repository / "pkg").rename(tmp_path / "moved")
    (repository / "pkg").symlink_to(tmp_path / "moved")
    found = contents(pinned(repository, tmp_path))
    assert found["pkg"] == os.fsencode(tmp_path / "moved")
    assert "pkg/core.py" not in found


def test_a_file_may_have_become_a_directory_and_back(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    (repository / "README.md").unlink()
    write(repository, {"README.md/inner": b"x"})
    (repository / "pkg/deep/er/leaf.txt").unlink()
    (repository / "pkg/deep/er").rmdir()
    (repository / "pkg/deep/er").write_bytes(b"now a file")
    found = contents(pinned(repository, tmp_path))
    assert found["README.md/inner"] == b"x"
    assert found["pkg/deep/er"] == b"now a file"


def test_ignored_files_are_the_live_layer(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(
        repository,
        {
            "build/lib/x.so": b"x",
            "a.log": b"x",
            "pkg/__pycache__/core.pyc": b"x",
            "stale/__pycache__/old.pyc": b"x",
            "mine.tmp": b"x",
        },
    )
    (repository / ".git/info/exclude").write_text("*.tmp\n")
    snapshot = pinned(repository, tmp_path)
    assert snapshot.ignored == ("a.log", "build", "mine.tmp", "pkg/__pycache__", "stale/__pycache__")
    assert contents(snapshot) == FILES


def test_the_fingerprint_moves_with_the_ignored_files_and_not_with_caches(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(repository, {"build/a": b"x", "build/sub/b": b"y"})
    snapshot = pinned(repository, tmp_path)
    assert fingerprint(repository, snapshot.ignored) == snapshot.fingerprint
    write(repository, {"build/__pycache__/a.pyc": b"z", "pkg/__pycache__/core.pyc": b"z"})
    assert fingerprint(repository, snapshot.ignored) == snapshot.fingerprint
    write(repository, {"build/sub/b": b"longer"})
    assert fingerprint(repository, snapshot.ignored) != snapshot.fingerprint


def test_secrets_are_hidden_and_tracked_ones_stay_in_the_tree(tmp_path: Path) -> None:
    files = {**FILES, "config/.env": b"TRACKED=1\n", ".env.example": b"EXAMPLE=1\n", "tests/server.key": b"fixture"}
    repository = make(tmp_path / "r", {path: data for path, data in files.items() if path != ".gitignore"})
    write(
        repository,
        {
            ".env": b"s",
            ".env.local": b"s",
            "deploy.key": b"s",
            "sub/id_rsa": b"s",
            "x.private": b"s",
            "lib/site-packages/certifi/cacert.key": b"public",
            "config/.env": b"TRACKED=secret now\n",
        },
    )
    snapshot = pin(repository, tmp_path / "state", secret_patterns=["*.private"])
    found = contents(snapshot)
    hidden = {omission.path for omission in snapshot.omitted if omission.why == "secret"}
    assert hidden == {".env", ".env.local", "deploy.key", "sub/id_rsa", "x.private", "config/.env"}
    assert found["config/.env"] == b"TRACKED=1\n"
    assert found[".env.example"] == b"EXAMPLE=1\n"
    assert {"tests/server.key", "lib/site-packages/certifi/cacert.key"} <= found.keys()
    assert not hidden & (found.keys() - {"config/.env"})
    row = PinTable.load(snapshot.pin).get(b"config/.env")
    assert row is not None and row.absent


def test_large_untracked_files_stay_out_of_the_tree(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    with (repository / "huge.bin").open("wb") as file:
        file.truncate(2 << 30)
    started = time.monotonic()
    snapshot = pinned(repository, tmp_path)
    assert time.monotonic() - started < 5
    assert snapshot.omitted == (Omission("huge.bin", "large"),)
    assert snapshot.ignored == ("huge.bin",)
    assert not snapshot.dirty


def test_special_files_are_left_out(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    os.mkfifo(repository / "pipe")
    (repository / "README.md").unlink()
    os.mkfifo(repository / "README.md")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(repository / "socket"))
        snapshot = pin(repository, tmp_path / "state")
    assert Omission("README.md", "special file") in snapshot.omitted
    assert not {"pipe", "socket", "README.md"} & contents(snapshot).keys()


def test_an_amended_and_pruned_commit_stays_in_the_depot(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    snapshot = pin(repository, tmp_path / "state")
    write(repository, dict.fromkeys(FILES, b"replaced"))
    git(repository, "commit", "--quiet", "--all", "--amend", "--message=amended")
    git(repository, "reflog", "expire", "--expire=now", "--all")
    git(repository, "gc", "--quiet", "--prune=now")
    snapshot.depot.close()
    assert contents(snapshot) == FILES
    git(snapshot.depot.path, "fsck", "--strict")
    git(snapshot.depot.path, "gc", "--quiet", "--prune=now")
    assert contents(snapshot) == FILES


def test_stashes_and_other_branches_stay_unseen(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "checkout", "--quiet", "-b", "private")
    write(repository, {"private.txt": b"private\n"})
    git(repository, "add", "private.txt")
    git(repository, "commit", "--quiet", "--message=private")
    blob = git(repository, "rev-parse", "HEAD:private.txt").decode()
    git(repository, "checkout", "--quiet", "main")
    assert not pin(repository, tmp_path / "state").depot.has(blob)


def test_threads_pin_a_repository_at_once(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    with ThreadPoolExecutor(4) as threads:
        pinned = list(threads.map(lambda _: pin(repository, tmp_path / "state"), range(24)))
    assert len({snapshot.id for snapshot in pinned}) == 24 and {snapshot.tree for snapshot in pinned} == {
        pinned[0].tree
    }
    assert contents(pin(repository, tmp_path / "state")) == FILES
    for snapshot in pinned:
        snapshot.depot.close()


NAMES = st.sampled_from(["a", "b", "c d", "é", "x.log", "caf\udce9"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.binary(max_size=40), max_size=6)


def possible(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return these files without those that lie below another one."""
    return {path: data for path, data in files.items() if not any(path.startswith(f"{other}/") for other in files)}


@settings(max_examples=12, deadline=None)
@given(committed=TREES, edited=TREES)
def test_the_pinned_tree_is_the_raw_working_tree(committed: dict[str, bytes], edited: dict[str, bytes]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        repository = make(Path(directory) / "r", possible(committed))
        first = pin(repository, Path(directory) / "state")
        assert contents(first) == possible(committed)
        kept = {path: data for path, data in possible(committed).items() if len(path) % 2}
        for path in possible(committed).keys() - kept.keys():
            (repository / path).unlink()
        wanted = {**kept, **edited}
        wanted = {path: data for path, data in possible(wanted).items() if not (repository / path).is_dir()}
        wanted = {path: data for path, data in wanted.items() if not _below_a_file(repository, path)}
        write(repository, wanted)
        there = {
            str(path.relative_to(repository)): path.read_bytes()
            for path in repository.rglob("*")
            if path.is_file() and ".git" not in path.parts
        }
        snapshot = pin(repository, Path(directory) / "state")
        assert contents(snapshot) == there
        snapshot.depot.close()
        first.depot.close()


def _below_a_file(repository: Path, path: str) -> bool:
    return any((repository / parent).is_file() for parent in Path(path).parents)
