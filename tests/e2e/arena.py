"""Where escapes are tried: a throw-away repository and victim, once with a sandbox around the attacker and once without."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox import (
    Command,
    Completed,
    DockerDriver,
    Ended,
    Limits,
    LocalDriver,
    Policy,
    Process,
    Root,
    Sandbox,
    SandboxDriver,
    toolchain_paths,
)
from shadowfs import Change, CopyDriver, Driver, FuseDriver, Shadow, Snapshot, deliver_objects, pin, set_branch
from tests.sandbox.dockerimage import IMAGES_PYTHON, remove_volumes, the_image

READINESS = LocalDriver().probe()
needs_local = pytest.mark.skipif(not READINESS.works, reason=READINESS.why)
TOOLS = toolchain_paths(Path(sys.executable), Path.home(), {}).readonly
ENGINE = os.environ.get("ESCAPES_OVER")
"""The address of another engine, with the image on it, that attacks in the kind `remote` are run over: without it the machine's own, and few."""
remotely = pytest.mark.remotely
"""Marks the attacks that are run in the kind `remote` too where no other engine is named: those on what only such a sandbox does."""
GIT = ("git", "-c", "user.name=user", "-c", "user.email=user@localhost")


@dataclass(frozen=True, slots=True)
class Place:
    """What an attacker works on: the user's repository, and a victim directory beside it with a secret in it.

    `kind` is the sandbox around a guarded one.
    """

    base: Path
    kind: str = "local"

    @property
    def driver(self) -> SandboxDriver:
        """Return the sandbox's driver; skips the test where it does not work."""
        scratch = self.base / "scratch"
        if self.kind == "local":
            return LocalDriver(scratch)
        return DockerDriver(
            the_image(), scratch, ENGINE if self.kind == "remote" else None, remote=self.kind == "remote"
        )

    @property
    def repository(self) -> Path:
        return self.base / "home" / "project"

    @property
    def victim(self) -> Path:
        return self.base / "victim"

    @property
    def state(self) -> Path:
        return self.base / "state"

    def make(self) -> None:
        for path in (self.repository / "package", self.victim, self.state):
            path.mkdir(parents=True)
        (self.victim / "secret").write_text("a secret\n")
        (self.repository / "file").write_text("content\n")
        (self.repository / "package" / "module.py").write_text("value = 1\n")
        for words in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "first"], ["branch", "other"]):
            subprocess.run([*GIT, *words], cwd=self.repository, check=True)

    def variables(self, more: dict[str, str]) -> dict[str, str]:
        return {
            "VICTIM": str(self.victim),
            "REPOSITORY": str(self.repository),
            "STATE": str(self.state),
            # An image has tools of its own.
            "PYTHON": sys.executable if self.kind == "local" else IMAGES_PYTHON,
            **more,
        }


