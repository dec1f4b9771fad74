"""The sandbox's figures: what a command costs to start, beside a bare bubblewrap, and what metering costs while it runs.

All are medians of one run on an empty tree.
"""

from __future__ import annotations

import resource
import subprocess
import tempfile
from pathlib import Path

from sandbox import Command, LocalDriver, Root, Sandbox
from tests.bench.target import Target, seconds

BARE = (
    "bwrap",
    "--ro-bind",
    "/",
    "/",
    "--dev",
    "/dev",
    "--proc",
    "/proc",
    "--unshare-all",
    "--die-with-parent",
    "true",
)
TRUE = Command(("true",), cwd="/")


def measure(quick: bool, data: Path | None) -> list[Target]:  # noqa: ARG001 - everything is made here
    """Take all figures."""
    times = 20 if quick else 100
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        driver = LocalDriver(Path(folder) / "scratch")
        with driver.open(Root(tree, tree)) as sandbox:
            bare = seconds(lambda: subprocess.run(BARE, check=True), times=times)
            run = seconds(lambda: sandbox.run(TRUE), times=times)
            start = seconds(lambda: sandbox.start(TRUE).__exit__(), times=times)
            metering = _metering(sandbox, 3 if quick else 10)
        opening = seconds(lambda: driver.open(Root(tree, tree)).close(), times=times)
    beside = {"bare bubblewrap, ms": bare * 1e3}
    return [
        Target("run a command, against a bare bubblewrap", "times", 2.0, run / bare, beside),
        Target("run a command", "ms", None, run * 1e3, beside),
        Target("start and stop a command", "ms", None, start * 1e3, beside),
        Target("open and close a sandbox", "ms", None, opening * 1e3),
        Target("nightcrew's own CPU while a command runs", "% of a core", 5.0, metering * 100),
    ]


def _metering(sandbox: Sandbox, wall_s: float) -> float:
    """Return the share of a core that watching four processes takes."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    words = f"for i in 1 2 3 4; do sleep {wall_s} & done; wait"
    wall = sandbox.run(Command(("sh", "-c", words), cwd="/")).usage.wall_s
    after = resource.getrusage(resource.RUSAGE_SELF)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / wall
