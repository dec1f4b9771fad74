"""The review desk: what people say of a change and decide about it. Each word names the version it is about; a worker does the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.applying import apply
from orchestrator.errors import OrderRefused, WrongStatus
from orchestrator.reading import Reading
from orchestrator.records import REVIEW, Applied, Job, JobReport, Remark, Status
from orchestrator.reporting.looking import DECIDABLE, Look
from orchestrator.reporting.readings import Readings
from orchestrator.returning import Return, of_part, send_back, with_remarks
from orchestrator.reviewing.records import Selection
from orchestrator.reviewing.reviews import Reviews
from orchestrator.reviewing.selection import selected
from shadowfs import Change


@dataclass(frozen=True, slots=True)
class ReviewDesk:
    """Decisions over a store. `who` is whoever decides; `tree` the version that was seen (None: whichever it is now).

    All raise `UnknownTicket`, `WrongStatus`, and `Superseded` where there is another version by now.
    """

    look: Look
    reviews: Reviews
    readings: Readings

    def apply(self, ticket: str, who: str, tree: str | None = None) -> Applied:
        """Put the change into the user's working tree, and accept it. Raises `WouldOverwrite`; nothing is written then."""
        change, job = self.look.decidable(ticket, tree, "applied")
        assert job.snapshot is not None
        # First it is decided, then written: whoever decides meanwhile is told. Two at one tree take turns.
        self._mark(job, Status.ACCEPTED, "", "applied")
        try:
            with job.snapshot.depot.locked():
                files = apply(job.snapshot.repository, change)
        except BaseException:
            self.look.store.mark(job.number, job.status, job.why, (Status.ACCEPTED,), job.fence)
            raise
        now = self.look.store.job(job.number)
        if now.status is not Status.ACCEPTED:
            raise WrongStatus(
                f"ticket {job.ticket} was {now.status} meanwhile, by somebody else; its change is in the working tree by now: `git diff` there"
            )
        self._decided(job, change, "accept", who)
        return Applied(job.ticket, files)

    def accept(self, ticket: str, who: str, tree: str | None = None) -> JobReport:
        """Accept the change as it lies on its branch; nothing is written."""
        change, job = self.look.decidable(ticket, tree, "accepted")
        if not any(row.done for row in self.look.store.outgoing(job.number)):
            raise OrderRefused(
                f"ticket {job.ticket} has no branch: put its change into the working tree (`nightcrew apply`)"
            )
        self._mark(job, Status.ACCEPTED, "", "accepted")
        self._decided(job, change, "accept", who)
        return self.look.report(job.ticket)

    def reject(self, ticket: str, who: str, reason: str = "", tree: str | None = None) -> JobReport:
        """Reject the change; its branch stays."""
        change, job = self.look.decidable(ticket, tree, "rejected")
        self._mark(job, Status.REJECTED, reason, "rejected")
        self._decided(job, change, "reject", who, reason=reason)
        return self.look.report(job.ticket)

    def comment(
        self,
        ticket: str,
        remarks: Sequence[Remark],
        who: str,
        *,
        agent: str | None = None,
        tree: str | None = None,
        seconds: float | None = None,
        check: Callable[[str], None] = lambda _: None,
    ) -> JobReport:
        """Send the change back to work with remarks: the agent that made it, or `agent`, goes on from it.

        Raises `OrderRefused` where it does not hear words; `check` says whether an agent can work here.
        """
        change, job = self.look.decidable(ticket, tree, "sent back")
        record = self.look.winner(job)
        assert record is not None
        if self.look.store.ticket(job.ticket).order.follow:
            raise OrderRefused(f"ticket {job.ticket} followed what you saved: file another one with what is left to do")
        back = with_remarks(job, self.look.store.attempts(job.number), record, remarks, who, agent)
        check(back.record.agent)
        self._send(job, back, f"sent back to work by {who}", seconds)
        self.reviews.send(job.ticket, self.reviews.say(job.ticket, change.tree, remarks, who))
        self._decided(job, change, "comment", who, touched=_commented(remarks, self.readings.of(change, job)))
        return self.look.report(job.ticket)

    def take(self, ticket: str, selection: Selection, who: str, tree: str | None = None) -> JobReport:
        """Choose a part of the change, or edit it: the part is judged as a version of its own. Raises `UnknownHunk`, `OrderRefused`."""
        change, job = self.look.decidable(ticket, tree, "changed")
        record = self.look.winner(job)
        assert record is not None and job.snapshot is not None
        if record.agent.startswith(REVIEW):
            raise OrderRefused(
                f"ticket {job.ticket} is a review of somebody's branch: there is nothing of ours to choose from"
            )
        part = selected(change, job.snapshot.depot, selection)
        if part in (change.base, job.base):
            raise OrderRefused("nothing is left of the change: keep a hunk, or reject it")
        if part == change.tree:
            raise OrderRefused("that is all of the change: accept it as it is")
        back = of_part(self.look.store.attempts(job.number), record, part, who, edited=bool(selection.edits))
        self._send(job, back, f"a part was chosen by {who}", None)
        reading = self.readings.of(change, job)
        left = {each.hunk.id for group in reading.groups for each in group.hunks} - selection.hunks
        kept = tuple(sorted(selection.hunks))
        self._decided(job, change, "part", who, hunks=kept, touched=frozenset(left | set(selection.edits)))
        return self.look.report(job.ticket)

    def check(self, ticket: str, tree: str) -> str:
        """Return the id of a ticket whose version `tree` somebody may say something of."""
        return self.look.decidable(ticket, tree, "commented on")[1].ticket

    def _mark(self, job: Job, status: Status, why: str, done: str) -> None:
        if not self.look.store.mark(job.number, status, why, DECIDABLE, job.fence):
            self.look.expect(self.look.store.job(job.number), DECIDABLE, done)
            raise WrongStatus(f"ticket {job.ticket} was taken by a worker meanwhile: `nightcrew show {job.ticket}`")

    def _send(self, job: Job, back: Return, why: str, seconds: float | None) -> None:
        send_back(self.look.store, job, back, DECIDABLE, why, seconds=seconds)

    def _decided(
        self,
        job: Job,
        change: Change,
        what: str,
        who: str,
        *,
        reason: str = "",
        hunks: Sequence[str] = (),
        touched: frozenset[str] = frozenset(),
    ) -> None:
        marks = _heeded(self.readings.of(change, job), touched)
        self.reviews.decide(job.ticket, change.tree, what, who, reason=reason, hunks=hunks, marks=marks)


def _commented(remarks: Sequence[Remark], reading: Reading) -> frozenset[str]:
    """Return the hunks that remarks are about."""
    said = [(each.path, each.line) for each in remarks if each.line]
    return frozenset(
        each.hunk.id
        for group in reading.groups
        for each in group.hunks
        if any(
            path == each.hunk.path and _near(each.hunk.after.first, each.hunk.after.last, line) for path, line in said
        )
    )


def _near(first: int, last: int, line: int | None) -> bool:
    return line is not None and first <= line <= max(first, last)


def _heeded(reading: Reading, touched: frozenset[str]) -> Mapping[str, tuple[int, int]]:
    """Return of each risk how many marks were shown, and how many are on hunks that somebody did something about."""
    counts: dict[str, tuple[int, int]] = {}
    for group in reading.groups:
        for each in group.hunks:
            for mark in each.marks:
                shown, acted = counts.get(mark.risk, (0, 0))
                counts[mark.risk] = shown + 1, acted + (each.hunk.id in touched)
    return counts
