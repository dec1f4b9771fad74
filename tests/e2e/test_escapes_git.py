"""Escapes by git: what an attacker plants for a git of the host to run, and what it does to the user's repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shadowfs import Change, Entry, FileChange, RefusedPath, check_exportable, deliver_objects, set_branch
from tests.e2e.arena import GIT, Attacker, Bare, Guarded, bare, guarding, needs_local

pytestmark = needs_local
__all__ = ["bare"]


@pytest.fixture(params=["copy", "fuse"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    with guarding(tmp_path / "guarded", request.param) as attacker:
        yield attacker


PLANT = """
mark="touch $VICTIM/pwned; false"
case $KEY in
  hooks) mkdir -p hooks; for name in pre-commit post-checkout post-commit post-index-change reference-transaction; do
           printf '#!/bin/sh\\ntouch %s/pwned\\n' "$VICTIM" > hooks/$name; chmod +x hooks/$name; done
         git config core.hooksPath "$PWD/hooks";;
  filter) git config filter.x.clean "touch $VICTIM/pwned; cat"; git config filter.x.smudge "touch $VICTIM/pwned; cat"
          echo '* filter=x' > .gitattributes;;
  textconv) git config diff.x.textconv "touch $VICTIM/pwned; cat"; echo '* diff=x' > .gitattributes;;
  *) git config "$KEY" "$mark";;
esac
rm -f "$VICTIM/pwned"
echo changed >> file
"""
USER = (
    ["status"],
    ["diff"],
    ["add", "-A"],
    ["commit", "-q", "-m", "second"],
    ["log", "-1", "-p"],
    ["checkout", "-q", "other"],
)


def as_the_user(bare: Bare) -> None:
    """Do what a user or a careless host does in a repository."""
    for words in USER:
        subprocess.run([*GIT, *words], cwd=bare.place.repository, capture_output=True, check=False)


def as_the_host(guarded: Guarded) -> None:
    """Do all that nightcrew does with a shadow, and then what the user does in the repository."""
    shadow, snapshot, repository = guarded.shadow, guarded.snapshot, guarded.place.repository
    list(shadow.paths())
    shadow.checkpoint()
    change = shadow.seal()
    # Delivered as it is, hostile or not: what matters here is what runs on the way.
    commit = snapshot.depot.commit(change.tree, (snapshot.base,), "a fix", datetime(2026, 1, 1, tzinfo=UTC))
    deliver_objects(snapshot.depot, commit, repository)
    assert set_branch(repository, "nightcrew/fix", commit)
    for words in USER[:2]:
        subprocess.run([*GIT, *words], cwd=repository, capture_output=True, check=True)


@pytest.mark.parametrize("key", ["core.fsmonitor", "hooks", "filter", "textconv", "diff.external"])
def test_git_1_planted_configuration_is_never_run_by_the_host(bare: Bare, guarded: Guarded, key: str) -> None:
    assert bare.run(PLANT, KEY=key).ok
    as_the_user(bare)
    assert (bare.place.victim / "pwned").exists()
    assert guarded.run(PLANT, KEY=key).ok
    as_the_host(guarded)
    assert not (guarded.place.victim / "pwned").exists()


HOOKS = """
at=$(git rev-parse --git-dir)/hooks; mkdir -p $at .git/hooks 2>/dev/null
for name in post-checkout post-commit pre-commit; do
  printf '#!/bin/sh\\ntouch %s/pwned\\n' "$VICTIM" > $at/$name; chmod +x $at/$name
