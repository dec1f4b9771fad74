"""What `--follow` adds to an attempt: its shadow is kept with the user while the agent works, and its change is put where it fits in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from agents import NoFix, Proposal, Query, Question, Result
from orchestrator.working.assignment import Assignment
from orchestrator.working.beside import Beside, FollowedJournal
from orchestrator.working.journal import Journal
from shadowfs import Change, Entry, Shadow, Snapshot
from verifier import Languages


def journal_of(work: Assignment, attempt: int) -> Journal:
    """Return the journal of an attempt."""
    kind = FollowedJournal if work.order.follow else Journal
    return kind(work.store, work.lease, attempt, work.engines.allowance)


@contextmanager
def beside_user(work: Assignment, shadow: Shadow, steps: Journal, base: str) -> Iterator[Beside | None]:
    """Follow what the user saves with an attempt's shadow while the `with` block lasts; give None where nobody wants that."""
    if not isinstance(steps, FollowedJournal):
        yield None
        return
    depot, order = shadow.snapshot.depot, work.order
    added = {test.path: Entry(0o100644, depot.write(test.data)) for test in order.added}

    def pin() -> Snapshot:
        return work.engines.repositories.pin(order.repository, work.settings)

    beside = Beside.begin(shadow, steps, pin, left=left_by(steps, base), added=added, emit=work.emit)
    try:
        yield beside
    finally:
        beside.close()


def left_by(steps: Journal, base: str) -> tuple[str, str]:
    """Return the base of the tree that an attempt's last step left behind, and that tree: `base` for both where none did."""
    if isinstance(steps, FollowedJournal):
        return steps.left(base)
    return base, steps.checkpoint() or base


def stopping_beside(work: Assignment, beside: Beside | None, languages: Languages) -> Callable[[], None]:
    """Return what is asked at each step, and while a command runs: it raises as `work.stopping`, and follows the user.

    The language servers are told what he saved; while they are waited for, nothing moves.
    """
    if beside is None:
        return work.stopping
    beside.wrote = languages.wrote

    def stopping() -> None:
        work.stopping()
        beside.follow()

    return stopping


def ended_beside(work: Assignment, beside: Beside, change: Change, result: Result) -> tuple[Change, Result]:
    """Put what an attempt ended with onto what the user has now; record what it stands on, before it counts as ended."""
    if isinstance(result, Query):
        # It goes on once that is answered: until then its journal says what it stands on, as after a crash.
        return change, result
    if isinstance(result, Question) and any(option.proposal.change.base != change.base for option in result.options):
        why = "What was saved meanwhile changes what the question was about."
        return change, NoFix(why, "The same again, on the files as they are now.")
    put = beside.put(change)
    depot = put.snapshot.depot
    depot.keep(f"jobs/{work.ticket.id}/base", put.base)
    work.store.record(work.lease, snapshot=put.snapshot, base=put.base)
    if put.told:
        work.emit("saved", put.told)
    if not put.fits:
        return change, NoFix(put.told, f"A merge by hand: `nightcrew diff {work.ticket.id}` shows the change.")
    if isinstance(result, Proposal) and put.told:
        result = replace(result, explanation=f"{result.explanation}\n{put.told}")
    return depot.change(put.base, put.tree), result
