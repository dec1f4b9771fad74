"""Escapes by git: what an attacker plants for a git of the host to run, and what it does to the user's repository."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowfs import Change, Entry, FileChange, RefusedPath, check_exportable, pin
from tests.e2e.arena import (
    BRANCH,
    COMBINATIONS,
    GIT,
    Attacker,
    Bare,
    Guarded,
    as_the_host,
    as_the_user,
    bare,
    guarding,
    needs_local,
    opened,
    pwned,
    remotely,
)

pytestmark = needs_local
__all__ = ["bare"]


@pytest.fixture(params=["copy", "fuse", "remote"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    with guarding(tmp_path / "guarded", *COMBINATIONS[request.param]) as attacker:
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


@pytest.mark.parametrize("key", ["core.fsmonitor", "hooks", "filter", "textconv", "diff.external"])
def test_git_1_planted_configuration_is_never_run_by_the_host(bare: Bare, guarded: Guarded, key: str) -> None:
    assert bare.run(PLANT, KEY=key).ok
    as_the_user(bare)
    assert pwned(bare)
    assert guarded.run(PLANT, KEY=key).ok
    as_the_host(guarded)
    assert not pwned(guarded)


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
    assert pwned(bare)
    assert guarded.run(HOOKS).ok
    as_the_host(guarded)
    assert not pwned(guarded)
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
    assert pwned(bare)
    guarded.run(nested)
    change = guarded.shadow.change()
    assert not [path for path in change.paths() if ".git" in path.split("/")]
    assert not [path for path in guarded.shadow.paths() if ".git" in path.split("/")]


@remotely
def test_git_4_a_gitfile_that_points_elsewhere_is_not_followed_by_the_host(bare: Bare, guarded: Guarded) -> None:
    plant = (
        "rm -rf .git; git init -q --bare away; git --git-dir=away config core.fsmonitor 'touch '$VICTIM'/pwned';"
        ' git --git-dir=away config core.bare false; echo "gitdir: $PWD/away" > .git; echo changed >> file'
    )
    bare.run(plant)
    as_the_user(bare)
    assert pwned(bare)
    guarded.run(plant)
    guarded.shadow.seal()
    assert not pwned(guarded)
    subprocess.run([*GIT, "status"], cwd=guarded.place.repository, capture_output=True, check=True)
    assert not pwned(guarded)


FILTER = """
printf '#!/bin/sh\\ntouch "%s/pwned"\\ncat\\n' "$VICTIM" > clean.sh; chmod +x clean.sh
echo '* filter=x' > .gitattributes; echo changed >> file
"""


def test_git_5_a_filter_that_the_user_configured_runs_no_program_of_the_attackers(bare: Bare, guarded: Guarded) -> None:
    for attacker in (bare, guarded):
        for kind in ("clean", "smudge", "process"):
            words = ["config", f"filter.x.{kind}", "./clean.sh"]
            subprocess.run([*GIT, *words], cwd=attacker.place.repository, check=True)
        assert attacker.run(FILTER).ok
    as_the_user(bare)
    assert pwned(bare)
    pin(guarded.place.repository, guarded.place.state)
    assert {".gitattributes", "clean.sh"} <= set(as_the_host(guarded).paths())
    assert not pwned(guarded)


def test_git_6_variables_of_the_host_reach_neither_the_attacker_nor_our_git(
    bare: Bare, guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = "touch $VICTIM/pwned; false"
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", marker)
    monkeypatch.setenv("GIT_SSH_COMMAND", marker)
    monkeypatch.setenv("VICTIM", str(bare.place.victim))
    bare.run("echo changed >> file; git diff")
    assert pwned(bare)
    monkeypatch.setenv("VICTIM", str(guarded.place.victim))
    guarded.run("echo changed >> file; git diff")
    assert b"GIT_" not in guarded.run("env").stdout
    guarded.shadow.seal()
    assert not pwned(guarded)


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


BORROW = """
at=$(git rev-parse --git-dir)
echo "$VICTIM/other/.git/objects" > $at/objects/info/alternates
ln -s "$VICTIM/other/.git/objects" $at/objects/linked
git cat-file -p $BLOB
git update-index --add --cacheinfo 100644,$BLOB,stolen && git -c user.name=x -c user.email=x commit -q -m stolen
echo changed >> file
"""


@remotely
def test_git_8_nothing_is_borrowed_through_alternates_of_the_attackers(bare: Bare, guarded: Guarded) -> None:
    def another(attacker: Attacker) -> str:
        other = attacker.place.victim / "other"
        subprocess.run([*GIT, "init", "-q", other], check=True)
        words = [*GIT, "hash-object", "-w", str(attacker.place.victim / "secret")]
        return subprocess.run(words, cwd=other, capture_output=True, check=True).stdout.decode().strip()

    def has(attacker: Attacker, blob: str) -> bool:
        words = [*GIT, "cat-file", "-e", blob]
        return subprocess.run(words, cwd=attacker.place.repository, capture_output=True, check=False).returncode == 0

    blob = another(bare)
    assert not has(bare, blob)
    assert bare.run(BORROW, BLOB=blob).stdout == b"a secret\n"
    assert has(bare, blob)

    another(guarded)
    assert guarded.run(BORROW, BLOB=blob).stdout == b""
    with guarded.shadow.fork() as fork, opened(guarded.place, fork) as sandbox:
        attacker = Guarded(guarded.place, guarded.snapshot, fork, sandbox)
        assert (
            attacker.run("git cat-file -p $BLOB; ls $(git rev-parse --git-dir)/objects/linked/", BLOB=blob).stdout
            == b""
        )
        copied = [path for path in fork.mount.git_dir.rglob("*") if "linked" in path.parts]
        assert [path.is_symlink() for path in copied] == [True]
    assert list(as_the_host(guarded).paths()) == ["file"]
    assert not has(guarded, blob)
    assert not guarded.snapshot.depot.has(blob)


BARE = """
mkdir -p vendor/data && cd vendor/data && git init -q --bare .
git config core.bare false; git config core.worktree .; git config core.fsmonitor "touch $VICTIM/pwned; false"
printf '#!/bin/sh\\ntouch "%s/pwned"\\n' "$VICTIM" > hooks/post-index-change; chmod +x hooks/post-index-change
echo x > objects/keep; echo x > refs/keep
"""


def test_git_9_a_bare_repository_among_the_files_is_not_obeyed_and_not_delivered(bare: Bare, guarded: Guarded) -> None:
    bare.run(BARE)
    subprocess.run([*GIT, "status"], cwd=bare.place.repository / "vendor" / "data", capture_output=True, check=False)
    assert pwned(bare)
    guarded.run(BARE)
    change = as_the_host(guarded)
    assert "vendor/data/config" in set(change.paths())
    assert not pwned(guarded)
    # Whoever would check it out and enter that directory would be next.
    with pytest.raises(RefusedPath, match="repository"):
        check_exportable(change)


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


NAMES = (
    "new\nline", 'a "quoted"\ttab', "-rf", ":(glob)*", " around ", "back\\slash", "\u202ereversed", "a*b?[c]",
    "$(touch pwned)", "`touch pwned`", "n" * 255, "caf\udce9\udcff", "\x1b]0;title\x07", "trailing/", "HEAD", "@{1}",
)  # fmt: skip
DISGUISED = (".git.", ".GIT", "git~1", ".git ", ".g\u200cit", ".git::$INDEX_ALLOCATION")
MAKE = """
import os
for name in eval(os.environ["NAMES"]):
    if name.endswith("/"): os.mkdir(name); name += "file"
    open(name, "w").close()
