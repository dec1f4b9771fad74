"""Forks: trials of a suite that is one command, in a fork of the shadow, whose files are put back before each, while what compilers keep stays warm."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from agents.agent import Workspace
from agents.repair.one_by_one import OneByOne, patched
from agents.sampling.output import OUTPUT_CHARACTERS, telling
from sandbox import Command
from verifier import Candidate, Ending, Trial

_TIMES = 4.0
"""A command that takes so many times as long as with the code as it is, and `patience_s` more, hangs."""
_TOLD = 400


@dataclass(slots=True)
class Forks(OneByOne):
    """Runs the command of a workspace's suite over candidates; its exit status is what each of the asked-for tests says."""

    command: Command = Command(("true",))
    patience_s: float = 10.0
    _opened: ExitStack = field(default_factory=ExitStack)
    _fork: Workspace | None = None
    _tree: str = ""

    def _try(self, candidate: Candidate, tests: Sequence[str]) -> Trial:
        wall_s = self.patience_s + _TIMES * self.baseline().seconds
        limits = self.workspace.limits
        if limits.wall_s is None or limits.wall_s > wall_s:
            limits = replace(limits, wall_s=wall_s)
        fork = self._clean()
        for path in {edit.path for edit in candidate.edits}:
            fork.write(path, patched(path, fork.read(path), candidate, "utf-8"))
        completed = fork.run(self.command, limits)
        if completed.ok:
            return Trial(candidate, Ending.PASSED)
        outputs = (
            each[-OUTPUT_CHARACTERS:].decode("utf-8", "replace") for each in (completed.stdout, completed.stderr)
        )
        return Trial(candidate, Ending.FAILED, tuple(tests), completed.why or telling("\n".join(outputs), _TOLD))

    def _clean(self) -> Workspace:
        """Return the fork with the files as they are in the workspace."""
        if self._fork is None:
            self._fork = self._opened.enter_context(self.workspace.fork())
            self._tree = self._fork.change().tree
        else:
            self._fork.restore(self._tree)
        return self._fork

    def __exit__(self, *exc: object) -> None:
        self._opened.close()
