"""A workspace on a plain folder and a real sandbox, for driving the repair agent over real suites."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from agents import MemoryWorkspace, Step
from sandbox import NoneDriver, Root, Sandbox
from shadowfs import RepoPath
from verifier import Runner, Suite, SuiteReport
from verifier.runner import InsideRunner

PLAIN = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
"""Foreign plugins of this interpreter would only cost time: most of a second for each start."""


class FolderWorkspace(MemoryWorkspace):
    """Keeps files in memory and in a folder alike; the suite runs over the folder."""

    def __init__(
        self, folder: Path, sandbox: Sandbox, suite: Suite, journal: Sequence[Step] = (), budget_s: float = 600.0
    ) -> None:
        files = {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.*")) if path.is_file()
        }
        kept = {path: data for path, data in files.items() if "__pycache__" not in path}
        super().__init__(kept, journal=journal, clock=time.monotonic, budget_s=budget_s)
        self._folder, self._real, self._suite = folder, sandbox, suite
        self._runner: Runner = InsideRunner()

    @property
    def sandbox(self) -> Sandbox:  # type: ignore[override]
        return self._real

    @property
    def root(self) -> Path:
        return self._folder

    def write(self, path: RepoPath, data: bytes) -> None:
        super().write(path, data)
        (self._folder / path).write_bytes(data)

    def run_with(self, suite: Suite) -> None:
        """Run another suite from now on."""
        self._suite = suite

    def give(self, budget_s: float) -> None:
        """Give so many seconds from now on."""
        self._ends = time.monotonic() + budget_s

    def test(self, ids: Sequence[str] | None = None) -> SuiteReport:
        self.note("test", {})
        return self._runner.run(self._real, self._suite, ids)


@contextmanager
def opened(
    folder: Path, files: Mapping[str, str | bytes], kind: str = "pytest", journal: Sequence[Step] = ()
) -> Iterator[tuple[FolderWorkspace, Suite]]:
    """Write files into a folder and open a workspace on it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    suite = Suite(kind, python=sys.executable, environment=PLAIN)
    with NoneDriver().open(Root(folder, folder)) as sandbox:
        yield FolderWorkspace(folder, sandbox, suite, journal), suite
