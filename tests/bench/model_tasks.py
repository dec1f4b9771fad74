"""The tasks of the comparison: a released library with one bug, some of its tests to work by, and the rest of them to judge by.

`data/model_tasks.json` holds them; `model_tasks_drawn` says by which rule they were drawn, and draws them again.
"""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Container, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agents.repair.diagnosis import is_test
from sandbox import Limits
from tests.bench import repair_libraries
from tests.bench.repair_libraries import Library
from tests.e2e.library import commit_all, environment, git
from verifier import InsideRunner, Outcome, Ran, SuiteReport

CACHE = Path(__file__).parent.parent.parent / ".bench" / "model" / "compare"
FILE = Path(__file__).parent / "data" / "model_tasks.json"
LIMITS = Limits(wall_s=120.0)
_NOT_OURS = (".venv/", ".git/", ".pytest_cache/")


@dataclass(frozen=True, slots=True)
class Task:
    """One bug. `diff` makes the wrong file of the right one; `made` says where it comes from.

    `broken` are the test functions that fail by it, `seen` those of them that agents have, `failing` the ids of `seen` that fail.
    """

    name: str
    kind: str
    library: str
    version: str
    tests: tuple[str, ...]
    path: str
    file_bytes: int
    diff: str
    made: str
    broken: tuple[str, ...]
    seen: tuple[str, ...]
    failing: tuple[str, ...]

    @property
    def source(self) -> Library:
        """Return the library as it was released, the bug not in it."""
        return Library(self.library, self.version, self.tests)

    @property
    def command(self) -> str:
        """Return how the tests are run, as typed in the repository."""
        return f".venv/bin/python -m pytest -q -o addopts= -p no:cacheprovider {' '.join(self.tests)}"

    @property
    def text(self) -> str:
        """Return the ticket: the same for all."""
        ids = "\n".join(f"- {id}" for id in self.failing)
        return f"These tests fail:\n{ids}\n\nFind the bug in the source code and fix it. Do not change the tests. They are run with:\n{self.command}\n"

    @property
    def digest(self) -> str:
        """Return what a row about this task depends on."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]


def tasks() -> tuple[Task, ...]:
    """Return all tasks, in their order."""
    return tuple(map(read, json.loads(FILE.read_text("utf-8"))["tasks"]))


def read(given: Mapping[str, Any]) -> Task:
    """Return a task that was written as JSON."""
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return Task(**fields)


def unit(id: str) -> str:
    """Return the test function of a test id, whatever its parameters are."""
    return id.partition("[")[0]


def hidden(task: Task, function: str) -> bool:
    """Say whether agents do not see a test function: those broken that are not `seen`, and half of the others, by lot."""
    if function in task.broken:
        return function not in task.seen
    return hashlib.sha256(f"{task.name}\0{function}".encode()).digest()[0] % 2 == 1


def prepare(task: Task, repository: Path, *, wrong: bool = True) -> dict[str, bytes]:
    """Make what an agent gets: a git repository of the library with the bug, the tests it may see, an environment. Return its files."""
    fill(task, repository, wrong=wrong)
    failing = released(task.source).failing
    for path in sorted(repository.rglob("*.py")):
        name = str(path.relative_to(repository))
        if is_test(name):
            path.write_bytes(cut(path.read_bytes(), _Unseen(task, name, failing)))
    environment(repository, task.library, task.version)
    (site,) = (repository / ".venv").glob("lib/python3*/site-packages")
    code = repository / "src" if (repository / "src").is_dir() else repository
    (site / "as_installed_for_development.pth").write_text(f"{code}\n", "utf-8")
    commit_all(repository)
    return files(repository)


def fill(task: Task, folder: Path, *, wrong: bool = True) -> None:
    """Put the library with its whole suite, and with its bug where `wrong`, into a new folder."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(repair_libraries.sources(task.source), folder)
    if wrong:
        apply(task.diff, folder)


def apply(diff: str, folder: Path) -> None:
    """Apply a patch to a folder that is no repository yet."""
    words = ["git", "apply", "--whitespace=nowarn", "-"]
    subprocess.run(words, cwd=folder, input=diff.encode(), check=True, capture_output=True, env={"GIT_DIR": "/nowhere", "PATH": "/usr/bin:/bin"})  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    """Return the files of a repository but for those of tools."""
    found = ((str(path.relative_to(folder)), path) for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        name: path.read_bytes() for name, path in found if not name.startswith(_NOT_OURS) and "__pycache__" not in name
    }


