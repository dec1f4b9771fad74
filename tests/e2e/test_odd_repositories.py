"""Repositories that are not as in a book: the bug is fixed all the same, and nothing but delivery's additions appears."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.library import git
from tests.e2e.project import fix, fixed, make_project, write
from tests.e2e.traces import added_by_delivery_only, digest, left_behind

QUIET = ("-c", "protocol.file.allow=always", "-c", "advice.detachedHead=false")


def delivered(repository: Path, tmp_path: Path, *words: str, common: Path | None = None) -> None:
    """Fix the bug in a repository; check the branch, and that the repository has nothing else that is new."""
    before = digest(repository)
    answer = fix(repository, tmp_path / "state", *words)
    assert (answer.status, answer.document["status"]) == (0, "verified"), answer
    assert fixed(common or repository, answer.document["branch"])
    assert added_by_delivery_only(before, digest(repository))
    assert left_behind(tmp_path / "state") == []


@pytest.mark.parametrize("driver", ["fuse", "copy"])
def test_either_driver(tmp_path: Path, driver: str) -> None:
    repository = make_project(tmp_path / "repository")
    answer = fix(repository, tmp_path / "state", "--driver", driver)
    assert (answer.status, answer.document["shadow"]["driver"]) == (0, driver), answer


def test_a_path_with_spaces_and_quotes(tmp_path: Path) -> None:
    delivered(make_project(tmp_path / 'my repository\'s "copy" ü'), tmp_path)


def test_a_detached_head(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    git(repository, "checkout", "-q", "--detach")
    delivered(repository, tmp_path)


def test_a_dirty_tree_delivers_on_top_of_the_uncommitted_work(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    write(
        repository,
        {
            "README": "changed\n",
            "new.py": "NEW = 1\n",
            "tests/test_new.py": "import new\n\ndef test_new():\n    assert new.NEW\n",
        },
    )
    git(repository, "add", "new.py")
    git(repository, "rm", "-q", "--cached", ".gitignore")
    delivered(repository, tmp_path)


def test_a_linked_worktree(tmp_path: Path) -> None:
    main = make_project(tmp_path / "main")
    git(main, "worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    write(tmp_path / "linked", {"build/made.txt": "made\n"})
    before = digest(main)
    delivered(tmp_path / "linked", tmp_path, common=main)
    assert added_by_delivery_only(before, digest(main))


def test_a_sparse_and_a_partial_clone(tmp_path: Path) -> None:
    origin = make_project(tmp_path / "origin", {"docs/long.txt": "text\n"})
    git(origin, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, *QUIET, "clone", "-q", "--filter=blob:none", "--sparse", f"file://{origin}", str(clone))
    git(clone, *QUIET, "sparse-checkout", "set", "shop", "tests")
    assert not (clone / "docs").exists()
    delivered(clone, tmp_path)


def test_a_shallow_clone(tmp_path: Path) -> None:
    origin = make_project(tmp_path / "origin")
    write(origin, {"README": "second\n"})
    git(origin, "commit", "-q", "-a", "-m", "second")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{origin}", str(tmp_path / "clone"))
    delivered(tmp_path / "clone", tmp_path)


def test_submodules(tmp_path: Path) -> None:
    library = make_project(tmp_path / "library")
    repository = make_project(tmp_path / "repository")
    git(repository, *QUIET, "submodule", "add", "-q", str(library), "vendored")
    git(repository, "commit", "-q", "-m", "vendored")
    delivered(repository, tmp_path, "--test", "pytest tests")


def test_names_and_contents_that_are_no_utf8(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    odd = os.path.join(os.fsencode(repository), b"caf\xe9 \n.txt")  # noqa: PTH118 - a name that is no UTF-8
    with open(odd, "wb") as file:  # noqa: PTH123
        file.write(b"\xff\xfe\x00")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "odd")
    delivered(repository, tmp_path)


def test_line_ends_that_git_would_change(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository", {".gitattributes": "* text=auto\n"})
    (repository / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "line ends")
    (repository / "windows.txt").write_bytes(b"one\r\ntwo\r\n")
    delivered(repository, tmp_path)


def test_links_out_of_the_tree(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret\n", "utf-8")
    repository = make_project(tmp_path / "repository")
    (repository / "out").symlink_to(tmp_path / "outside")
    (repository / "nowhere").symlink_to("/nowhere/at/all")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "links")
    delivered(repository, tmp_path)
    assert (tmp_path / "outside" / "secret.txt").read_text("utf-8") == "secret\n"


def test_a_file_of_two_gigabytes(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "repository")
    with (repository / "dump.bin").open("wb") as file:
        file.truncate(2 << 30)
    delivered(repository, tmp_path)


def test_a_user_who_goes_on_working_is_not_noticed(tmp_path: Path) -> None:
    from tests.e2e.command import until
    from tests.e2e.test_untouched import started

    repository = make_project(tmp_path / "repository")
    with started(repository, tmp_path / "state") as process:
        until(process, "attempt")
        write(repository, {"shop/total.py": "broken by the user, for now\n", "new.txt": "new\n"})
        git(repository, "add", "-A")
        git(repository, "commit", "-q", "--amend", "-m", "amended")
        git(repository, "checkout", "-q", "-b", "elsewhere")
        git(repository, "reflog", "expire", "--expire=now", "--all")
        git(repository, "gc", "-q", "--prune=now")
        output, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, output + stderr
    assert '"status": "verified"' in output
    branch = git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/nightcrew").strip()
    assert fixed(repository, branch)
    assert (repository / "shop" / "total.py").read_text("utf-8").startswith("broken by the user")
