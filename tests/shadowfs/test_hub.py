"""The hub: what one machine's depot has of a job comes to another's, whole, and only what is missing is sent."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shadowfs import (
    CopyDriver,
    Depot,
    Entry,
    Hub,
    HubAway,
    Snapshot,
    commit_load,
    deliver_objects,
    pin,
    placed,
    set_branch,
    snapshot_loads,
    tree_load,
)
from tests.orchestrator.forges.fake import TOKEN, FakeForge, serving
from tests.shadowfs.repositories import git, make, write

JOB = "261123-abc"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with a history of two commits, and uncommitted work."""
    root = make(tmp_path / "repo", files(100))
    write(root, {"pkg/core.py": b"def answer():\n    return 41\n"})
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "second")
    write(root, {"pkg/core.py": b"def answer():\n    return 42\n", "new.txt": b"new\n"})
    return root


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    made = Hub(str(tmp_path / "hub.git"))
    made.make()
    made.make()
    return made


def files(count: int) -> dict[str, bytes]:
    return {f"data/{number}.txt": f"{number}\n".encode() * 200 for number in range(count)}


def sent(hub: Hub, snapshot: Snapshot, job: str = JOB) -> None:
    hub.send(snapshot.depot, job, snapshot_loads(snapshot))


def edited(snapshot: Snapshot, text: bytes, tree: str | None = None) -> str:
    blob = snapshot.depot.write(text)
    return snapshot.depot.graft(tree or snapshot.tree, {"pkg/core.py": Entry(0o100644, blob)})


def elsewhere(hub: Hub, snapshot: Snapshot, state: Path, job: str = JOB) -> Snapshot:
    """Return a snapshot as a machine with this state has it once it asked the hub."""
    there = placed(snapshot, state)
    assert Depot.open(state, snapshot.repository) == there.depot
    assert hub.bring(state, there.depot, job)
    return there


def objects(path: Path) -> int:
    count = subprocess.run(["git", "-C", path, "count-objects", "-v"], capture_output=True, text=True, check=True)
    fields = dict(line.split(": ") for line in count.stdout.splitlines())
    return int(fields["count"]) + int(fields["in-pack"])


def test_a_pin_and_what_was_made_of_it_come_whole_to_a_machine_that_has_nothing(
    hub: Hub, repository: Path, tmp_path: Path
) -> None:
    here = pin(repository, tmp_path / "one")
    tree = edited(here, b"def answer():\n    return 43\n")
    commit = here.depot.commit(tree, [here.base], "fix", datetime.fromtimestamp(5, UTC))
    sent(hub, here)
    hub.send(here.depot, JOB, [tree_load(here.depot, tree)])
    hub.send(here.depot, JOB, [commit_load(here.depot, commit)])
    there = elsewhere(hub, here, tmp_path / "two")
    assert Snapshot.load(tmp_path / "two", here.id) == there
    assert there.depot.change(there.base, commit).files == here.depot.change(here.base, commit).files
    assert there.depot.entries(there.tree) == here.depot.entries(here.tree)
    with CopyDriver(tmp_path / "two").create(there, tree) as shadow:
        assert shadow.read("pkg/core.py") == b"def answer():\n    return 43\n"
        assert git(shadow.mount.path, "status", "--porcelain") == b" M pkg/core.py\n?? new.txt"
    deliver_objects(there.depot, commit, repository)
    assert set_branch(repository, "nightcrew/it", commit)
    assert git(repository, "log", "--format=%s", "nightcrew/it").split(b"\n")[0] == b"fix"


def test_only_what_is_missing_is_sent_and_fetched(hub: Hub, repository: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    first = pin(repository, one)
    sent(hub, first)
    before = objects(Path(hub.url))
    assert before > 100
    hub.send(first.depot, JOB, [tree_load(first.depot, edited(first, b"another\n"))])
    assert objects(Path(hub.url)) - before <= 6
    there = elsewhere(hub, first, two)
    known, had = objects(Path(hub.url)), objects(there.depot.path)
    write(repository, {"data/5.txt": b"five\n"})
    second = pin(repository, one)
    sent(hub, second, "261123-def")
    assert objects(Path(hub.url)) - known <= 20
    elsewhere(hub, second, two, "261123-def")
    assert objects(there.depot.path) - had <= 20


def test_what_a_worker_without_a_lease_sends_pushes_nothing_aside(hub: Hub, repository: Path, tmp_path: Path) -> None:
    here = pin(repository, tmp_path / "one")
    sent(hub, here)
    there = elsewhere(hub, here, tmp_path / "two")
    ours, theirs = edited(here, b"ours\n"), edited(there, b"theirs\n")
    hub.send(here.depot, JOB, [tree_load(here.depot, ours)])
    hub.send(there.depot, JOB, [tree_load(there.depot, theirs)])
    third = elsewhere(hub, here, tmp_path / "three")
    assert third.depot.has(ours) and third.depot.has(theirs)


def test_a_job_that_was_never_sent_is_not_there(hub: Hub, repository: Path, tmp_path: Path) -> None:
    here = pin(repository, tmp_path / "one")
    assert not hub.bring(tmp_path / "one", here.depot, JOB)
    assert hub.count() == 0
    sent(hub, here)
    assert hub.count() == 1


def test_a_hub_that_is_away_says_so(repository: Path, tmp_path: Path) -> None:
    here = pin(repository, tmp_path / "one")
    with pytest.raises(HubAway, match="nowhere"):
        sent(Hub(str(tmp_path / "nowhere")), here)
    with pytest.raises(HubAway, match=r"127\.0\.0\.1"):
        Hub("http://127.0.0.1:1/hub.git").count()


def test_a_hub_is_reached_over_http_with_a_token(repository: Path, tmp_path: Path) -> None:
    here = pin(repository, tmp_path / "one")
    with serving(FakeForge(tmp_path / "server", make(tmp_path / "r"), lambda *_: None)) as there:
        url = f"{there.url}/{there.repository}.git"
        with pytest.raises(HubAway, match=r"Authentication failed|could not read"):
            sent(Hub(url, "wrong"), here)
        sent(Hub(url, TOKEN), here)
        assert elsewhere(Hub(url, TOKEN), here, tmp_path / "two").depot.has(here.base)
