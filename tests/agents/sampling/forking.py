"""A workspace on a plain folder whose forks are copies of it, and whose places are found by a real code index."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agents import Attend, Hit, IndexFile, Locator
from agents.memory import MemoryBlobs
from sandbox import Command, Completed, Limits, NoneDriver, Root
from tests.agents.repair.folder import FolderWorkspace
from verifier import Suite


@dataclass(frozen=True, slots=True)
class Blobs:
    """Content by blob id, as an index reads it."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> str:
        """Keep content and return its id."""
        return MemoryBlobs(self.kept).put(data)

    def sizes(self, blobs: Iterable[str]) -> Mapping[str, int]:
        """Return the sizes in bytes."""
        return {blob: len(self.kept[blob]) for blob in blobs}

    def read(self, blob: str) -> bytes:
        """Return the bytes of a blob."""
        return self.kept[blob]


class ForkingWorkspace(FolderWorkspace):
    """Runs commands over its folder, and forks by copying that."""

    def run(self, command: Command, limits: Limits = Limits(), attend: Attend | None = None) -> Completed:
        del attend
        return self.sandbox.run(command, limits)

    @contextmanager
    def fork(self) -> Iterator[ForkingWorkspace]:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "fork"
            shutil.copytree(self.root, folder)
            with NoneDriver().open(Root(folder, folder)) as sandbox:
                yield ForkingWorkspace(folder, sandbox, self._suite)

    def restore(self, tree: str) -> None:
        super().restore(tree)
        for path in self.root.rglob("*"):
            if path.is_file() and str(path.relative_to(self.root)) not in self.files:
                path.unlink()
        for name, data in self.files.items():
            (self.root / name).write_bytes(data)

    def locate(self, text: str, files: int = 10) -> tuple[Hit, ...]:
        blobs = Blobs()
        tree = {path: blobs.put(data) for path, data in self.files.items()}
        with tempfile.TemporaryDirectory() as name:
            locator = Locator(lambda: IndexFile(Path(name) / "index.db"), lambda: tree, blobs)
            try:
                return locator.find(text, files=files)
            finally:
                locator.close()


@contextmanager
def opened(folder: Path, files: Mapping[str, str], suite: Suite) -> Iterator[ForkingWorkspace]:
    """Write files into a folder and open a workspace on it."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with NoneDriver().open(Root(folder, folder)) as sandbox:
        yield ForkingWorkspace(folder, sandbox, suite)


def command(line: str) -> Suite:
    """Return the suite that is one command."""
    return Suite("command", tuple(shlex.split(line)))
