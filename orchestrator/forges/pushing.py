"""Pushing: a ticket's branch goes to its forge and becomes one pull request. What cannot be pushed is left as a patch and a bundle."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.forges.errors import NotPushable
from orchestrator.forges.forge import Forge
from orchestrator.forges.gitwords import explained
from orchestrator.forges.mentions import marked
from orchestrator.forges.office import NotYet, Office, Result
from orchestrator.forges.records import Thread, Wanted
from orchestrator.forges.steps import NewStep, Pushing, Step, telling
from orchestrator.forges.store import PullRow
from orchestrator.plain import one_line
from orchestrator.records import JobReport, Status
from orchestrator.reporting.markdown import code, report_markdown
from orchestrator.store.codec import decode
from shadowfs import DepotError, Outpost, Pushed, Remote, Snapshot

_NAMES = 20
_BUSY_S = 60.0
_FIRST, _LATER = "first", "later"
_TITLE_CHARACTERS = 120


@dataclass(frozen=True, slots=True)
class _Work:
    """A branch that is there locally, and where it goes."""

    office: Office
    forge: Forge
    outpost: Outpost
    report: JobReport
    snapshot: Snapshot
    commit: str
    ours: frozenset[str]
    row: PullRow


def push(office: Office, step: Step) -> Result:
    """Push a ticket's commit, and open or update its pull request. Raises `NotPushable`, `ForgeRefused`, `ForgeUnavailable`."""
    work = _look(office, step)
    if work is None:
        return Result(why="there is no such version any more, or somebody rejected it")
    with office.crew.tracer.span(work.report.ticket, "publish"):
        return _publish(work, step)


def _publish(work: _Work, step: Step) -> Result:
    office = work.office
    # Noted before anything of it is there: a repetition must not take the first version for a later one.
    first = (step.begun or (_LATER if work.row.pushed else _FIRST)) == _FIRST
    office.store.begin(step, _FIRST if first else _LATER)
    try:
        base = _base(work)
        row = _pushed(work, base)
    except DepotError as error:
        raise explained(work.row.forge, work.row.repository, "push to", error) from error
    report = work.report
    wanted = Wanted(row.repository, row.branch, base, _title(report), _body(work, step))
    pull = work.forge.offer(wanted)
    row = replace(row, number=pull.thread.number, url=pull.url, blocked="", left="")
    if not pull.open:
        row = replace(row, blocked=f"{pull.url} is closed: nothing more was put there")
    office.store.put_pull(row)
    return Result(tuple(_told(step, row, work.commit, first=first)))


def _look(office: Office, step: Step) -> _Work | None:
    assert step.ticket is not None
    pushing, thread = decode(Pushing, step.payload), step.thread
    job = office.tickets.job_of(step.ticket)
    rows = office.tickets.outgoing(job.number)
    there = [row for row in rows if row.done]
    if job.status in (Status.QUEUED, Status.WORKING):
        raise NotYet(f"ticket {step.ticket} is {job.status} again: what is pushed waits for its end", _BUSY_S)
    snapshot = job.snapshot
    if snapshot is None or not there or there[-1].commit != pushing.commit:
        return None
    if job.status not in (Status.VERIFIED, Status.ACCEPTED):
        return None
    if snapshot.dirty:
        raise NotPushable(
            f"the branch {there[-1].branch} stands on uncommitted work of the working tree, which is never pushed: commit it, and"
            " file the ticket again"
        )
    row = office.store.pull(step.ticket) or PullRow(step.ticket, thread.forge, thread.repository, there[-1].branch)
    forge, entry = office.forge(row.forge), office.entry(row.forge)
    if row.thread is not None and not forge.pull(row.thread).open:
        raise NotPushable(f"{row.url} is closed: open it again, then `nightcrew publish {step.ticket}`")
    remote = Remote(forge.address(row.repository), forge.git_user, entry.token, environ=office.environ)
    outpost = Outpost(office.state / "forges", snapshot.repository, remote, office.environ, snapshot)
    report = office.crew.show(step.ticket)
    ours = frozenset(row.commit for row in rows)
    return _Work(office, forge, outpost, report, snapshot, pushing.commit, ours, row)


def _base(work: _Work) -> str:
    """Return the branch that the change goes into. Raises `NotPushable` where it stands on commits that the forge has not."""
    own = work.snapshot.branch
    base = own if own and own in work.outpost.tips(own) else work.forge.default_branch(work.row.repository)
    beyond = [commit for commit in work.outpost.beyond(work.commit, base) if commit not in work.ours]
    if beyond:
        raise NotPushable(
            f"the branch stands on {len(beyond)} local commits ({', '.join(each[:12] for each in beyond[:3])} …) that {base} of"
            f" {work.row.repository} has not: push those yourself, then `nightcrew publish {work.report.ticket.id}`"
        )
    return base


