"""Asking by hand: what the commands `publish`, `file --from-issue` and `review URL` want of forges."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrderRefused, WrongStatus
from orchestrator.forges.addresses import place_of
from orchestrator.forges.errors import UnknownForge
from orchestrator.forges.office import Office
from orchestrator.forges.records import TRACKERS, Issue, Thread
from orchestrator.forges.steps import Kind
from orchestrator.forges.store import ForgeStore, PullRow
from orchestrator.forges.telling import push_step
from orchestrator.records import Status, Ticket
from shadowfs import Outpost, Remote


@dataclass(frozen=True, slots=True)
class Publication:
    """What a forge has of a ticket: the thread that it came from, its pull request, and what is still to be done, with why it was not yet."""

    thread: str = ""
    pull: PullRow | None = None
    open: tuple[tuple[Kind, str], ...] = ()

    @property
    def published(self) -> bool:
        """Say whether its pull request is there, and as it should be."""
        waits = any(kind is Kind.PUSH for kind, _ in self.open)
        return self.pull is not None and self.pull.number is not None and not self.pull.blocked and not waits


def publication(store: ForgeStore, ticket: str) -> Publication:
    """Return what a forge has of a ticket."""
    row = store.thread_of(ticket)
    thread = "" if row is None else row.url or f"{row.thread.forge} {row.thread.repository} {row.thread.number}"
    return Publication(thread, store.pull(ticket), store.open_steps(ticket))


def want_published(office: Office, ticket: str, forge: str | None = None) -> str:
    """Write that a ticket's branch is to be pushed now, however often that was tried, and return the ticket's id.

    Raises `WrongStatus` where it has no verified branch, and `UnknownForge`.
    """
    report = office.crew.show(ticket)
    id = report.ticket.id
    if report.status not in (Status.VERIFIED, Status.ACCEPTED) or not report.branch or not report.commit:
        raise WrongStatus(f"ticket {id} is {report.status}, and has no verified branch: there is nothing to publish")
    row, pull = office.store.thread_of(id), office.store.pull(id)
    if row is not None and office.entry(row.thread.forge).kind not in TRACKERS and forge in (None, row.thread.forge):
        thread = row.thread
    elif pull is not None and forge in (None, pull.forge):
        thread = Thread(pull.forge, pull.repository, "")
    else:
        thread = _home(office, report.ticket.order.repository, forge)
    office.store.again(push_step(thread, id, report.commit))
    return id


def _home(office: Office, repository: Path, forge: str | None) -> Thread:
    """Return the one forge that has a working tree's repository."""
    there = [
        Thread(entry.name, name, "")
        for entry in office.entries.values()
        if entry.kind not in TRACKERS and forge in (None, entry.name)
        for name, path in entry.repositories.items()
        if path == repository or path.resolve() == repository
    ]
    if len(there) == 1:
        return there[0]
    if not there:
        raise UnknownForge(f"no configured forge has {repository}: add it to the `repositories` of one in config.toml")
    raise UnknownForge(f"{repository} lies at {', '.join(each.forge for each in there)}: name one with --forge")


def issue_at(office: Office, address: str) -> tuple[Issue, Path]:
    """Return the issue or pull request at an address, and its working tree. Raises `UnknownForge`, `OrderRefused` where it has a ticket."""
    place = place_of(address, office.entries)
    row = office.store.thread(place.thread)
    if row is not None and row.ticket is not None:
        raise OrderRefused(f"{address} has ticket {row.ticket} already: `nightcrew show {row.ticket}`")
    issue = office.forge(place.thread.forge).issue(place.thread)
    office.fetch(place.thread.forge, place.thread.repository)
    return issue, office.repository(place.thread.forge, place.thread.repository)


def link(office: Office, issue: Issue, ticket: Ticket) -> bool:
    """Write that an issue has a ticket, which somebody filed by hand; False where it has another by now."""
    row = office.store.intend(issue.thread, issue.text, ticket.order.user, issue.url)
    return row is not None and office.store.link(issue.thread, ticket.id)


@dataclass(frozen=True, slots=True)
class PullHead:
    """The head of a pull request, fetched: its working tree and the commit. Of a managed checkout `base` is the branch that it goes into."""

    repository: Path
    commit: str
    base: str = ""


def fetched(office: Office, address: str) -> PullHead:
    """Bring the head of the pull request at an address here."""
    place = place_of(address, office.entries)
    if not place.pull:
        raise UnknownForge(
            f"{address!r} is an issue: `nightcrew review` judges a pull request, `file --from-issue` files an issue"
        )
    name, forge = place.thread.forge, office.forge(place.thread.forge)
    repository = office.repository(name, place.thread.repository)
    pull = forge.pull(place.thread)
    commit = office.fetch(name, place.thread.repository, pull.ref)
    if commit is not None:
        # The default branch says how its tests run, until the checkout is there.
        office.fetch(name, place.thread.repository)
        return PullHead(repository, commit, pull.base)
    remote = Remote(
        forge.address(place.thread.repository), forge.git_user, office.entry(name).token, environ=office.environ
    )
    commit = Outpost(office.state / "forges", repository, remote, office.environ).fetch(pull.ref, office.state)
    return PullHead(repository, commit)
