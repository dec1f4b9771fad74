"""The sandboxes' figures: what a command costs to start, what metering costs while it runs, what a suite costs inside.

All are medians of one run. Peers take turns with what they are measured against.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import Command, DockerDriver, LocalDriver, Root, Sandbox, toolchain_paths
from tests.bench.target import Target, Way, alternating, seconds

BARE = ("bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--unshare-all", "--die-with-parent")
ECHO = ("echo", "word")
TRUE = Command(("true",), cwd="/")
SUITE = """
import hashlib, os, subprocess, unittest

class Suite(unittest.TestCase):
    def test_computing(self):
        for number in range(250000): hashlib.sha256(b"%d" % number).digest()
    def test_files(self):
        for number in range(1500):
            with open(f"made-{number}", "w") as file: file.write("x" * 2000)
            with open(f"made-{number}") as file: file.read()
            os.remove(f"made-{number}")
    def test_processes(self):
        for _ in range(100): subprocess.run(["true"], check=True)
"""
DOCKER = (
    *("docker", "run", "--rm", "--init", "--network", "none", "--read-only", "--cap-drop", "ALL", "--ipc", "private"),
    *("--security-opt", "no-new-privileges", "--pids-limit", "2056", "--memory", "5g", "--memory-swap", "5g"),
    *("--ulimit", "core=0", "--log-driver", "none", "--shm-size", "512m", "--user", "1000:1000"),
)


def measure(quick: bool, data: Path | None) -> list[Target]:  # noqa: ARG001 - everything is made here
    """Take all figures."""
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        (tree / "test_suite.py").write_text(SUITE)
        return [*_local(tree, quick), *_docker(tree, quick)]


def _local(tree: Path, quick: bool) -> list[Target]:
    times = 20 if quick else 100
    driver = LocalDriver(tree.parent / "scratch")
    tools = toolchain_paths(Path(sys.executable), Path.home(), {}).readonly
    with driver.open(Root(tree, tree, readonly=tools)) as sandbox:
        ways = {
            "bare": Way(lambda: _first_output((*BARE, *ECHO))),
            "run": Way(lambda: sandbox.run(Command(ECHO, cwd="/"))),
            "start": Way(lambda: sandbox.start(TRUE).__exit__()),
        }
        taken = alternating(ways, times)
        metering = _metering(sandbox, 3 if quick else 10)
        suite = _suite(sandbox, sys.executable, 3 if quick else 7)
    opening = seconds(lambda: driver.open(Root(tree, tree)).close(), times=times)
    beside = {"bare bubblewrap, ms": taken["bare"] * 1e3}
    return [
        Target("local: start to output, against a bare bubblewrap", "times", 3.0, taken["run"] / taken["bare"], beside),
        Target("local: run a command", "ms", None, taken["run"] * 1e3, beside),
        Target("local: start and stop a command", "ms", None, taken["start"] * 1e3, beside),
        Target("local: open and close a sandbox", "ms", None, opening * 1e3),
        Target("nightcrew's own CPU while a command runs", "% of a core", 5.0, metering * 100),
        Target("local: a suite inside, against outside", "times", 1.1, suite),
    ]


def _docker(tree: Path, quick: bool) -> list[Target]:
    from tests.sandbox.dockerimage import made_image

    image = made_image()
    what = "docker: start to output when warm, against `docker run` with the same options"
    inside = "docker: a suite inside, against a container without nightcrew"
    if not isinstance(image, str):
        return [Target(name, "times", limit, None, why=str(image)) for name, limit in ((what, 1.3), (inside, 1.1))]
    times = 5 if quick else 30
    driver = DockerDriver(image, tree.parent / "scratch")
    bound = ("--volume", f"{tree}:{tree}", "--workdir", str(tree), image)
    with driver.open(Root(tree, tree)) as sandbox:
        ways = {
            "docker run": Way(lambda: _first_output((*DOCKER, *bound, *ECHO))),
            "run": Way(lambda: sandbox.run(Command(ECHO))),
        }
        taken = alternating(ways, times)
        stopping = seconds(lambda: sandbox.start(TRUE).__exit__(), times=times)
        with _container((*DOCKER, "--detach", *bound, "sleep", "600")) as container:
            bare = ("docker", "exec", "--workdir", str(tree), container)
            suite = _suite(sandbox, "python3", 3 if quick else 7, bare)
    opening = seconds(lambda: driver.open(Root(tree, tree)).close(), times=times)
    beside = {"docker run, ms": taken["docker run"] * 1e3}
    return [
        Target(what, "times", 1.3, taken["run"] / taken["docker run"], beside),
        Target("docker: run a command when warm", "ms", None, taken["run"] * 1e3, beside),
        Target(
            "docker: start and stop a command, its container made anew each time", "ms", None, stopping * 1e3, beside
        ),
        Target("docker: open and close a sandbox", "ms", None, opening * 1e3, beside),
        Target(inside, "times", 1.1, suite),
    ]


def _first_output(words: tuple[str, ...]) -> None:
    subprocess.run(words, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)


@contextmanager
def _container(words: tuple[str, ...]) -> Iterator[str]:
    name = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    try:
        yield name
    finally:
        subprocess.run(("docker", "rm", "--force", name), check=True, stdout=subprocess.DEVNULL)


def _suite(sandbox: Sandbox, python: str, times: int, outside: tuple[str, ...] = ()) -> float:
    """Return how many times longer a suite takes inside than outside (behind the words `outside`), start included."""
    words = (python, "-I", "-B", "-m", "unittest", "discover", "-s", str(sandbox.root))

    def inside() -> None:
        completed = sandbox.run(Command(words))
        assert completed.ok, completed

    def beyond() -> None:
        subprocess.run((*outside, *words), check=True, capture_output=True, cwd=sandbox.root)

    taken = alternating({"inside": Way(inside), "outside": Way(beyond)}, times)
    return taken["inside"] / taken["outside"]


def _metering(sandbox: Sandbox, wall_s: float) -> float:
    """Return the share of a core that watching four processes takes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    words = f"for i in 1 2 3 4; do sleep {wall_s} & done; wait"
    wall = sandbox.run(Command(("sh", "-c", words), cwd="/")).usage.wall_s
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / wall