for name in eval(os.environ["DISGUISED"]):
    try: os.mkdir(name); open(name + "/config", "w").close()
    except PermissionError: pass
print("made")
"""


def test_fs_11_odd_names_arrive_as_they_are_and_disguises_of_git_do_not(bare: Bare, guarded: Guarded) -> None:
    for attacker in (bare, guarded):
        made = attacker.run('exec "$PYTHON" -I -c "$MAKE"', MAKE=MAKE, NAMES=ascii(NAMES), DISGUISED=ascii(DISGUISED))
        assert made.stdout == b"made\n", made.stderr
    # Plain git writes trees with such names, and nothing refuses to put them on a branch.
    take = "tree=$(printf '040000 tree %s\\t%s\\n' $(git write-tree) \"$NAME\" | git mktree); git ls-tree -z --name-only $tree"
    for name in DISGUISED:
        assert bare.run(take, NAME=name).stdout == name.encode() + b"\0"

    change = as_the_host(guarded)
    check_exportable(change)
    expected = {name + "file" if name.endswith("/") else name for name in NAMES}
    assert set(change.paths()) == expected
    listed = subprocess.run(
        [*GIT, "ls-tree", "-r", "-z", "--name-only", BRANCH],
        cwd=guarded.place.repository,
        capture_output=True,
        check=True,
    ).stdout
    assert {os.fsdecode(name) for name in listed.split(b"\0")[:-1]} == expected | {"file", "package/module.py"}
    clone = guarded.place.victim / "clone"
    subprocess.run([*GIT, "clone", "-q", "-b", BRANCH, guarded.place.repository, clone], check=True)
    subprocess.run([*GIT, "fsck", "--strict"], cwd=clone, check=True, capture_output=True)
    assert all((clone / name).is_file() for name in expected)
