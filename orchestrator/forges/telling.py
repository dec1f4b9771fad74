"""Telling: a thread learns how the work on its ticket ended. What agents, tickets and tests say stands in code alone."""

from __future__ import annotations

from orchestrator.forges.office import Office, Result
from orchestrator.forges.records import TRACKERS, Thread
from orchestrator.forges.steps import Kind, NewStep, Pushing, Reacting, Step, Telling, new_step, telling
from orchestrator.forges.store import Ended
from orchestrator.records import JobReport, Status
from orchestrator.reporting.markdown import block, code
from orchestrator.store.codec import decode

_HEADLINES = {
    Status.VERIFIED: "A change is verified.",
    Status.UNVERIFIED: "A change was proposed and could not be verified.",
    Status.NO_FIX: "No fix was found.",
    Status.PAUSED: "The work is paused; what was done is kept.",
    Status.FAILED: "The work failed, through no fault of the ticket; whoever runs nightcrew can see why.",
}


def announce(office: Office, ended: Ended) -> None:
    """Write what is to be done now that work on a thread's ticket ended: push what is verified, else tell how it ended."""
    report = office.crew.show(ended.ticket)
    if report.interrupted:
        # Somebody pressed Ctrl-C, and goes on when they like.
        office.store.told(ended, ())
        return
    entry, key = office.entry(ended.thread.forge), f"{ended.ticket}:{ended.fence}"
    pull = office.store.pull(ended.ticket)
    leaves = ended.status is Status.VERIFIED and report.branch and entry.kind not in TRACKERS
    if leaves and report.commit and (pull is None or pull.pushed != report.commit):
        office.store.told(ended, (push_step(ended.thread, ended.ticket, report.commit),))
        return
    thread = (pull.thread if pull else None) or ended.thread
    office.store.told(ended, (telling(thread, key, told(office, report), key, ended.ticket),))


def push_step(thread: Thread, ticket: str, commit: str) -> NewStep:
    """Return the step that pushes a commit; there is one for each."""
    return new_step(Kind.PUSH, f"push:{ticket}:{commit}", thread, Pushing(commit), ticket)


def told(office: Office, report: JobReport) -> str:
    """Return how work ended, for whoever reads the thread."""
    lines = [f"{_HEADLINES.get(report.status, f'It is {report.status}.')} Ticket {code(report.ticket.id)}."]
    repository = report.ticket.order.repository
    if report.question:
        lines += ["It asks:", block(office.masked(report.question, repository))]
        lines += [f"{number}. {code(choice)}" for number, choice in enumerate(report.choices, 1)]
        lines += [f"{number}. {code(option.title)}" for number, option in enumerate(report.options, 1)]
        lines.append(f"Whoever runs nightcrew answers with {code(f'nightcrew answer {report.ticket.id} N')}.")
    elif report.why and report.status is not Status.FAILED:
        lines.append(block(office.masked(report.why, repository)))
    if report.branch and report.status is Status.VERIFIED:
        lines.append(f"It is on the branch {code(report.branch)}.")
    return "\n\n".join(lines)


def tell(office: Office, step: Step) -> Result:
    """Put an answer into a thread, once."""
    telling = decode(Telling, step.payload)
    office.tracker(step.thread.forge).tell(step.thread, telling.text, telling.mark, step.at)
    return Result()


def react(office: Office, step: Step) -> Result:
    """Acknowledge what somebody asked for."""
    office.tracker(step.thread.forge).react(step.thread, decode(Reacting, step.payload).comment)
    return Result()
