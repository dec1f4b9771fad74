"""A repository that is not on this disk is cloned, moved to what the forge has, and has its environment made once."""

from __future__ import annotations

import base64
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest

from orchestrator.checkouts.errors import CheckoutRefused, SetupFailed, SetupRefused
from orchestrator.checkouts.records import Watching
from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable
from tests.orchestrator import project
from tests.orchestrator.checkouts.lair import SECRET, lair, status
from tests.orchestrator.forges.fake import TOKEN

SETUP = '[setup]\nrun = ["mkdir -p build && date +%N > build/made", "git status --short > build/seen"]\n'


def test_a_checkout_follows_the_forge(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        first = at.tree()
        assert (first / "sums.py").read_text() == project.BUGGY
        assert project.git(first, "symbolic-ref", "--short", "HEAD") == "main"
        commit = at.push({"more.txt": "more\n"})
        (first / "left.txt").write_text("by somebody")
        assert at.tree() == first
        assert project.git(first, "rev-parse", "HEAD") == commit
        assert status(first) == ""
        assert not (first / "left.txt").exists()


def test_the_token_lies_nowhere(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.tree()
        found = [path for path in at.state.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
        assert found == []


def test_an_environment_is_made_once_for_what_it_depends_on(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": SETUP})
        first = at.tree()
        made = (first / "build/made").read_text()
        assert (first / "build/seen").read_text() == ""
        at.push({"sums.py": project.FIXED})
        assert at.tree() == first
        assert (first / "build/made").read_text() == made
        assert (first / "sums.py").read_text() == project.FIXED
        at.push({"requirements.txt": "six\n"})
        second = at.tree()
        assert second != first
        assert (second / "build/made").read_text() != made
        assert (first / "build/made").read_text() == made
        assert status(first) == status(second) == ""


def test_what_a_set_up_changes_in_the_repository_is_undone_and_told(tmp_path: Path) -> None:
    run = (
        "echo evil >> sums.py; rm -r tests; ln -s /etc tests; echo x > 'new *file'; mkdir -p build; echo y > build/made"
    )
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": f'[setup]\nrun = ["""{run}"""]\n'})
        tree = at.tree()
        assert status(tree) == ""
        assert (tree / "sums.py").read_text() == project.BUGGY
        assert (tree / "tests").is_dir() and not (tree / "tests").is_symlink()
        assert (tree / "build/made").read_text() == "y\n"
        assert (tree / "new *file").read_text() == "x\n"
        assert any("sums.py" in line and "undone" in line for line in at.told)
        assert any("new *file" in line and "ignored" in line for line in at.told)


@pytest.mark.parametrize(
    "run",
    [
        "rm -rf .git; mkdir .git; printf '[core]\\nfsmonitor = touch /tmp/never; false\\n' > .git/config",
        "rm -rf .git; git init -q . ; git config core.fsmonitor 'touch build/ran'",
        "rm .git; ln -s /etc .git",
        "git config core.hooksPath hooks; git config core.fsmonitor 'touch build/ran'; git update-ref refs/heads/main HEAD~1 || :",
    ],
)
def test_what_a_set_up_does_to_git_ends_with_it(tmp_path: Path, run: str) -> None:
    with lair(tmp_path) as at:
        commit = at.push({"nightcrew.toml": f"[setup]\nrun = ['''{run}''']\n"})
        tree = at.tree()
        assert project.git(tree, "rev-parse", "HEAD") == commit
        assert status(tree) == ""
        assert "fsmonitor = false" in (tree / ".git/config").read_text()
        assert not (tree / "build/ran").exists()


def test_a_set_up_sees_the_checkout_alone(tmp_path: Path) -> None:
    (tmp_path / "near.txt").write_text("near")
    run = f"test ! -e {tmp_path}/near.txt; test ! -e {tmp_path}/state/nightcrew.db; touch /etc/never && exit 9; touch {tmp_path}/never && exit 9; exit 0"
    with lair(tmp_path) as at:
        at.push(
            {
                "nightcrew.toml": f"[setup]\nrun = ['''{run.replace('; ', chr(10))}''']\n".replace(
                    "&& exit 9", "2>/dev/null && exit 9 || :"
                )
            }
        )
        at.tree()
        assert not (tmp_path / "never").exists()


def test_a_set_up_gets_the_secrets_that_it_may_have_and_its_output_has_none(tmp_path: Path) -> None:
    run = 'echo "it is $INDEX_TOKEN"; mkdir -p build; echo "$INDEX_TOKEN" > build/kept; echo fine > build/fine; printf %s "$INDEX_TOKEN" | base64'
    text = f"[setup]\nrun = ['''{run}''']\nsecrets = ['INDEX_TOKEN']\n"
    with lair(tmp_path, {"INDEX_TOKEN": SECRET}, secrets={"team/sums": ["INDEX_TOKEN"]}) as at:
        at.push({"nightcrew.toml": text})
        tree = at.tree()
        assert "it is ***" in at.log()
        assert SECRET not in at.log()
        assert (tree / "build/fine").exists()
        assert not (tree / "build/kept").exists()
        assert any("build/kept had a secret in it" in line for line in at.told)
        found = [path for path in at.state.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
        assert found == []


@pytest.mark.parametrize("name", ["FORGE_TOKEN", "HOME", "OTHER"])
def test_a_secret_that_is_not_allowed_is_refused(tmp_path: Path, name: str) -> None:
    with lair(tmp_path, {"OTHER": "x", "INDEX_TOKEN": SECRET}, secrets={"team/sums": ["INDEX_TOKEN"]}) as at:
        at.push({"nightcrew.toml": f'[setup]\nrun = ["env"]\nsecrets = ["{name}"]\n'})
        with pytest.raises(SetupRefused, match=f"asks for {name}, which config.toml does not allow"):
            at.tree()
        assert not (at.home / "logs").exists()


def test_the_environment_of_a_set_up_is_clean(tmp_path: Path) -> None:
    with lair(tmp_path, {"INDEX_TOKEN": SECRET, "OTHER": "of-this-machine"}) as at:
        at.push({"nightcrew.toml": '[setup]\nrun = ["env"]\n'})
        at.tree()
        assert not any(word in at.log() for word in (SECRET, "of-this-machine", TOKEN))


def test_a_set_up_that_fails_says_what_to_do_and_leaves_nothing(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": '[setup]\nrun = ["echo begun", "echo bad; exit 3"]\n'})
        with pytest.raises(SetupFailed, match=r"exited with 3\. Its output is in .*\.log\. Once it is mended"):
            at.tree()
        assert "begun" in at.log() and "bad" in at.log()
        assert not (at.home / "trees").exists()
        at.push({"nightcrew.toml": ""})
        assert at.tree().is_dir()


def test_a_set_up_that_runs_for_ever_is_ended(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": '[setup]\nrun = ["sleep 1000"]\nseconds = 1\n'})
        with pytest.raises(SetupFailed, match="it took more than 1 s: raise `seconds`"):
            at.tree()


def test_a_set_up_that_is_stopped_ends_at_once(tmp_path: Path) -> None:
    class Enough(Exception):
        """Raised to stop."""

    def stopping() -> None:
        if any("sleep" in line for line in at.told):
            raise Enough

    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": '[setup]\nrun = ["sleep 1000"]\n'})
        with pytest.raises(Enough), at.made(stopping=stopping):
            pass
        assert not list((at.home / "making").iterdir())


def test_a_set_up_that_fills_the_disk_is_ended(tmp_path: Path) -> None:
    with lair(tmp_path, checkout_mb=8) as at:
        at.push({"nightcrew.toml": '[setup]\nrun = ["mkdir -p build; head -c 20000000 /dev/urandom > build/much"]\n'})
        with pytest.raises(SetupFailed, match="it makes more than 8 MB"):
            at.tree()


def test_an_environment_that_is_a_link_is_removed(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": f'[setup]\nrun = ["ln -s {tmp_path} .venv"]\n'})
        assert not (at.tree() / ".venv").is_symlink()
        assert any(".venv a link" in line for line in at.told)
        (at.work / "venv").symlink_to(tmp_path)
        at.push({"requirements.txt": ""})
        with pytest.raises(CheckoutRefused, match="has venv as a link"):
            at.tree()


def test_without_a_network_there_is_none(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        port = at.fake.url.rpartition(":")[2]
        ask = f"python3 -c 'import socket; socket.create_connection((\\\"127.0.0.1\\\", {port}), 5)'"
        at.push({"nightcrew.toml": f'[setup]\nrun = ["{ask}"]\n'})
        at.tree()
        at.push({"nightcrew.toml": f'[setup]\nrun = ["{ask}"]\nnetwork = false\n'})
        with pytest.raises(SetupFailed):
            at.tree()


def test_a_repository_that_is_too_large_is_refused(tmp_path: Path) -> None:
    with lair(tmp_path, checkout_mb=1) as at:
        at.push({"zeros": "0" * 3_000_000})
        with pytest.raises(CheckoutRefused, match=r"its files have more than 1,048,576 bytes.*checkout_mb"):
            at.tree()
        project.git(at.work, "reset", "--quiet", "--hard", "HEAD~1")
        noise = base64.b64encode(Random(1).randbytes(3_000_000)).decode()
        at.push({"noise": noise})
        with pytest.raises(CheckoutRefused, match="its history takes more than"):
            at.tree()
        assert not (at.home / "trees").exists()


def test_a_tree_with_a_git_directory_in_it_is_refused(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        blob = at.fake.git("hash-object", "-w", str(at.work / "sums.py"))
        inner = at.made_tree(f"100644 blob {blob}\tconfig\n")
        tree = at.made_tree(f"040000 tree {inner}\t.git\n")
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        commit = at.fake.git(*identity, "commit-tree", "-m", "evil", tree)
        at.fake.git("update-ref", "refs/heads/main", commit)
        with pytest.raises(CheckoutRefused, match=r"cannot be checked out"):
            at.tree()
        assert not (at.home / "trees").exists()


def test_filters_hooks_and_submodules_of_a_repository_do_nothing(tmp_path: Path) -> None:
    modules = '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c touch% /tmp/never\n'
    with lair(tmp_path) as at:
        at.push({".gitattributes": "*.bin filter=lfs\n", "a.bin": "pointer\n", ".gitmodules": modules})
        tree = at.tree()
        assert (tree / "a.bin").read_text() == "pointer\n"


def test_a_forge_that_is_down_or_says_no_is_told_apart(tmp_path: Path) -> None:
    with lair(tmp_path, {"FORGE_TOKEN": "wrong"}) as at, pytest.raises(ForgeRefused, match="may not read there"):
        at.tree()
    other = tmp_path / "other"
    other.mkdir()
    with lair(other) as at:
        at.fake.down = True
        with pytest.raises(ForgeUnavailable):
            at.tree()


def test_work_begins_at_what_was_fetched_where_the_forge_is_down(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        tree = at.tree()
        at.fake.down = True
        assert at.tree() == tree
    assert any("it begins at" in line for line in at.told)


def test_wherever_its_maker_dies_a_checkout_is_whole_or_not_there(tmp_path: Path) -> None:
    run = ["mkdir -p build; echo 1 > build/one", "sleep 0.7; echo 2 > build/two"]
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": f"[setup]\nrun = {run}\n"})
        for nth in itertools.count(1):
            shutil.rmtree(at.state, ignore_errors=True)
            place = (at.fake.url, str(at.state), str(nth))
            words = [sys.executable, "-m", "tests.orchestrator.checkouts.killed", *place]
            done = subprocess.run(words, check=False, timeout=120)
            assert done.returncode in (0, -signal.SIGKILL)
            if done.returncode == 0:
                break
            trees = list(at.home.glob("trees/*/*"))
            assert all((tree / "build/two").exists() and (tree / ".git/index").exists() for tree in trees)
            tree = at.tree()
            assert (tree / "build/one").read_text() + (tree / "build/two").read_text() == "1\n2\n"
            assert status(tree) == ""
            assert not list((at.home / "making").iterdir())
    assert nth > 5


def test_who_pins_a_checkout_keeps_others_from_moving_it(tmp_path: Path) -> None:
    with lair(tmp_path) as at, at.made() as first:
        later = at.push({"sums.py": project.FIXED})
        with at.made() as second:
            tree = second.managed.tree
            assert tree is not None and tree == first.managed.tree
            moved = threading.Event()

            def move() -> None:
                with at.checkouts.still(at.home, second.managed):
                    moved.set()

            with at.checkouts.still(at.home, first.managed):
                thread = threading.Thread(target=move)
                thread.start()
                assert not moved.wait(0.5)
                assert (tree / "sums.py").read_text() == project.BUGGY
            thread.join()
            assert second.managed.commit == later
            assert (tree / "sums.py").read_text() == project.FIXED


def test_a_checkout_that_was_removed_is_made_anew_in_its_place(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": SETUP})
        with at.made() as made:
            managed = made.managed
        tree = managed.tree
        assert tree is not None
        shutil.rmtree(tree.parent)
        at.push({"requirements.txt": "six\n"})
        with at.checkouts.held(at.home, managed, Watching(), set_up=True):
            assert (tree / "build/made").exists()
            assert not (tree / "requirements.txt").exists()


def test_old_checkouts_in_which_nobody_works_go(tmp_path: Path) -> None:
    with lair(tmp_path) as at, ExitStack() as use:
        trees = []
        for number in range(5):
            at.push({"nightcrew.toml": f'[setup]\nrun = ["true {number}"]\n'})
            made = use.enter_context(at.made()) if number == 0 else None
            tree = made.managed.tree if made else at.tree()
            assert tree is not None
            os.utime(tree.parent, (number, number))
            trees.append(tree)
        at.tree()
        assert [tree.exists() for tree in trees] == [True, False, True, True, True]
