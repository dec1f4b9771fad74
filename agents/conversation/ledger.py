"""What tools said, kept in the journal: a life after a crash goes through the same conversation without doing anything twice."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from agents.agent import Workspace
from shadowfs import RepoPath

PLANNED, SAID = "tool_planned", "tool_said"
Contents = Mapping[RepoPath, bytes]


@dataclass(slots=True)
class Ledger:
    """Numbers what is done in the order in which it is done, which replies that are given back make the same again."""

    workspace: Workspace
    _said: dict[int, str] = field(default_factory=dict)
    _planned: dict[int, Contents] = field(default_factory=dict)
    _number: int = 0

    @classmethod
    def of(cls, workspace: Workspace) -> Ledger:
        """Read what an earlier life left."""
        ledger = cls(workspace)
        for step in workspace.journal():
            number, files, text = (step.data.get(name) for name in ("number", "files", "text"))
            if step.kind == f"note:{PLANNED}" and isinstance(number, int) and isinstance(files, Mapping):
                ledger._planned[number] = {str(path): base64.b64decode(str(data)) for path, data in files.items()}
            elif step.kind == f"note:{SAID}" and isinstance(number, int) and isinstance(text, str):
                ledger._said[number] = text
        return ledger

    def once(self, work: Callable[[], str], progress: str = "") -> str:
        """Return what the work says; where it was done before, what it said then."""
        self._number += 1
        if self._number not in self._said:
            self._said[self._number] = work()
            data = {"number": self._number, "text": self._said[self._number]}
            self.workspace.note(SAID, data, progress=progress)
        return self._said[self._number]

    def written(self, plan: Callable[[], Contents | str]) -> Contents | str:
        """Write the contents that a plan ends with, which are journaled first, and return them; else return why it has none.

        Within `once`: where a life ended between the two, the same contents are written again.
        """
        contents = self._planned.get(self._number) or plan()
        if isinstance(contents, str):
            return contents
        if self._number not in self._planned:
            files = {path: base64.b64encode(data).decode() for path, data in contents.items()}
            self.workspace.note(PLANNED, {"number": self._number, "files": files})
        for path, data in contents.items():
            self.workspace.write(path, data)
        return contents
