"""The hub: a bare repository that all machines reach, through which their depots exchange what jobs made. What both ends have is not sent.

A job is one reference there: a chain of commits of ours, whose titles say what their trees hold. Nobody ever moves it back.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from shadowfs import git
from shadowfs.borrow import end_history, parse_commit
from shadowfs.depot import Depot
from shadowfs.errors import DepotError, HubAway
from shadowfs.remote import Remote, statuses
from shadowfs.snapshot import Snapshot

_JOBS = "refs/nightcrew/jobs/"
_LATEST = "refs/nightcrew/latest/"
"""By depot, the pin that was sent last: the next one goes on from it, so that only what differs is sent."""
_SENT, _BROUGHT = "hub/", "brought/"
_EPOCH = datetime.fromtimestamp(0, UTC)
_TRIES = 5
_FETCH = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
_SSH = "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
_PASSED = ("SSH_AUTH_SOCK", "GIT_SSH_COMMAND")


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent in one piece: a tree of the depot, and what it is.

    Files are always below `files`: git looks for what the other side has by its path, and no further back than at one commit.
    """

    tree: str
    title: str


def tree_load(depot: Depot, tree: str) -> Load:
    """Return a tree, with all that it reaches."""
    return Load(_listed(depot, {}, tree), "tree")


def commit_load(depot: Depot, id: str) -> Load:
    """Return a commit with its tree, and without its parents, which stay where they are."""
    text = depot.read_commit(id)
    return Load(_listed(depot, {"text": depot.write(text)}, parse_commit(id, text).tree), f"commit {id}")


def snapshot_loads(snapshot: Snapshot) -> list[Load]:
    """Return a snapshot: its commits, and the files of its pin."""
    files = sorted(each for each in snapshot.pin.parent.iterdir() if each.is_file())
    blobs = snapshot.depot.write_files(files)
    named = {file.name: blob for file, blob in zip(files, blobs, strict=True)}
    commits = [commit_load(snapshot.depot, id) for id in dict.fromkeys((snapshot.head, snapshot.base))]
    return [*commits, Load(_listed(snapshot.depot, named, snapshot.tree), f"pin {snapshot.id}")]


def placed(snapshot: Snapshot, state: Path) -> Snapshot:
    """Return a snapshot of another machine as it is, or would be, below this one's `state`."""
    return replace(
        snapshot,
        depot=Depot(state / "depots" / snapshot.depot.path.name),
        pin=state / "pins" / snapshot.id / snapshot.pin.name,
    )


@dataclass(frozen=True, slots=True)
class Hub:
    """The hub at `url`: a path, which is made where it is not there, `ssh://…`, `http(s)://…`. All raise `HubAway` where it does not answer."""

    url: str
    token: str = field(default="", repr=False)
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)

    def make(self) -> None:
        """Make the hub, if it is a path where nothing is."""
        path = Path(self.url)
        if "://" not in self.url and not path.exists():
            path.mkdir(parents=True, mode=0o700)
            git.run(["init", "--quiet", "--bare", "--template="], git_dir=path)

    def count(self) -> int:
        """Return how many jobs it has something of."""
        with tempfile.TemporaryDirectory() as folder:
            git.run(["init", "--quiet", "--bare", "--template="], git_dir=Path(folder))
            return self._git(Path(folder), ["ls-remote", self.url, f"{_JOBS}*"]).count(b"\n")

    def send(self, depot: Depot, job: str, loads: Sequence[Load]) -> None:
        """Send what loads hold, as far as the hub lacks it; it is there when this returns."""
        before = depot.kept(_SENT + job)
        latest = None if before else _LATEST + depot.path.name
        tip = before if latest is None else self._fetch(depot, latest, f"{_SENT}latest")
        for load in loads:
            tip = depot.commit(load.tree, [tip] if tip else [], f"{job} {load.title}", _EPOCH)
        assert tip is not None
        for _ in range(_TRIES):
            if self._push(depot, tip, _JOBS + job, latest):
                depot.keep(_SENT + job, tip)
                return
            # A worker that lost its lease, and does not know it yet: nothing of either is lost.
            theirs = self._fetch(depot, _JOBS + job, _BROUGHT + job)
            tip = depot.commit(loads[-1].tree, [tip, *([theirs] if theirs else [])], f"{job} both", _EPOCH)
        raise HubAway(f"somebody else kept writing {_JOBS}{job} of the hub {self.url}: end the other worker")

    def bring(self, state: Path, depot: Depot, job: str, *, again: bool = False) -> bool:
        """Bring what was sent of a job into the depot, and its pins below `state`; say whether anything ever was.

        What was unpacked before is not, but `again`: its pins may be gone.
        """
        there = self._fetch(depot, _JOBS + job, _BROUGHT + job)
        if there is None:
            return False
        before = None if again else depot.kept(_SENT + job)
        if there != before:
            for id, what, name in _new(depot, job, there, before):
                if what == "commit":
                    _unpack_commit(depot, id, name)
                elif what == "pin":
                    _unpack_pin(state, depot, id, name)
            # Last: what was not unpacked to its end is brought again.
            depot.keep(_SENT + job, there)
        return True

    def _push(self, depot: Depot, tip: str, ref: str, latest: str | None) -> bool:
        """Move a reference of the hub forward; False where it has what `tip` has not."""
        args = ["push", "--porcelain", "--no-verify", self.url, f"{tip}:{ref}"]
        try:
            out = self._git(depot.path, [*args, *([f"{tip}:{latest}"] if latest else [])], fine=(0, 1))
        except HubAway:
            _check_whole(depot, tip)
            raise
        return any(flag != "!" and to.endswith(f":{ref}") for flag, to, _ in statuses(out))

    def _fetch(self, depot: Depot, ref: str, name: str) -> str | None:
        """Bring a reference of the hub here, and return its commit; None where there is none."""
        out = self._git(depot.path, ["ls-remote", self.url, ref])
        there = out.decode().partition("\t")[0]
        if not there:
            return None
        if not depot.has(there):
            known = f"--negotiation-tip=refs/nightcrew/{_SENT}*"
            self._git(depot.path, [*_FETCH, known, self.url, f"+{ref}:refs/nightcrew/{name}"])
        return depot.resolve(there)

    def _git(self, git_dir: Path, args: Sequence[str], fine: tuple[int, ...] = (0,)) -> bytes:
        try:
            return git.run(args, git_dir=git_dir, extra=self._settings(), fine=fine)
        except DepotError as error:
            raise HubAway(f"the hub {self.url} does not answer as it should ({error})") from error

    def _settings(self) -> dict[str, str]:
        """Return the environment in which git speaks with it, and with nobody else."""
        if self.url.startswith(("http://", "https://")):
            return Remote(self.url, token=self.token, environ=self.environ).settings()
        passed = {name: self.environ[name] for name in _PASSED if name in self.environ}
        scheme = "ssh" if self.url.startswith("ssh://") else "file"
        return {"GIT_SSH_COMMAND": _SSH, **passed, "GIT_ALLOW_PROTOCOL": scheme}


