"""Files that an agent reads and writes: those of the shadow. What its writes break is told in the reply."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from agents import shown
from agents.acp.asked import ReadFile, WriteFile
from agents.acp.errors import Declined
from agents.acp.paths import inside
from agents.agent import Workspace
from agents.errors import OutOfBudget
from shadowfs import RepoPath

READ_BYTES = 16 << 20
PATH_CHARACTERS = 4096
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Files:
    """Serves the files of a workspace."""

    workspace: Workspace

    def read(self, asked: ReadFile) -> str:
        """Return the text of a file, or of some of its lines. Raises `Declined`, as all here does."""
        path = self._inside(asked.path)
        data = _tried(lambda: self.workspace.read(path))
        if len(data) > READ_BYTES:
            raise Declined(f"{asked.path!r} has {len(data)} bytes, more than {READ_BYTES}: look at it with a command")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            # Told with replacements, it would come back with them.
            raise Declined(f"{asked.path!r} is no UTF-8 text ({error.reason}): look at it with a command") from None
        if asked.line is None and asked.limit is None:
            return text
        lines = text.split("\n")
        first = max(asked.line or 1, 1) - 1
        last = len(lines) if asked.limit is None else first + asked.limit
        cut = "\n".join(lines[first:last])
        return cut + "\n" if first < last < len(lines) else cut

    def write(self, asked: WriteFile) -> str:
        """Write a file, and return what that introduces, as language servers see it; empty where nothing."""
        path = self._inside(asked.path)
        try:
            data = asked.content.encode("utf-8")
        except UnicodeEncodeError:
            raise Declined("the content is no valid Unicode: half of a surrogate pair stands alone") from None
        _tried(lambda: self.workspace.write(path, data))
        return shown.after_edit(self.workspace.diagnose(path))

    def _inside(self, path: str) -> RepoPath:
        found = inside(self.workspace.root, path) if len(path) <= PATH_CHARACTERS else None
        if found is None:
            raise Declined(
                f"{path[:200]!r} is no absolute path below {self.workspace.root}: other files are not served"
            )
        return found


def _tried(work: Callable[[], Result]) -> Result:
    try:
        return work()
    except OutOfBudget:
        # It is a `TimeoutError`, and no word on the file.
        raise
    except OSError as error:
        # `PermissionError` too: a protected path, or one that leaves the tree.
        raise Declined(str(error)) from None
