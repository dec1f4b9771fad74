"""How fast shadows are: a fork against a fresh one and its slope, git and byte-compiling in the mount against native and fuse-overlayfs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shadowfs import FuseDriver, Snapshot, pin
from shadowfs.fuseshadow import FuseShadow
from tests.bench.target import Target, seconds

NODES = 20_000
PER_DIRECTORY = 50
MS = 1e3


@dataclass(frozen=True, slots=True)
class Place:
    """A directory and how to run a command in it: inside a namespace, or as it is."""

    directory: Path
    enter: tuple[str, ...] = ()

    def run(self, command: str) -> None:
        """Run a shell command there."""
        argv = [*self.enter, "sh", "-c", f'cd "$0" && {command}', str(self.directory)]
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def measure(quick: bool, data: Path | None) -> list[Target]:
    """Return the targets; nothing here needs `data`."""
    del data
    return _taken(quick, _forks, _tools)


def forking(quick: bool) -> list[Target]:
    """Return the targets that forks have."""
    return _taken(quick, _forks)


def _taken(quick: bool, *parts: Callable[[FuseDriver, Path, bool], Iterator[Target]]) -> list[Target]:
    scratch = Path(tempfile.mkdtemp(prefix="nightcrew-bench-"))
    driver = FuseDriver(scratch / "state")
    try:
        probe = driver.probe()
        if not probe.works:
            return [Target("the mount", "", None, None, why=probe.why)]
        return [target for part in parts for target in part(driver, scratch, quick)]
    finally:
        driver.close()
        shutil.rmtree(scratch)


def _forks(driver: FuseDriver, scratch: Path, quick: bool) -> Iterator[Target]:
    times = 3 if quick else 9
    taken = {}
    for count in (2_000, NODES):
        repository = _flat(scratch / f"flat{count}", count)
        snapshot = pin(repository, scratch / "state")
        driver.create(snapshot).close()
        bare = seconds(partial(driver.create, snapshot), times=times)
        fresh = _seconds_fresh(driver, snapshot, times)
        with driver.create(snapshot) as shadow:
            _inside(shadow).run("find . -type f -newer .git; true")
            taken[count] = (_seconds_fork(shadow, times), fresh)
    fork, fresh = taken[NODES]
    slope = (fork - taken[2_000][0]) / (NODES - 2_000) * 10_000
    worktree = seconds(lambda: _worktree(scratch / f"flat{NODES}", scratch / "worktree"), times=1)
    beside = {
        "create": bare * MS,
        "create and look": fresh * MS,
        "git worktree add": worktree * MS,
        "slope per 10,000 nodes": slope * MS,
    }
    yield Target("fork at 20,000 cached nodes", "ms", 10.0, fork * MS, beside)
    yield Target(
        "fork, as a part of making one of 20,000 files anew", "ratio", 0.1, fork / fresh, {"create ms": fresh * MS}
    )


def _seconds_fresh(driver: FuseDriver, snapshot: Snapshot, times: int) -> float:
    """Return what it takes to make a shadow whose files have all been looked at, as those of the forked one have."""
    made: list[FuseShadow] = []

    def create() -> None:
        made.append(driver.create(snapshot))
        _inside(made[-1]).run("find . -type f -newer .git; true")

    taken = seconds(create, times=times)
    for shadow in made:
        shadow.close()
    return taken


def _seconds_fork(shadow: FuseShadow, times: int) -> float:
    made: list[FuseShadow] = []
    taken = seconds(lambda: made.append(shadow.fork()), times=times)
    for child in made:
        child.close()
    return taken


def _tools(driver: FuseDriver, scratch: Path, quick: bool) -> Iterator[Target]:
    times = 3 if quick else 7
    repository = _library(scratch / "library")
    native = Place(repository)
    with (
        driver.create(pin(repository, scratch / "state")) as shadow,
        _overlay(repository, scratch / "overlay") as overlay,
    ):
        places = {"native": native, "shadow": _inside(shadow)} | ({"fuse-overlayfs": overlay} if overlay else {})
        for what, command, limit in (
            ("git status, warm", "git status --porcelain", 6.0),
            (
                "byte-compiling",
                f"rm -rf $(find . -name __pycache__); {sys.executable} -m compileall -q json email http",
                1.3,
            ),
        ):
            taken = {}
            for name, place in places.items():
                place.run(command)
                taken[name] = seconds(partial(place.run, command), times=times)
            beside = {f"{name} ms": value * MS for name, value in taken.items()}
            yield Target(f"{what}, times native", "ratio", limit, taken["shadow"] / taken["native"], beside)


def _inside(shadow: FuseShadow) -> Place:
    enter = ["nsenter", "-t", str(shadow.mount.namespace), "-m"]
    if os.geteuid() != 0:
        enter += ["-U", "--preserve-credentials"]
    return Place(shadow.mount.path, (*enter, "--"))


@contextmanager
def _overlay(lower: Path, scratch: Path) -> Iterator[Place | None]:
    """Mount fuse-overlayfs over the same files; None where it is not installed."""
    program = shutil.which("fuse-overlayfs")
    if program is None:
        yield None
        return
    for name in ("upper", "work", "mnt"):
        (scratch / name).mkdir(parents=True)
    options = f"lowerdir={lower},upperdir={scratch}/upper,workdir={scratch}/work"
    subprocess.run([program, "-o", options, scratch / "mnt"], check=True)
    try:
        yield Place(scratch / "mnt")
    finally:
        subprocess.run(["fusermount3", "-u", scratch / "mnt"], check=True)


def _flat(root: Path, count: int) -> Path:
    for number in range(count // PER_DIRECTORY):
        directory = root / f"d{number % 20}" / f"s{number}"
        directory.mkdir(parents=True)
        for at in range(PER_DIRECTORY):
            (directory / f"f{at}.py").write_text(f"x = {number * at}\n")
    return _commit(root)


def _library(root: Path) -> Path:
    """Copy the standard library: a repository of the size and kind that people work on."""
    source = Path(sysconfig.get_path("stdlib"))
    skip = shutil.ignore_patterns("site-packages", "__pycache__", "test", "tests", "config-*", "lib-dynload", "idlelib")
    shutil.copytree(source, root, ignore=skip, symlinks=True)
    (root / ".gitignore").write_text("__pycache__/\n")
    return _commit(root)


def _commit(root: Path) -> Path:
    for args in (
        ["init"],
        ["add", "--all"],
        ["-c", "user.name=b", "-c", "user.email=b@example.org", "commit", "-m", "all"],
    ):
        subprocess.run(
            ["git", "-c", "gc.auto=0", "-c", "maintenance.auto=false", *args],
            cwd=root,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    # Older than the index, as in a repository that was not made just now: git then trusts what it knows of them.
    for file in root.rglob("*"):
        if ".git" not in file.parts and file.is_file() and not file.is_symlink():
            os.utime(file, (1_700_000_000, 1_700_000_000))
    subprocess.run(["git", "update-index", "-q", "--refresh"], cwd=root, check=True)
    return root


def _worktree(repository: Path, target: Path) -> None:
    subprocess.run(["git", "worktree", "add", "--detach", target], cwd=repository, check=True, capture_output=True)
