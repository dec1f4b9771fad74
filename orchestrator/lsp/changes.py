"""Changes: what a ticket proposes, or an attempt left, as an editor shows it: with the lines of both sides of each file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import WrongStatus
from orchestrator.plain import one_line
from orchestrator.reading import Hunk, Seen, Whole
from orchestrator.reading.hunks import lines
from orchestrator.records import AttemptState, JobReport, StepRecord
from shadowfs import Change, Depot, RepoPath

if TYPE_CHECKING:
    from orchestrator.crew import Crew


@dataclass(frozen=True, slots=True)
class Sides:
    """A file of a change: `kind` is `added`, `deleted` or `modified`; `ended` says whether its last line then has an end."""

    kind: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version (`tree`) of a ticket's change. `hunks` are in the order of their lines; `whole` are files that have none."""

    ticket: str
    tree: str
    title: str
    hunks: tuple[Seen, ...]
    files: Mapping[RepoPath, Sides]
    whole: tuple[Whole, ...] = ()

    def of(self, path: RepoPath) -> tuple[Seen, ...]:
        """Return the hunks of a file."""
        return tuple(each for each in self.hunks if each.hunk.path == path)

    def hunk(self, id: str) -> Hunk:
        """Return a hunk. Raises `WrongStatus` where there is none of that id."""
        for each in self.hunks:
            if each.hunk.id == id:
                return each.hunk
        raise WrongStatus(f"ticket {self.ticket} has no such hunk any more: look at its lines again")


def proposal(crew: Crew, ticket: str) -> Proposal:
    """Return what a ticket proposes. Raises `UnknownTicket`, and `WrongStatus` where that is nothing."""
    report = crew.show(ticket)
    return _read(crew, report, crew.change(report.ticket.id), report.title)


def left_by(crew: Crew, ticket: str) -> tuple[Proposal, bytes]:
    """Return what the last attempt of a ticket left, and the same as a patch: of one that was stopped, what its last step left.

    Raises `UnknownTicket`, and `WrongStatus` where none has begun.
    """
    report = crew.show(ticket)
    if not report.attempts:
        raise WrongStatus(
            f"no attempt of ticket {report.ticket.id} has begun (it is {report.status}): there is nothing to take over"
        )
    record = report.attempts[-1]
    change = crew.change(report.ticket.id, record.number)
    depot = change.blobs
    assert isinstance(depot, Depot)
    if record.state is AttemptState.OPEN:
        # Its record has where it began, its journal where it stands.
        change = depot.change(change.base, _last_tree(crew.steps(report.ticket.id), record.number) or change.tree)
    return _read(crew, report, change, record.title), depot.diff(change.base, change.tree)


def _last_tree(steps: Iterable[StepRecord], attempt: int) -> str:
    """Return the tree that the last step of an attempt left, "" where none left one."""
    trees = [step.outcome.get("tree") for step in steps if step.attempt == attempt and step.outcome]
    return next((str(tree) for tree in reversed(trees) if tree), "")


def _read(crew: Crew, report: JobReport, change: Change, title: str) -> Proposal:
    reading = crew.read_change(report.ticket.id, change)
    seen = [each for group in reading.groups for each in group.hunks]
    return Proposal(
        report.ticket.id,
        change.tree,
        one_line(title or report.ticket.order.text),
        tuple(sorted(seen, key=lambda each: (each.hunk.path, each.hunk.before.first))),
        {file.path: _sides(change, file.path, file.kind) for file in change.files},
        reading.whole,
    )


def _sides(change: Change, path: RepoPath, kind: str) -> Sides:
    before, after = change.before(path), change.after(path)
    return Sides(kind, lines(before), lines(after), (after or b"").endswith(b"\n"))
