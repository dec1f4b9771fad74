"""The main job's figures: making shadows against `git worktree add`, work inside them against native, and a fix's own cost.

Both sides of a ratio are taken in one run, as medians, on the same disk.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from orchestrator.places import place
from orchestrator.settings import Settings
from sandbox import Command, LocalDriver
from shadowfs import FuseDriver, Shadow, Snapshot, deliver_objects, pin, set_branch
from tests.bench.target import Target, Way, alternating, seconds
from tests.e2e.library import commit_all, git

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True, slots=True)
class Size:
    """How large the repository is, and how often each figure is taken."""

    files: int
    ignored_mb: int
    times: int


def measure(quick: bool, data: Path | None) -> list[Target]:  # noqa: ARG001 - everything is made here
    """Take all figures."""
    size = Size(2_000, 50, 3) if quick else Size(10_000, 500, 5)
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-", dir=ROOT / ".bench") as folder:
        bench = Bench(Path(folder), size)
        return [*bench.creation(), *bench.inside(), bench.fixing(), *others(quick)]


class Bench:
    """A large repository, a state directory, and what is timed on them."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._folder = folder
        self._size = size
        self._repository = make_repository(folder / "repository", size)
        self._numbers = count()

    def creation(self) -> Iterator[Target]:
        """Yield pin, create and mount against a worktree and a copy of the ignored directory, cold and from a warm zygote."""
        what = f"pin, create and mount {self._size.files:,} files with {self._size.ignored_mb} MB ignored"
        with ExitStack() as stack:
            ways = {
                "native": self._worktree(copied=True),
                "cold": self._shadow(stack, self._repository, warm=False),
                "warm": self._shadow(stack, self._repository, warm=True),
                "loose": self._shadow(stack, self._loose(), warm=False),
            }
            taken = alternating(ways, self._size.times)
        unit = "times git worktree add and a copy of the ignored directory"
        for name, limit, way in (("from nothing", 0.5, "cold"), ("from a warm zygote", 0.2, "warm"),
                                 ("from nothing, every object loose", None, "loose")):  # fmt: skip
            yield Target(f"{what}, {name}", unit, limit, taken[way] / taken["native"],
                         {"shadow, s": taken[way], "worktree and copy, s": taken["native"]})  # fmt: skip

    def inside(self) -> Iterator[Target]:
        """Yield the time of ordinary work inside a shadow against the same work on the native tree."""
        status = ["git", "status", "--porcelain"]
        compiled = [sys.executable, "-m", "compileall", "-q", "-f", "package"]
        yield self._compared("git status", status, 6.0, self._repository)
        yield self._compared("byte-compiling", compiled, 1.3, self._repository)
        demo = demo_repository()
        suite = [str(demo / ".venv" / "bin" / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
        yield self._compared("the demo's suite", suite, 1.2, demo)

    def fixing(self) -> Target:
        """Return what a fix costs outside of running tests and searching, against `git worktree add`, the depot being there."""
        state = self._folder / "fixing"
        with closing(FuseDriver(state)) as driver:
            self._whole_way(state, driver)
            fix = Way(lambda: self._whole_way(state, driver))
            taken = alternating({"fix": fix, "native": self._worktree(copied=False)}, self._size.times)
        return Target("a fix outside of tests and search: pin, mount, sandbox, seal, verify's two places, commit, branch",
                      "times git worktree add", 5.0, taken["fix"] / taken["native"],
                      {"fix, s": taken["fix"], "worktree, s": taken["native"]})  # fmt: skip

    def _whole_way(self, state: Path, driver: FuseDriver) -> None:
        """Go the way of a ticket with nothing to test or search: an attempt's place, then the ladder's two, then delivery."""
        snapshot = pin(self._repository, state)
        places = place.Places((driver,), {"local": LocalDriver(state / "sandboxes")}, Settings())
        with places.open(snapshot, snapshot.tree) as here:
            here.shadow.write("package/module_0/file_0.py", b"FIXED = True\n")
            here.sandbox.run(Command(("true",)))
            change = here.shadow.seal()
        for tree in (change.base, change.tree):
            with places.open(snapshot, tree) as there:
                there.sandbox.run(Command(("true",)))
        commit = snapshot.depot.commit(change.tree, [snapshot.base], "fixed", datetime.now(UTC))
        deliver_objects(snapshot.depot, commit, self._repository)
        assert set_branch(self._repository, f"nightcrew/bench-{next(self._numbers)}", commit)

    def _worktree(self, *, copied: bool) -> Way:
        """Return the making of a worktree. None is removed between two: ext4 is slow to create where much was just removed."""

        def make() -> None:
            target = self._folder / f"worktree-{next(self._numbers)}"
            git(self._repository, "worktree", "add", "-q", "--detach", str(target))
            if copied:
                subprocess.run(["cp", "-a", self._repository / "ignored", target / "ignored"], check=True)

        return Way(make)

    def _shadow(self, stack: ExitStack, repository: Path, *, warm: bool) -> Way:
        """Return the way from nothing but the repository (and a zygote, where warm) to a first look at a mounted file."""
        ready: list[tuple[Path, FuseDriver]] = []

        def prepare() -> None:
            state = self._folder / f"state-{next(self._numbers)}"
            driver = stack.enter_context(closing(FuseDriver(state)))
            if warm:
                driver.create(pin(repository, state)).close()
            ready.append((state, driver))

        def work() -> None:
            state, driver = ready[-1]
            shadow = stack.enter_context(driver.create(pin(repository, state)))
            assert shadow.read("package/module_0/file_0.py")

        return Way(work, prepare)

    def _loose(self) -> Path:
        """Return a copy of the repository with every object loose, which git itself packs when they are more than some 6,700."""
        copy = self._folder / "loose"
        shutil.copytree(self._repository, copy, copy_function=shutil.copy2)
        for file in (copy / ".git/objects/pack").iterdir():
            file.rename(self._folder / file.name)
        for pack in self._folder.glob("*.pack"):
            with pack.open("rb") as data:
                subprocess.run(["git", "unpack-objects", "-q"], cwd=copy, stdin=data, check=True)
        git(copy, "update-index", "-q", "--refresh")
        return copy

    def _compared(self, what: str, command: list[str], limit: float, repository: Path) -> Target:
        def run(cwd: Path) -> Callable[[], object]:
            return lambda: subprocess.run(command, cwd=cwd, capture_output=True, check=True)

        def taken(cwd: Path) -> float:
            run(cwd)()
            return seconds(run(cwd), times=self._size.times)

        native = taken(repository)
        beside = {"native, s": native}
        with mounted(repository, self._folder / f"state-{next(self._numbers)}") as path:
            value = taken(path)
        with overlaid(repository, self._folder / f"overlay-{next(self._numbers)}") as other:
            if other is not None:
                beside["fuse-overlayfs, times native"] = taken(other) / native
        return Target(f"{what} inside a shadow", "times native", limit, value / native, {"shadow, s": value, **beside})


@contextmanager
def mounted(repository: Path, state: Path) -> Iterator[Path]:
    """Mount a shadow of a repository where every process sees it."""
    snapshot: Snapshot = pin(repository, state)
    with closing(FuseDriver(state)) as driver:
        shadow: Shadow = driver.create(snapshot, visible=True)
        with shadow:
            yield shadow.mount.path


@contextmanager
def overlaid(repository: Path, folder: Path) -> Iterator[Path | None]:
    """Mount fuse-overlayfs over a repository; None where it is not to be had."""
    target, upper, work = folder / "merged", folder / "upper", folder / "work"
    for directory in (target, upper, work):
        directory.mkdir(parents=True)
    program = shutil.which("fuse-overlayfs")
    options = f"lowerdir={repository},upperdir={upper},workdir={work}"
    done = (
        program and subprocess.run([program, "-o", options, target], capture_output=True, check=False).returncode == 0
    )
    try:
        yield target if done else None
    finally:
        if done:
            subprocess.run(["fusermount3", "-uz", target], check=True)


def make_repository(repository: Path, size: Size) -> Path:
    """Make a repository of small Python files with a large ignored directory."""
    for number in range(size.files):
        path = repository / "package" / f"module_{number // 100}" / f"file_{number % 100}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f'"""File {number}."""\n\n'
            + "".join(f"def function_{i}(x):\n    return x * {i} + {number}\n\n\n" for i in range(20))
        )
    (repository / ".gitignore").write_text("ignored/\n__pycache__/\n")
    (repository / "ignored").mkdir()
    for number in range(size.ignored_mb):
        (repository / "ignored" / f"block_{number}").write_bytes(number.to_bytes(4, "big") * (1 << 18))
    # Packed, as git's own `gc --auto`, which starts at some 6,700 loose objects, leaves it: but now, not beside the timing.
    git(repository, "init", "-q")
    git(repository, "config", "gc.auto", "0")
    commit_all(repository)
    git(repository, "gc", "-q")
    return repository


def demo_repository() -> Path:
    """Return the demo's repository, made where it is not there yet."""
    sys.path.insert(0, str(ROOT / "deploy"))
    import demo  # type: ignore[import-not-found]

    if not (demo.REPOSITORY / ".git").is_dir():
        demo.set_up()
    repository: Path = demo.REPOSITORY
    return repository


def others(quick: bool) -> Iterator[Target]:
    """Yield the main job's figures that other benchmarks take: forks of a shadow, and candidates tested per second."""
    from tests.bench import shadowfs, trials

    yield from shadowfs.forking(quick)
    yield from trials.rate(quick)
