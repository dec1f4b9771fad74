"""Small projects for tests to run: written to a directory, run in a real sandbox by a real interpreter."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from sandbox import Limits, LocalDriver, Root, Sandbox
from tests.sandbox.cases import TOOLS
from verifier import Edit, InsideRunner, Suite, SuiteReport, TestResult

HERE = Path(sys.executable)
DEBIAN = Path("/usr/bin/python3")
"""An interpreter that has no pytest."""

PYTEST = Suite("pytest", (), str(HERE), environment={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
UNITTEST = Suite("unittest", (), str(HERE))
LIMITS = Limits(wall_s=300.0)
OpenTree = Callable[[str], AbstractContextManager[Sandbox]]


def write(root: Path, files: Mapping[str, str]) -> Path:
    """Write files, dedented, below `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")
    return root


def opener(directory: Path, before: Mapping[str, str], after: Mapping[str, str]) -> OpenTree:
    """Return what opens a sandbox on the files of the tree `base` or `tree`, as a case does."""
    sides = {"base": before, "tree": after}

    @contextmanager
    def open_tree(tree: str) -> Iterator[Sandbox]:
        place = directory / "repository"
        for path, text in sides[tree].items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text)
        with LocalDriver(directory / "scratch").open(Root(place, place, readonly=TOOLS)) as sandbox:
            yield sandbox
        shutil.rmtree(place)

    return open_tree


@contextmanager
def opened(root: Path) -> Iterator[Sandbox]:
    """Open a sandbox on `root` that shows this interpreter and its environment."""
    driver = LocalDriver(root.parent / "scratch")
    readiness = driver.probe()
    if not readiness.works:
        pytest.skip(readiness.why)
    shown = tuple(dict.fromkeys((Path(sys.base_prefix), Path(sys.prefix))))
    with driver.open(Root(root, root, readonly=shown)) as sandbox:
        yield sandbox


def run(root: Path, suite: Suite = PYTEST, ids: list[str] | None = None, limits: Limits = LIMITS) -> SuiteReport:
    """Run a suite, or some of its tests, in a sandbox of its own."""
    with opened(root) as sandbox:
        return InsideRunner().run(sandbox, suite, ids, limits)


def only(report: SuiteReport) -> TestResult:
    """Return the one result of a report."""
    assert len(report.tests) == 1, report
    return report.tests[0]


def replacing(root: Path, path: str, before: str, after: str) -> Edit:
    """Return the edit that replaces the one place where `before` stands."""
    data = (root / path).read_bytes()
    assert data.count(before.encode()) == 1, f"{before!r} does not stand once in {path}"
    start = data.index(before.encode())
    return Edit(path, start, start + len(before.encode()), after)
