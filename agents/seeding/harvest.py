"""What seeding ends with: the bugs that the suite kills, those that it does not notice, and how it was looked."""

from __future__ import annotations

from dataclasses import dataclass

from shadowfs import RepoPath
from verifier import Candidate


@dataclass(frozen=True, slots=True)
class Seeded:
    """One bug: where, the edit and its unified diff, its family, what made it, what repairs it, and the tests that fail."""

    path: RepoPath
    line: int
    function: str
    family: str
    maker: str
    repair: str
    candidate: Candidate
    patch: bytes
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Harvest:
    """All that came of seeding.

    `seeded` are killed: each of their failing tests passes without the bug. `survivors` passed all of the tests that
    execute their line. The counts tell of bugs that were tried and left out: tests that ran into the limit of CPU time
    (`hung`), ended the process (`died`), flipped or skipped (`unsteady`), or failed by more than a third (`obvious`).
    `tests` passed; `traced` of them were looked at for what they execute. `statements` lie inside functions of the
    files; `executed` of those run in a test. `skipped` names files that were left alone, and why.
    """

    seeded: tuple[Seeded, ...]
    survivors: tuple[Seeded, ...]
    hung: int
    died: int
    unsteady: int
    obvious: int
    tests: int
    traced: int
    statements: int
    executed: int
    skipped: tuple[str, ...]
    why_ended: str

    @property
    def noticed(self) -> float | None:
        """Return the share of tried bugs that the suite noticed, 0 to 1; None where none was tried."""
        noticed = len(self.seeded) + self.obvious + self.hung + self.died
        tried = noticed + len(self.survivors)
        return noticed / tried if tried else None
