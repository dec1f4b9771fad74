"""Speaking with a remote over real smart HTTP: the lease decides, the user's repository is read and never written."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shadowfs import DepotError, Entry, Outpost, Pushed, Remote, compare, pin
from tests.orchestrator.forges.fake import TOKEN, FakeForge, serving
from tests.shadowfs.repositories import digest, git, make, write


@pytest.fixture
def there(tmp_path: Path) -> Iterator[FakeForge]:
    with serving(FakeForge(tmp_path / "forge", make(tmp_path / "r"), lambda *_: None)) as fake:
        yield fake


def outpost(tmp_path: Path, there: FakeForge, token: str = TOKEN) -> Outpost:
    return Outpost(tmp_path / "state", tmp_path / "r", Remote(f"{there.url}/{there.repository}.git", token=token))


def committed(repository: Path, name: str) -> str:
    write(repository, {name: b"new\n"})
    git(repository, "add", name)
    git(repository, "commit", "--quiet", "--message", name)
    return git(repository, "rev-parse", "HEAD").decode()


def test_a_branch_is_pushed_once_and_moves_under_its_lease_alone(tmp_path: Path, there: FakeForge) -> None:
    first, second = committed(tmp_path / "r", "a"), committed(tmp_path / "r", "b")
    before = digest(tmp_path / "r")
    post = outpost(tmp_path, there)
    assert post.push(first, "nightcrew/x", None)[0] is Pushed.DONE
    assert post.push(first, "nightcrew/x", None)[0] in (Pushed.DONE, Pushed.MOVED)
    assert post.push(second, "nightcrew/x", None)[0] is Pushed.MOVED
    assert post.push(second, "nightcrew/x", "1" * 40)[0] is Pushed.MOVED
    assert there.tip("nightcrew/x") == first
    assert post.push(second, "nightcrew/x", first)[0] is Pushed.DONE
    assert post.push(first, "nightcrew/x", second)[0] is Pushed.DONE
    assert post.tips("nightcrew/x", "nothing") == {"nightcrew/x": first}
    assert digest(tmp_path / "r") == before


def test_a_repository_of_another_machine_is_pushed_from_the_depot(tmp_path: Path, there: FakeForge) -> None:
    main = git(tmp_path / "r", "rev-parse", "--abbrev-ref", "HEAD").decode()
    committed(tmp_path / "r", "a")
    there.git("fetch", "--quiet", str(tmp_path / "r"), f"{main}:{main}")
    snapshot = pin(tmp_path / "r", tmp_path / "one")
    tree = snapshot.depot.graft(snapshot.tree, {"new": Entry(0o100644, snapshot.depot.write(b"new"))})
    commit = snapshot.depot.commit(tree, [snapshot.base], "fix", datetime.fromtimestamp(5, UTC))
    (tmp_path / "r").rename(tmp_path / "elsewhere")
    remote = Remote(f"{there.url}/{there.repository}.git", token=TOKEN)
    post = Outpost(tmp_path / "two", tmp_path / "r", remote, None, snapshot)
    assert post.beyond(commit, main) == (commit,)
    assert post.push(commit, "nightcrew/x", None)[0] is Pushed.DONE
    assert there.git("log", "--format=%s", "nightcrew/x").split() == ["fix", "a", "first"]


def test_what_the_remote_has_not_is_counted(tmp_path: Path, there: FakeForge) -> None:
    main = git(tmp_path / "r", "rev-parse", "--abbrev-ref", "HEAD").decode()
    first, second = committed(tmp_path / "r", "a"), committed(tmp_path / "r", "b")
    post = outpost(tmp_path, there)
    assert post.beyond(second, main) == (second, first)
    there.git("fetch", "--quiet", str(tmp_path / "r"), f"{main}:{main}")
    assert post.beyond(second, main) == ()


def test_a_wrong_token_and_no_right_are_told_in_gits_words(tmp_path: Path, there: FakeForge) -> None:
    commit = committed(tmp_path / "r", "a")
    with pytest.raises(DepotError, match=r"Authentication failed|could not read"):
        outpost(tmp_path, there, "wrong").push(commit, "nightcrew/x", None)
    there.read_only = True
    with pytest.raises(DepotError, match="403"):
        outpost(tmp_path, there).push(commit, "nightcrew/x", None)


def test_who_never_answers_is_given_up(tmp_path: Path, there: FakeForge) -> None:
    commit = committed(tmp_path / "r", "a")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        remote = Remote(f"http://127.0.0.1:{silent.getsockname()[1]}/r.git", stall_s=1)
        with pytest.raises(DepotError, match=r"[Tt]imeout|too slow|less than"):
            Outpost(tmp_path / "state", tmp_path / "r", remote).push(commit, "nightcrew/x", None)
    assert there.tip("nightcrew/x") is None


def test_a_fetched_commit_is_compared_and_is_no_ref_of_the_users(tmp_path: Path, there: FakeForge) -> None:
    main = there.git("rev-parse", "HEAD")
    blob = there.git("hash-object", "-w", str(tmp_path / "forge/team/sums.git/HEAD"))
    tree = there.git("rev-parse", f"{main}^{{tree}}")
    there.git("read-tree", tree)
    there.git("update-index", "--add", "--cacheinfo", f"100644,{blob},theirs.txt")
    names = ("-c", "user.name=a", "-c", "user.email=a@b")
    theirs = there.git(*names, "commit-tree", there.git("write-tree"), "-p", main, "-m", "theirs")
    there.git("update-ref", "refs/pull/1/head", theirs)
    committed(tmp_path / "r", "mine")
    before = digest(tmp_path / "r")
    assert outpost(tmp_path, there).fetch("refs/pull/1/head", tmp_path / "state") == theirs
    snapshot = pin(tmp_path / "r", tmp_path / "state")
    assert list(compare(snapshot, theirs).paths()) == ["theirs.txt"]
    assert digest(tmp_path / "r") == before
