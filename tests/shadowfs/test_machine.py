"""The same random operations on mounted shadows and on plain directories: outcomes and trees are equal after each step."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from shadowfs import Change, Entry, FuseDriver, Snapshot, pin
from shadowfs.fuseshadow import FuseShadow
from tests.shadowfs.repositories import age, digest, make, write

NAMES = ("a", "b", "pkg", "core.py", "build", "out", "link")
PATHS = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map("/".join)
DATA = st.sampled_from((b"", b"x", b"hello\n", b"0123456789" * 500))
# Times that no clock gives any more, so that a set time is told from a time of change.
LONG_AGO_S = 1_000_000_000
FORKS = 3


@dataclass(slots=True)
class World:
    """One shadow and the plain directory that should look the same."""

    shadow: FuseShadow
    plain: Path
    at: int = 0
    """Which of the user's states the shadow stands on."""

    @property
    def mounted(self) -> Path:
        """Return the mount as this process sees it."""
        return Path(f"/proc/{self.shadow.mount.namespace}/root{self.shadow.mount.path}")


class Machine(RuleBasedStateMachine):
    """Drives worlds side by side; forks add worlds."""

    driver: FuseDriver
    snapshots: list[Snapshot]
    repository: Path
    before: str

    def __init__(self) -> None:
        super().__init__()
        self.scratch = Path(tempfile.mkdtemp(prefix="nightcrew-machine-"))
        self.worlds: list[World] = []

    @initialize()
    def start(self) -> None:
        plain = self.scratch / "0"
        shutil.copytree(self.repository, plain, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        self.worlds.append(World(self.driver.create(self.snapshots[0]), plain))

    def both(self, which: int, act: Callable[[Path], object]) -> None:
        """Do the same in a world's mount and in its plain directory; both succeed alike or fail with the same errno."""
        world = self.worlds[which % len(self.worlds)]
        assert outcome(act, world.mounted) == outcome(act, world.plain)

    @rule(which=st.integers(0, 9), path=PATHS, data=DATA)
    def replace(self, which: int, path: str, data: bytes) -> None:
        self.both(which, lambda root: (root / path).write_bytes(data))

    @rule(which=st.integers(0, 9), path=PATHS, data=DATA, offset=st.integers(0, 9000))
    def overwrite(self, which: int, path: str, data: bytes, offset: int) -> None:
        def act(root: Path) -> int:
            fd = os.open(root / path, os.O_WRONLY | os.O_CREAT, 0o640)
            try:
                return os.pwrite(fd, data, offset)
            finally:
                os.close(fd)

        self.both(which, act)

    @rule(which=st.integers(0, 9), path=PATHS, data=DATA)
    def append(self, which: int, path: str, data: bytes) -> None:
        def act(root: Path) -> bytes:
            with (root / path).open("ab") as one, (root / path).open("ab") as other:
                for file in (one, other, one):
                    file.write(data)
                    file.flush()
            return (root / path).read_bytes()

        self.both(which, act)

    @rule(which=st.integers(0, 9), path=PATHS, size=st.integers(0, 9000))
    def truncate(self, which: int, path: str, size: int) -> None:
        self.both(which, lambda root: os.truncate(root / path, size))

    @rule(which=st.integers(0, 9), path=PATHS, other=PATHS)
    def rename(self, which: int, path: str, other: str) -> None:
        self.both(which, lambda root: (root / path).rename(root / other) and None)

    @rule(which=st.integers(0, 9), path=PATHS, other=PATHS)
    def link(self, which: int, path: str, other: str) -> None:
        self.both(which, lambda root: os.link(root / path, root / other, follow_symlinks=False))

    @rule(which=st.integers(0, 9), path=PATHS, other=PATHS)
    def symlink(self, which: int, path: str, other: str) -> None:
        self.both(which, lambda root: (root / path).symlink_to(other))

    @rule(which=st.integers(0, 9), path=PATHS)
    def unlink(self, which: int, path: str) -> None:
        self.both(which, lambda root: (root / path).unlink())

    @rule(which=st.integers(0, 9), path=PATHS)
    def mkdir(self, which: int, path: str) -> None:
        self.both(which, lambda root: (root / path).mkdir())

    @rule(which=st.integers(0, 9), path=PATHS)
    def rmdir(self, which: int, path: str) -> None:
        self.both(which, lambda root: (root / path).rmdir())

    @rule(which=st.integers(0, 9), path=PATHS, mode=st.sampled_from((0o600, 0o755, 0o644, 0o400)))
    def chmod(self, which: int, path: str, mode: int) -> None:
        self.both(which, lambda root: (root / path).chmod(mode | 0o100 * (root / path).is_dir()))

    @rule(which=st.integers(0, 9), path=PATHS, at_s=st.integers(1, LONG_AGO_S))
    def utimes(self, which: int, path: str, at_s: int) -> None:
        self.both(which, lambda root: os.utime(root / path, (at_s, at_s), follow_symlinks=False))

    @rule(which=st.integers(0, 9), path=PATHS, data=DATA)
    def write_unlinked(self, which: int, path: str, data: bytes) -> None:
        def act(root: Path) -> bytes:
            with (root / path).open("r+b") as file:
                (root / path).unlink()
                file.write(data)
                file.seek(0)
                return file.read()

        self.both(which, act)

    @rule(which=st.integers(0, 9))
    def fork(self, which: int) -> None:
        if len(self.worlds) > FORKS:
            return
        world = self.worlds[which % len(self.worlds)]
        plain = self.scratch / str(len(self.worlds))
        # With hard links and times.
        subprocess.run(["cp", "-a", world.plain, plain], check=True)
        self.worlds.append(World(world.shadow.fork(), plain, world.at))

    @rule(which=st.integers(0, 9), to=st.integers(0, 9))
    def move(self, which: int, to: int) -> None:
        """Move to another of the user's states; do to the plain directory what that is to do, and find the same."""
        world = self.worlds[which % len(self.worlds)]
        old, new = (self.snapshots[at % len(self.snapshots)] for at in (world.at, to))
        world.at = to % len(self.snapshots)
        change = new.depot.change(old.tree, new.tree)
        before = {file.path: found(world.plain / file.path) for file in change.files}
        moved = world.shadow.move(new)
        assert sorted((*moved.taken, *moved.kept)) == list(change.paths())
        for file in change.files:
            was = None if file.before is None else (file.before.mode, new.depot.read(file.before.blob))
            now = None if file.after is None else (file.after.mode, new.depot.read(file.after.blob))
            if file.path in moved.taken:
                assert before[file.path] in (was, now) or (was is None and (world.plain / file.path).is_dir())
        for path in sorted(moved.taken, reverse=True):
            if before[path] is not None:
                (world.plain / path).unlink()
        bring_empty_directories_in_line(world)
        for path in moved.taken:
            if (entry := change_of(change, path)) is not None:
                put(world.plain / path, entry.mode, new.depot.read(entry.blob))
        bring_empty_directories_in_line(world)

    @rule(which=st.integers(0, 9))
    def checkpoint(self, which: int) -> None:
        world = self.worlds[which % len(self.worlds)]
        tree = world.shadow.checkpoint()
        kept = {path for path in world.shadow.snapshot.depot.entries(tree) if not path.startswith("build")}
        assert kept == {path for path in files(world.plain) if not path.startswith("build")}

    @invariant()
    def trees_are_equal(self) -> None:
        for world in self.worlds:
            assert tree(world.mounted) == tree(world.plain)

    def teardown(self) -> None:
        for world in self.worlds:
            world.shadow.close()
        shutil.rmtree(self.scratch)
        assert digest(self.repository) == self.before


def outcome(act: Callable[[Path], object], root: Path) -> object:
    """Return what an act returns, or the errno it fails with."""
    try:
        return act(root)
    except OSError as error:
        return error.errno


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Return what there is below a directory: kinds, modes, link counts, contents, and times that were set."""
    found: dict[str, tuple[object, ...]] = {}
    inodes: dict[int, str] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name == ".git":
            continue
        status = path.lstat()
        mode = status.st_mode if not stat.S_ISLNK(status.st_mode) else stat.S_IFLNK
        set_s = status.st_mtime_ns // 10**9 if status.st_mtime_ns <= LONG_AGO_S * 10**9 else None
        if stat.S_ISDIR(mode):
            found[name] = (mode, set_s)
            continue
        content = str(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes()
        found[name] = (mode, status.st_nlink, status.st_size, content, inodes.setdefault(status.st_ino, name), set_s)
    return found


def found(path: Path) -> tuple[int, bytes] | None:
    """Return the git mode and content of what is at a path, None for what git does not keep."""
    try:
        status = path.lstat()
    except OSError:
        return None
    if stat.S_ISLNK(status.st_mode):
        return 0o120000, os.fsencode(path.readlink())
    if not stat.S_ISREG(status.st_mode):
        return None
    return 0o100755 if status.st_mode & 0o100 else 0o100644, path.read_bytes()


def change_of(change: Change, path: str) -> Entry | None:
    """Return what a change has at a path in the end."""
    return next(file.after for file in change.files if file.path == path)


def put(path: Path, mode: int, data: bytes) -> None:
    """Make a file or a link as a checkout does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if mode == 0o120000:
        path.symlink_to(os.fsdecode(data))
    else:
        path.write_bytes(data)
        path.chmod(mode & 0o777)


def bring_empty_directories_in_line(world: World) -> None:
    """Git keeps no empty directory, so a move may keep or remove one: as it did, so be it."""
    for path in sorted(world.plain.rglob("*"), reverse=True):
        seen = world.mounted / path.relative_to(world.plain)
        empty = path.is_dir() and not path.is_symlink() and not any(path.iterdir())
        if empty and (seen.is_symlink() or not seen.is_dir()):
            path.rmdir()


def files(root: Path) -> set[str]:
    """Return the paths of what git keeps below a directory."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or path.is_file()}


def pins(repository: Path, state: Path) -> list[Snapshot]:
    """Pin several states of the user's, the first of which he then is in again."""
    made = [pin(repository, state)]
    write(repository, {"pkg/core.py": b"x = 2\n", "pkg/a": b"more\n", "out": b"new\n"})
    (repository / "b").unlink()
    (repository / "link").unlink()
    (repository / "link").symlink_to("a")
    made.append(pin(repository, state))
    shutil.rmtree(repository / "pkg")
    for name in ("a", "link"):
        (repository / name).unlink()
    write(repository, {"a/b": b"deep\n", "a/core.py": b"deep\n", "link": b"no link\n", "pkg": b"no directory\n"})
    made.append(pin(repository, state))
    for name in ("pkg", "link", "out"):
        (repository / name).unlink()
    shutil.rmtree(repository / "a")
    write(repository, {"pkg/core.py": b"x = 1\n", "a": b"tracked\n", "b": b"untracked\n"})
    (repository / "link").symlink_to("pkg/core.py")
    age(repository)
    return made


@pytest.mark.parametrize("loop", ["sync", "trio"])
def test_a_shadow_behaves_like_a_plain_directory_and_so_do_its_forks(tmp_path: Path, loop: str) -> None:
    repository = make(tmp_path / "repo", {"pkg/core.py": b"x = 1\n", "a": b"tracked\n", ".gitignore": b"build/\n"})
    write(repository, {"build/out": b"made\n", "build/pkg/a": b"deep\n", "b": b"untracked\n"})
    (repository / "link").symlink_to("pkg/core.py")
    age(repository)
    driver = FuseDriver(tmp_path / "state", loop=loop)
    probe = driver.probe()
    if not probe.works:
        pytest.skip(f"fuse: {probe.why}")

    class Here(Machine):
        """The machine on this repository."""

    Here.driver, Here.repository = driver, repository
    Here.snapshots = pins(repository, tmp_path / "state")
    Here.before = digest(repository)
    examples = 12 if loop == "sync" else 3
    quiet = [HealthCheck.too_slow, HealthCheck.data_too_large]
    try:
        run_state_machine_as_test(
            Here,
            settings=settings(
                max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=quiet
            ),
        )
    finally:
        driver.close()