class Bare:
    """The attack without a sandbox, on the repository itself: the negative control. What it starts is ended after the test."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, script: str, **more: str) -> subprocess.Popen[bytes]:
        """Start a shell script with everything that the tests themselves have."""
        process = subprocess.Popen(
            ["sh", "-c", script],
            cwd=self.place.repository,
            env={**os.environ, **self.place.variables(more)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            close_fds=False,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def run(self, script: str, limits: Limits | None = None, **more: str) -> Completed:
        """Run a shell script for as long as the limits say, without enforcing any other of them."""
        limits = limits or Limits()
        process = self.start(script, **more)
        try:
            stdout, stderr = process.communicate(timeout=limits.wall_s)
        except subprocess.TimeoutExpired:
            return Completed(Ended.TIMED_OUT, None)
        return Completed(Ended.EXITED, process.returncode, stdout, stderr)

    def close(self) -> None:
        """End what was started and whatever still bears its session."""
        for process in self._started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


class Guarded:
    """The attack in a sandbox, on a shadow of the repository."""

    def __init__(self, place: Place, snapshot: Snapshot, shadow: Shadow, sandbox: Sandbox) -> None:
        self.place = place
        self.snapshot = snapshot
        self.shadow = shadow
        self.sandbox = sandbox

    def start(self, script: str, **more: str) -> Process:
        """Start a shell script."""
        return self.sandbox.start(self._command(script, more))

    def run(self, script: str, limits: Limits | None = None, **more: str) -> Completed:
        """Run a shell script."""
        return self.sandbox.run(self._command(script, more), limits or Limits())

    def _command(self, script: str, more: dict[str, str]) -> Command:
        return Command(("sh", "-c", script), environment=self.place.variables(more))


def opened(place: Place, shadow: Shadow, *tools: Path) -> Sandbox:
    """Open a sandbox on a shadow as the orchestrator does, with `tools` lent to it besides the usual."""
    mount = shadow.mount
    root = Root(
        mount.path,
        place.repository,
        mount.namespace,
        readonly=(mount.objects, *(TOOLS if place.kind == "local" else ()), *tools),
        writable=(mount.git_dir,),
    )
    return place.driver.open(root, Policy(hidden=(place.state,)))


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Bare]:
    """Yield the negative control."""
    place = Place(tmp_path / "bare")
    place.make()
    control = Bare(place)
    yield control
    control.close()


def shadow_driver(name: str, state: Path) -> Driver:
    """Return a shadow driver by its name; skips the test where it does not work."""
    driver: Driver = CopyDriver(state) if name == "copy" else FuseDriver(state)
    probe = driver.probe()
    if not probe.works:
        pytest.skip(probe.why)
    return driver


@contextmanager
def guarding(base: Path, driver_name: str, kind: str = "local") -> Iterator[Guarded]:
    """Yield a guarded attacker on a shadow of the named driver, in a sandbox of that kind."""
    place = Place(base, kind)
    place.make()
    with ExitStack() as stack:
        if kind == "remote":
            stack.callback(remove_volumes, base, ENGINE)
        driver = shadow_driver(driver_name, place.state)
        stack.callback(driver.close)
        snapshot = pin(place.repository, place.state)
        shadow = stack.enter_context(driver.create(snapshot, user=place.driver.user))
        yield Guarded(place, snapshot, shadow, stack.enter_context(opened(place, shadow)))


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Guarded]:
    """Yield the guarded attacker."""
    with guarding(tmp_path / "guarded", "copy") as attacker:
        yield attacker


@pytest.fixture(params=["local", "docker", "remote"])
def contained(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    """Yield the guarded attacker in each kind of sandbox; a module that imports it names it `guarded`."""
    with guarding(tmp_path / "guarded", "copy", request.param) as attacker:
        yield attacker


@pytest.fixture(params=["local", "remote"])
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    """Yield the guarded attacker in the local sandbox, and in one that its files are shipped to; named `guarded` in modules too."""
    with guarding(tmp_path / "guarded", "copy", request.param) as attacker:
        yield attacker


COMBINATIONS = {
    "copy": ("copy", "local"),
    "fuse": ("fuse", "local"),
    "docker": ("fuse", "docker"),
    "remote": ("copy", "remote"),
}
"""Drivers of shadows, and kinds of sandboxes on them."""


Attacker = Bare | Guarded

USER = (
    ["status"],
    ["diff"],
    ["add", "-A"],
    ["commit", "-q", "-m", "second"],
    ["log", "-1", "-p"],
    ["checkout", "-q", "other"],
)
BRANCH = "nightcrew/fix"


def as_the_user(bare: Bare) -> None:
    """Do what a user or a careless host does in a repository."""
    for words in USER:
        subprocess.run([*GIT, *words], cwd=bare.place.repository, capture_output=True, check=False)


def as_the_host(guarded: Guarded) -> Change:
    """Do all that nightcrew does with a shadow, and then what the user does in the repository; return the change.

    It is delivered as it is, hostile or not: what matters here is what runs on the way.
    """
    shadow, snapshot, repository = guarded.shadow, guarded.snapshot, guarded.place.repository
    list(shadow.paths())
    shadow.checkpoint()
    change = shadow.seal()
    commit = snapshot.depot.commit(change.tree, (snapshot.base,), "a fix", datetime(2026, 1, 1, tzinfo=UTC))
    deliver_objects(snapshot.depot, commit, repository)
    assert set_branch(repository, BRANCH, commit)
    for words in USER[:2]:
        subprocess.run([*GIT, *words], cwd=repository, capture_output=True, check=True)
    return change


def pwned(attacker: Attacker) -> bool:
    """Say whether what the attacker planted has run."""
    return (attacker.place.victim / "pwned").exists()


def digest(path: Path) -> dict[str, tuple[object, ...]]:
    """Return what can be seen of every file below `path`: content, mode, owner, times, links, attributes."""
    seen: dict[str, tuple[object, ...]] = {}
    for file in sorted(path.rglob("*")):
        status = file.lstat()
        content = file.read_bytes() if file.is_file() and not file.is_symlink() else None
        attributes = tuple(os.listxattr(file, follow_symlinks=False))
        stat = (status.st_mode, status.st_uid, status.st_gid, status.st_size, status.st_mtime_ns, status.st_nlink)
        seen[str(file.relative_to(path))] = (content, *stat, status.st_ino, attributes)
    return seen