def changed(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """Return what an agent's change is: its Python files, None where one is gone. Tests, and what configures them, do not count."""
    return {
        name: after.get(name)
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
        and name.endswith(".py")
        and not is_test(name)
        and Path(name).name != "conftest.py"
    }


def solved(task: Task, change: Mapping[str, bytes | None]) -> bool:
    """Say whether the whole suite, hidden tests included, passes with a change in a fresh copy: all that pass without the bug."""
    if not change:
        return False
    with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as place:
        folder = Path(place) / "judged"
        fill(task, folder)
        for name, data in change.items():
            path = folder / name
            if data is None:
                path.unlink(missing_ok=True)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        report = run(folder, task.tests)
    return report.ran is Ran.COMPLETED and released(task.source).passing <= passed(report)


def run(folder: Path, tests: tuple[str, ...]) -> SuiteReport:
    """Run tests of a copy in a sandbox."""
    repair_libraries.environment()
    with repair_libraries.opened(folder) as space:
        return InsideRunner().run(space.sandbox, repair_libraries.suite(folder, tests), None, LIMITS)


def passed(report: SuiteReport) -> frozenset[str]:
    """Return the ids that passed."""
    return frozenset(test.id for test in report.tests if test.outcome is Outcome.PASSED)


@dataclass(frozen=True, slots=True)
class Released:
    """What the tests of a released library say here: ids that pass twice, and ids that fail once or more."""

    passing: frozenset[str]
    failing: frozenset[str]


@cache
def released(library: Library) -> Released:
    """Return what a released library's own tests say; kept from run to run."""
    kept = CACHE / "released" / f"{library.name}-{library.version}.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="nightcrew-bench-") as place:
            folder = Path(place) / "released"
            shutil.copytree(repair_libraries.sources(library), folder)
            first, second = (run(folder, library.tests) for _ in range(2))
        # Where ids change from run to run, no test can be told apart from another: none counts, and no task is made.
        steady = set(first.by_id()) == set(second.by_id())
        found = {"passing": passed(first) & passed(second) if steady else (), "failing": {*first.bad(), *second.bad()}}
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({name: sorted(ids) for name, ids in found.items()}), "utf-8")
    told = json.loads(kept.read_text("utf-8"))
    return Released(frozenset(told["passing"]), frozenset(told["failing"]))


class _Unseen(Container[str]):
    """The qualified names of a file's test functions that are cut out: hidden ones, and those that fail without the bug."""

    def __init__(self, task: Task, file: str, failing: frozenset[str]) -> None:
        self._task, self._file = task, file
        self._failing = {unit(id) for id in failing}

    def __contains__(self, name: object) -> bool:
        function = f"{self._file}::{name}"
        tested = str(name).rpartition("::")[2].startswith("test")
        return tested and (hidden(self._task, function) or function in self._failing)


def cut(data: bytes, names: Container[str]) -> bytes:
    """Return a test module without some functions, named as in test ids (`Class::function`)."""
    lines = data.split(b"\n")
    gone: dict[int, bytes | None] = {}
    for body, prefix in _bodies(ast.parse(data).body, ""):
        cut_here = [
            node
            for node in body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and prefix + node.name in names
        ]
        for node in cut_here:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            gone |= dict.fromkeys(range(first - 1, node.end_lineno or node.lineno))
        if cut_here and len(cut_here) == len(body):
            gone[cut_here[0].lineno - 1] = b" " * cut_here[0].col_offset + b"pass"
    kept = (gone.get(number, line) for number, line in enumerate(lines))
    return b"\n".join(line for line in kept if line is not None)


def _bodies(body: list[ast.stmt], prefix: str) -> Iterator[tuple[list[ast.stmt], str]]:
    yield body, prefix
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _bodies(node.body, f"{prefix}{node.name}::")
        elif isinstance(node, ast.If | ast.Try | ast.With):
            for inner in (
                node.body,
                getattr(node, "orelse", []),
                *(each.body for each in getattr(node, "handlers", [])),
            ):
                yield from _bodies(inner, prefix) if inner else ()


def branch_files(repository: Path, branch: str) -> dict[str, bytes]:
    """Return the files of a branch that are other than in the working tree's commit."""
    names = git(repository, "diff", "--name-only", "--no-renames", "HEAD", branch).splitlines()
    there = set(git(repository, "ls-tree", "-r", "--name-only", branch).splitlines())
    show = ["git", "-C", str(repository), "show"]
    return {
        name: subprocess.run([*show, f"{branch}:{name}"], check=True, capture_output=True).stdout
        for name in names
        if name in there
    }
