"""Standing: a job on a managed checkout gets its files, its environment, and with these the settings that hold for it. Journaled, as all steps are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from orchestrator import intake
from orchestrator.checkouts.records import Watching
from orchestrator.engines import Engines
from orchestrator.records import Job, Ticket
from orchestrator.settings import Settings
from orchestrator.store import Store
from orchestrator.store.codec import decode, encode
from orchestrator.working.journal import Journal

_STEP = "checkout"


@contextmanager
def standing(
    engines: Engines, store: Store, journal: Journal, ticket: Ticket, job: Job, watching: Watching
) -> Iterator[Settings]:
    """Give the settings that hold for a job, whose checkout is there for as long as the `with` block lasts.

    Those of a repository on disk stand with the ticket. Of a managed checkout they are found out once; until the job has a snapshot it
    begins anew at what the forge has. Raises what `Checkouts.made` raises, and `OrderRefused`.
    """
    filed = store.settings(ticket.id)
    if filed.managed is None:
        yield filed
        return
    known = settings_of(store, ticket.id) if job.snapshot is not None else filed
    assert known.managed is not None
    home, set_up, checkouts = ticket.order.repository, _is_local(ticket, filed), engines.checkouts()
    if known.managed.tree is not None:
        with checkouts.held(home, known.managed, watching, set_up=set_up):
            yield known
        return
    step = journal.begin(_STEP, {"repository": str(home), "branch": filed.managed.start})
    with checkouts.made(home, filed.managed, watching, set_up=set_up) as made:
        tree = made.managed.tree
        assert tree is not None
        order = replace(ticket.order, repository=tree)
        found = checkouts.settings(home, order)
        settled = replace(intake.settle(order, found), managed=made.managed)
        about = {"log": str(made.log or ""), "commit": made.managed.commit, "branch": made.managed.branch}
        journal.finish(step, {**about, "settings": encode(settled)})
        yield settled


def settings_of(store: Store, ticket: str) -> Settings:
    """Return the settings that hold for a ticket: those that were found out when its work began, else those it was filed with."""
    settings = store.settings(ticket)
    if settings.managed is None:
        return settings
    found = [step.outcome for step in store.steps(store.job_of(ticket).number) if step.kind == _STEP and step.outcome]
    return decode(Settings, str(found[-1]["settings"])) if found else settings


def _is_local(ticket: Ticket, settings: Settings) -> bool:
    """Say whether commands run on this machine's programs: an image sees to its set-up itself."""
    return (ticket.order.sandbox or settings.sandbox) != "docker"