def _pushed(work: _Work, base: str) -> PullRow:
    """Put the commit on the forge's branch, unless it is there; return the row, written."""
    row = work.row
    for name in _names(row, work.report.branch or row.branch):
        if name == base:
            continue
        # Written before it is used, so that a repetition uses it too.
        row = replace(row, branch=name)
        work.office.store.put_pull(row)
        expected = row.pushed
        ended, said = work.outpost.push(work.commit, name, expected)
        if ended is Pushed.MOVED:
            now = work.outpost.tips(name).get(name)
            if now in work.ours:
                # A process died after it had pushed, and before it could say so.
                ended, said = (Pushed.DONE, "") if now == work.commit else work.outpost.push(work.commit, name, now)
        if ended is Pushed.DONE:
            row = replace(row, pushed=work.commit)
            work.office.store.put_pull(row)
            return row
        if ended is Pushed.REFUSED:
            raise NotPushable(f"{row.repository} does not take the branch {name}: {one_line(said, 200)}")
        if row.pushed is not None:
            raise NotPushable(
                f"somebody else moved the branch {name} of {row.repository} since {row.pushed[:12]} was pushed; it was left alone"
            )
    raise NotPushable(f"{row.branch} and {_NAMES - 1} further names are taken at {row.repository}: delete old branches")


def _names(row: PullRow, local: str) -> Iterator[str]:
    """Yield the names to try: the one there is, then, while nothing was pushed, others after the local branch."""
    yield row.branch
    if row.pushed is None:
        yield from (f"{local}-{number}" for number in range(2, _NAMES + 1))


def _title(report: JobReport) -> str:
    return one_line(report.title or report.ticket.order.text, _TITLE_CHARACTERS)


def _body(work: _Work, step: Step) -> str:
    text = work.office.masked(report_markdown(work.report), work.snapshot.repository)
    thread = work.office.store.thread_of(work.report.ticket.id)
    asked = f"Asked for in {thread.url}\n\n" if thread is not None and thread.url.startswith("http") else ""
    return marked(asked + text, f"{step.ticket} {work.commit}")


def _told(step: Step, row: PullRow, commit: str, *, first: bool) -> Iterator[NewStep]:
    key = f"pushed:{step.ticket}:{commit}"
    talk = Thread(row.forge, row.repository, row.number or "")
    if first and step.thread.number:
        yield telling(step.thread, key, f"A change is verified, and waits for review: {row.url}", key, step.ticket)
    if row.blocked and step.thread.number:
        yield telling(step.thread, f"{key}:closed", row.blocked, f"{key}:closed", step.ticket)
    elif not first:
        yield telling(
            talk, f"{key}:version", f"A new version is there: {code(commit[:12])}.", f"{key}:version", step.ticket
        )


def leave(office: Office, step: Step, why: str) -> Result:
    """Leave a patch and a bundle of what cannot be pushed below the state directory, and say so wherever it can be said."""
    assert step.ticket is not None
    commit = decode(Pushing, step.payload).commit
    job = office.tickets.job_of(step.ticket)
    row = office.store.pull(step.ticket)
    if row is None:
        outgoing = office.tickets.outgoing(job.number)
        branch = next((each.branch for each in outgoing if each.commit == commit), f"nightcrew/{step.ticket}")
    else:
        branch = row.branch
    row = row or PullRow(step.ticket, step.thread.forge, step.thread.repository, branch)
    folder = office.state / "published" / step.ticket
    _write(office, job.snapshot, commit, branch, folder / f"{step.ticket}-{commit[:12]}")
    repository = job.snapshot.repository if job.snapshot else None
    office.store.put_pull(replace(row, blocked=why, left=str(folder)))
    key = f"left:{step.ticket}:{commit}"
    said = (
        f"A change is verified, and could not be pushed: {code(office.masked(why, repository))}. Whoever runs nightcrew has it as the local"
        f" branch {code(branch)}, as a patch and as a git bundle: {code(f'nightcrew show {step.ticket}')} says where."
    )
    todo = (telling(step.thread, key, said, key, step.ticket),) if step.thread.number else ()
    return Result(todo, why)


def _write(office: Office, snapshot: Snapshot | None, commit: str, branch: str, stem: Path) -> None:
    assert snapshot is not None
    stem.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    stem.with_suffix(".patch").write_bytes(snapshot.depot.diff(snapshot.tree, commit))
    outpost = Outpost(office.state / "forges", snapshot.repository, Remote(""), office.environ, snapshot)
    outpost.bundle(commit, branch, snapshot.head, stem.with_suffix(".bundle"))
