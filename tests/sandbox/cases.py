"""Shared by the tests of sandboxes: sandboxes on throw-away trees, and programs to run in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from sandbox import Command, Completed, Limits, LocalDriver, Policy, Root, Sandbox, toolchain_paths

PYTHON = sys.executable
TOOLS = toolchain_paths(Path(PYTHON), Path.home(), {}).readonly

READINESS = LocalDriver().probe()
needs_local = pytest.mark.skipif(not READINESS.works, reason=READINESS.why)

OpenLocal = Callable[..., Sandbox]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a directory to show, with a space in its path and one file in it."""
    path = tmp_path / "a tree"
    path.mkdir()
    (path / "file").write_text("content\n")
    return path


@pytest.fixture
def open_local(tmp_path: Path, tree: Path) -> Iterator[OpenLocal]:
    """Return a function that opens a local sandbox on `tree`; all of them are closed at the end."""
    with ExitStack() as stack:

        def opened(policy: Policy = Policy(), root: Root | None = None) -> Sandbox:
            driver = LocalDriver(tmp_path / "scratch")
            return stack.enter_context(driver.open(root or Root(tree, tree, readonly=TOOLS), policy))

        yield opened


def shell(sandbox: Sandbox, script: str, limits: Limits = Limits()) -> Completed:
    """Run a shell script."""
    return sandbox.run(Command(("sh", "-c", script)), limits)


def python(sandbox: Sandbox, code: str, limits: Limits = Limits()) -> Completed:
    """Run Python code by the interpreter of the tests."""
    return sandbox.run(Command((PYTHON, "-I", "-c", code)), limits)


def alive_with(argument: str) -> list[psutil.Process]:
    """Return the living processes of this machine that have `argument` among their words."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and argument in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found
