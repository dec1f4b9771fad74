"""Every kind of index and clone is pinned as it is."""

from __future__ import annotations

from pathlib import Path

from shadowfs import Omission, PinTable
from tests.shadowfs.pinning import contents, pinned
from tests.shadowfs.repositories import FILES, git, make, write


def test_flags_of_the_index_hide_no_edit(tmp_path: Path) -> None:
    repository = make(tmp_path / "r")
    git(repository, "update-index", "--assume-unchanged", "README.md")
    git(repository, "update-index", "--skip-worktree", "pkg/core.py")
    write(repository, {"README.md": b"assumed\n", "pkg/core.py": b"skipped\n", "intended": b"intended\n"})
    git(repository, "add", "--intent-to-add", "intended")
    found = contents(pinned(repository, tmp_path))
    assert (found["README.md"], found["pkg/core.py"]) == (b"assumed\n", b"skipped\n")
    assert found["intended"] == b"intended\n"


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