def _check_whole(depot: Depot, tip: str) -> None:
    """Raise `DepotError` where something is missing here, so that no other try would be better."""
    args = ["rev-list", "--objects", "--no-object-names", "--missing=print", tip]
    missing = git.run(args, git_dir=depot.path).count(b"?")
    if missing:
        raise DepotError(
            f"{missing} objects are missing here, so the hub cannot have them: in a partial clone, fetch them with `git fetch --refetch --no-filter`"
        )


def _new(depot: Depot, job: str, tip: str, before: str | None) -> Iterator[tuple[str, str, str]]:
    """Yield the commits of a job's chain that are new, the oldest first: id, what they hold, its name."""
    args = ["log", "--reverse", "--topo-order", "--format=%H %s", tip, *([f"^{before}"] if before else [])]
    for line in git.run(args, git_dir=depot.path).decode().splitlines():
        id, owner, what, *name = line.split(" ")
        # What came before belongs to other jobs of the same repository.
        if owner == job:
            yield id, what, "".join(name)


def _listed(depot: Depot, files: Mapping[str, str], tree: str) -> str:
    """Return the tree of these blobs, and of `tree` as `files`."""
    lines = [*(f"100644 blob {blob}\t{name}\n" for name, blob in files.items()), f"040000 tree {tree}\tfiles\n"]
    return git.run(["mktree"], git_dir=depot.path, input="".join(lines).encode()).decode().strip()


def _unpack_commit(depot: Depot, id: str, name: str) -> None:
    text = depot.read(f"{id}:text")
    written = git.run(["hash-object", "-t", "commit", "-w", "--stdin"], git_dir=depot.path, input=text)
    if written.decode().strip() != name:
        raise DepotError(f"what the hub has as the commit {name} is another: restore the hub, or remove it")
    end_history(depot, [parse_commit(name, text)])


def _unpack_pin(state: Path, depot: Depot, id: str, name: str) -> None:
    """Put a pin where it lies on this machine, whole or not at all."""
    target = state / "pins" / name
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=".new-"))
    try:
        for line in git.run(["ls-tree", "-z", id], git_dir=depot.path).split(b"\0")[:-1]:
            about, _, file = line.partition(b"\t")
            _, kind, blob = about.decode().split(" ")
            if kind == "blob":
                (partial / os.fsdecode(file)).write_bytes(depot.read(blob))
        record = json.loads((partial / "snapshot.json").read_bytes()) | {"depot": str(depot.path)}
        (partial / "snapshot.json").write_text(json.dumps(record))
        depot.keep(f"pins/{name}", record["base"])
        partial.rename(target)
    except FileExistsError:
        # Another process was first.
        pass
    finally:
        shutil.rmtree(partial, ignore_errors=True)
