"""Pinning real working trees, also the odd ones: the tree is the raw bytes, the repository stays as it was."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadowfs import NotPinnable, Omission, PinTable, Snapshot, fingerprint, pin
from tests.shadowfs.repositories import FILES, age, digest, git, make, write


def contents(snapshot: Snapshot) -> dict[str, bytes]:
    """Return what the pinned tree holds."""
    entries = snapshot.depot.entries(snapshot.tree)
    return {path: snapshot.depot.read(entry.blob) for path, entry in entries.items() if entry.mode != 0o160000}


def pinned(repository: Path, tmp_path: Path) -> Snapshot:
    """Pin, and check that the repository was not touched."""
    before = digest(repository)
    snapshot = pin(repository, tmp_path / "state")
    assert digest(repository) == before
    return snapshot


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


def test_any_directory_inside_finds_the_tree(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    assert pin(repository / "pkg/deep", tmp_path / "state").repository == repository


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


def test_flags_of_the_index_hide_no_edit(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "update-index", "--assume-unchanged", "README.md")
    git(repository, "update-index", "--skip-worktree", "pkg/core.py")
    write(repository, {"README.md": b"assumed\n", "pkg/core.py": b"skipped\n", "intended": b"intended\n"})
    git(repository, "add", "--intent-to-add", "intended")
    found = contents(pinned(repository, tmp_path))
    assert (found["README.md"], found["pkg/core.py"]) == (b"assumed\n", b"skipped\n")
    assert found["intended"] == b"intended\n"


def test_a_detached_head_has_no_branch(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "checkout", "--quiet", "--detach")
    write(repository, {"x": b"x"})
    snapshot = pinned(repository, tmp_path)
    assert snapshot.branch is None
    assert f"uncommitted work at {snapshot.head[:12]}" in snapshot.depot.read_commit(snapshot.base).decode()


def test_line_ends_are_kept_with_text_auto(tmp_path: Path) -> None:
    files = {".gitattributes": b"* text=auto\n", "dos.txt": b"a\r\nb\r\n", "unix.txt": b"a\nb\n", "bin": b"\0\r\n"}
    repository = make(tmp_path / "r", files)
    age(repository)
    assert contents(pinned(repository, tmp_path)) == files
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


def test_the_users_global_ignore_file_counts(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    write(tmp_path / "home", {".config/git/ignore": b"*.swp\n", ".gitconfig": b"", "elsewhere": b"*.bak\n"})
    write(repository, {"x.swp": b"x", "x.bak": b"x"})
    environ = {"HOME": str(tmp_path / "home")}
    assert pin(repository, tmp_path / "state", environ=environ).ignored == ("x.swp",)
    (tmp_path / "home/.gitconfig").write_text("[core]\nexcludesFile = ~/elsewhere\n")
    assert pin(repository, tmp_path / "state", environ=environ).ignored == ("x.bak",)


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


def test_nested_repositories_and_submodules_are_live(tmp_path: Path) -> None:
    library = make(tmp_path / "library", {"lib.py": b"x"})
    repository = make(tmp_path / "r")
    git(repository, "submodule", "--quiet", "add", str(library), "vendor/library")
    git(repository, "commit", "--quiet", "--message=submodule")
    make(repository / "nested", {"n.py": b"x"})
    snapshot = pinned(repository, tmp_path)
    assert set(snapshot.omitted) == {
        Omission("vendor/library", "submodule"),
        Omission("nested", "nested repository"),
    }
    assert snapshot.ignored == ("nested", "vendor/library")
    assert snapshot.tree == git(repository, "rev-parse", "HEAD^{tree}").decode()


def test_a_linked_worktree_is_pinned(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "side")
    write(tmp_path / "linked", {"README.md": b"linked\n"})
    snapshot = pinned(tmp_path / "linked", tmp_path)
    assert (snapshot.branch, snapshot.repository) == ("side", tmp_path / "linked")
    assert contents(snapshot)["README.md"] == b"linked\n"


def test_a_sparse_checkout_keeps_what_it_does_not_show(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "sparse-checkout", "set", "--cone", "--sparse-index", "pkg")
    assert not (repository / "tests").exists()
    snapshot = pinned(repository, tmp_path)
    assert snapshot.tree == git(repository, "rev-parse", "HEAD^{tree}").decode()
    row = PinTable.load(snapshot.pin).get(b"tests/test_core.py")
    assert row is not None and row.absent


def test_a_partial_clone_fetches_nothing(tmp_path: Path) -> None:
    origin = make(tmp_path / "origin")
    git(origin, "config", "uploadpack.allowFilter", "true")
    url = f"file://{origin}"
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", "--sparse", "--no-local", url, str(tmp_path / "r"))
    origin.rename(tmp_path / "gone")
    repository = tmp_path / "r"
    write(repository, {"README.md": b"edited\n"})
    snapshot = pinned(repository, tmp_path)
    entries = snapshot.depot.entries(snapshot.tree)
    assert snapshot.depot.read(entries["README.md"].blob) == b"edited\n"
    assert snapshot.depot.read(entries[".gitignore"].blob) == FILES[".gitignore"]
    assert "pkg/core.py" in entries


def test_a_shallow_clone_is_pinned(tmp_path: Path) -> None:
    origin = make(tmp_path / "origin")
    write(origin, {"README.md": b"second\n"})
    git(origin, "commit", "--quiet", "--all", "--message=second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{origin}", str(tmp_path / "r"))
    assert contents(pinned(tmp_path / "r", tmp_path))["README.md"] == b"second\n"


def test_a_split_index_is_pinned(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "update-index", "--split-index")
    write(repository, {"new.py": b"x", "README.md": b"y"})
    git(repository, "add", "new.py")
    assert list((repository / ".git").glob("sharedindex.*"))
    assert contents(pinned(repository, tmp_path)) == {**FILES, "new.py": b"x", "README.md": b"y"}


def test_a_sha256_repository_is_pinned(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", FILES, "--object-format=sha256")
    write(repository, {"new.py": b"x"})
    snapshot = pinned(repository, tmp_path)
    assert len(snapshot.tree) == 64
    assert contents(snapshot) == {**FILES, "new.py": b"x"}


def test_a_repository_without_an_index_is_pinned(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    (repository / ".git/index").unlink()
    assert contents(pinned(repository, tmp_path)) == FILES


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


def refused(directory: Path, tmp_path: Path) -> str:
    with pytest.raises(NotPinnable) as raised:
        pin(directory, tmp_path / "state")
    assert not list((tmp_path / "state").glob("pins/*"))
    return str(raised.value)


def test_what_cannot_be_pinned_says_why_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert "run `git init`" in refused(tmp_path / "plain", tmp_path)
    assert "no directory" in refused(tmp_path / "nowhere", tmp_path)
    (tmp_path / "unborn").mkdir()
    git(tmp_path / "unborn", "init", "--quiet")
    assert "no commit yet" in refused(tmp_path / "unborn", tmp_path)
    repository = make(tmp_path / "r")
    assert "inside a git directory" in refused(repository / ".git", tmp_path)
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), str(tmp_path / "bare.git"))
    assert "bare repository" in refused(tmp_path / "bare.git", tmp_path)


def test_an_unfinished_merge_is_refused(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "checkout", "--quiet", "-b", "other")
    write(repository, {"README.md": b"theirs\n"})
    git(repository, "commit", "--quiet", "--all", "--message=theirs")
    git(repository, "checkout", "--quiet", "main")
    write(repository, {"README.md": b"ours\n"})
    git(repository, "commit", "--quiet", "--all", "--message=ours")
    subprocess.run(["git", "-C", repository, "merge", "--quiet", "other"], check=False, capture_output=True)
    assert "unmerged files (README.md)" in refused(repository, tmp_path)


def test_a_state_inside_the_repository_is_refused(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    with pytest.raises(NotPinnable, match="--state"):
        pin(repository, repository / "state")


def test_a_repository_of_another_user_is_refused_clearly(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory to somebody else")
    repository = make(tmp_path / "r")
    os.chown(repository, 12345, 12345)
    os.chown(repository / ".git", 12345, 12345)
    said = refused(repository, tmp_path)
    assert "another user" in said and f"safe.directory '{repository}'" in said


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