done
echo changed >> file
"""


def test_git_2_a_planted_hook_is_never_run_by_the_host(bare: Bare, guarded: Guarded) -> None:
    assert bare.run(HOOKS).ok
    as_the_user(bare)
    assert (bare.place.victim / "pwned").exists()
    assert guarded.run(HOOKS).ok
    as_the_host(guarded)
    assert not (guarded.place.victim / "pwned").exists()
    assert not any(path.suffix != ".sample" for path in (guarded.place.repository / ".git" / "hooks").iterdir())


def test_git_3_a_nested_repository_is_not_delivered(bare: Bare, guarded: Guarded) -> None:
    nested = (
        "git init -q vendor/x; cd vendor/x; mkdir -p .git/hooks;"
        " printf '#!/bin/sh\\ntouch %s/pwned\\n' \"$VICTIM\" > .git/hooks/pre-commit; chmod +x .git/hooks/pre-commit; echo x > y"
    )
    bare.run(nested)
    subprocess.run(
        [*GIT, "commit", "--allow-empty", "-q", "-m", "x"], cwd=bare.place.repository / "vendor" / "x", check=False
    )
    assert (bare.place.victim / "pwned").exists()
    guarded.run(nested)
    change = guarded.shadow.change()
    assert not [path for path in change.paths() if ".git" in path.split("/")]
    assert not [path for path in guarded.shadow.paths() if ".git" in path.split("/")]


def test_git_4_a_gitfile_that_points_elsewhere_is_not_followed_by_the_host(bare: Bare, guarded: Guarded) -> None:
    plant = (
        "rm -rf .git; git init -q --bare away; git --git-dir=away config core.fsmonitor 'touch '$VICTIM'/pwned';"
        ' git --git-dir=away config core.bare false; echo "gitdir: $PWD/away" > .git; echo changed >> file'
    )
    bare.run(plant)
    as_the_user(bare)
    assert (bare.place.victim / "pwned").exists()
    guarded.run(plant)
    guarded.shadow.seal()
    assert not (guarded.place.victim / "pwned").exists()
    subprocess.run([*GIT, "status"], cwd=guarded.place.repository, capture_output=True, check=True)
    assert not (guarded.place.victim / "pwned").exists()


def test_git_6_variables_of_the_host_reach_neither_the_attacker_nor_our_git(
    bare: Bare, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = "touch $VICTIM/pwned; false"
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", marker)
    monkeypatch.setenv("GIT_SSH_COMMAND", marker)
    monkeypatch.setenv("VICTIM", str(bare.place.victim))
    bare.run("echo changed >> file; git diff")
    assert (bare.place.victim / "pwned").exists()
    monkeypatch.setenv("VICTIM", str(guarded.place.victim))
    guarded.run("echo changed >> file; git diff")
    assert b"GIT_" not in guarded.run("env").stdout
    guarded.shadow.seal()
    assert not (guarded.place.victim / "pwned").exists()


HOSTILE = (
    (".git/config", 0o100644),
    ("vendor/.git/hooks/pre-commit", 0o100755),
    ("a/.GIT/config", 0o100644),
    ("git~1/config", 0o100644),
    ("../outside", 0o100644),
    ("a/../../outside", 0o100644),
    ("/absolute", 0o100644),
    ("submodule", 0o160000),
    (".gitmodules", 0o100644),
    ("device", 0o060000),
)


def test_git_7_a_change_that_would_enter_git_or_leave_the_tree_is_not_exported(guarded: Guarded) -> None:
    change = guarded.shadow.change()
    blob = guarded.snapshot.depot.entries(guarded.snapshot.tree)["file"].blob
    for path, mode in HOSTILE:
        hostile = FileChange(path, None, Entry(mode, blob))
        with pytest.raises(RefusedPath):
            check_exportable(Change(change.base, change.tree, (hostile,), change.blobs))


def test_git_7_plain_git_takes_such_a_change(bare: Bare) -> None:
    script = (
        "printf '[submodule \"x\"]\\n\\tpath = x\\n\\turl = ../x\\n' > .gitmodules; git add .gitmodules;"
        " git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),x && git write-tree"
    )
    assert bare.run(script).ok


RUIN = """
git worktree prune; git update-ref -d refs/heads/other; git update-ref -d refs/heads/main
rm -rf $REPOSITORY/.git/refs/heads/* ; git reflog expire --expire=now --all; git gc -q --prune=now
rm -rf $REPOSITORY/.git/objects/?? $REPOSITORY/.git/objects/pack
"""


def test_git_10_the_users_refs_and_objects_survive(bare: Bare, guarded: Guarded) -> None:
    def intact(attacker: Attacker) -> bool:
        checks = (["rev-parse", "--verify", "other^{tree}"], ["fsck", "--full"], ["status"])
        return all(
            subprocess.run([*GIT, *words], cwd=attacker.place.repository, capture_output=True, check=False).returncode
            == 0
            for words in checks
        )

    assert intact(bare)
    bare.run(RUIN)
    assert not intact(bare)
    refs = os.listdir(guarded.place.repository / ".git" / "refs" / "heads")  # noqa: PTH208
    guarded.run(RUIN)
    assert intact(guarded)
    assert os.listdir(guarded.place.repository / ".git" / "refs" / "heads") == refs  # noqa: PTH208
    # The depot too: another shadow of the same snapshot still comes from it.
    assert (
        guarded.snapshot.depot.read(guarded.snapshot.depot.entries(guarded.snapshot.tree)["file"].blob) == b"content\n"
    )
