"""Filing: a thread that somebody asked for gets its one ticket, whatever process dies whenever."""

from __future__ import annotations

from orchestrator.errors import OrchestratorError, StoreError
from orchestrator.forges.errors import ForgeUnavailable
from orchestrator.forges.office import NotYet, Office, Result
from orchestrator.forges.records import Filed
from orchestrator.forges.steps import Kind, NewStep, Reacting, Step, new_step, telling
from orchestrator.plain import one_line
from orchestrator.records import Order
from orchestrator.reporting.markdown import code
from orchestrator.store.codec import decode
from shadowfs import ShadowfsError

_BUSY_S = 5.0


def file(office: Office, step: Step) -> Result:
    """File the ticket of a thread, unless it has one; the reaction follows."""
    filed = decode(Filed, step.payload)
    thread = step.thread
    row = office.store.thread(thread)
    if row is not None and row.ticket is not None:
        return Result((_reaction(filed, row.ticket),), f"it has ticket {row.ticket} already")
    if not office.welcome(thread.forge, thread.repository, filed.who):
        return Result(why=f"{filed.who.name} may not write to {thread.repository}")
    try:
        # Before anything is written about it: a forge that is down is asked again.
        office.fetch(thread.forge, thread.repository)
        ticket = _filed(office, filed)
    except (StoreError, ForgeUnavailable, NotYet):
        raise
    except (OrchestratorError, ShadowfsError, OSError) as error:
        # Somebody may ask again once it is mended.
        office.store.forget(thread)
        said = code(office.masked(str(error), office.repository(thread.forge, thread.repository)))
        return Result((telling(thread, f"refused:{step.key}", f"No ticket was filed: {said}", step.key),), str(error))
    return Result((_reaction(filed, ticket),))


def _filed(office: Office, filed: Filed) -> str:
    thread = filed.thread
    repository = office.repository(thread.forge, thread.repository)
    user = one_line(f"{filed.who.name}@{thread.forge}", 200)
    row = office.store.intend(thread, filed.text, user, filed.url)
    if row is None:
        raise NotYet(f"another process files the ticket of {thread.repository} {thread.number}", _BUSY_S)
    if row.ticket is not None:
        return row.ticket
    # What is written there is filed, by whomever: so it can be found again.
    ticket = office.store.filed(row, repository)
    if ticket is None:
        order = Order(row.text, repository, user=row.filer)
        ticket = office.crew.file(order, office.settings(repository)).id
    if office.store.link(thread, ticket):
        return ticket
    # Another process that was thought dead was faster.
    office.crew.stop(ticket)
    known = office.store.thread(thread)
    assert known is not None and known.ticket is not None
    return known.ticket


def _reaction(filed: Filed, ticket: str) -> NewStep:
    place = f"{filed.thread.forge}:{filed.thread.repository}:{filed.thread.number}:{filed.comment}"
    return new_step(Kind.REACT, f"react:{place}", filed.thread, Reacting(filed.comment), ticket)
