"""Returning: what a reviewer says on a pull request of ours, and a CI run that is red on it, sends the change back to work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.errors import OrderRefused, WrongStatus
from orchestrator.forges.errors import ForgeRefused
from orchestrator.forges.office import NotYet, Office, Result
from orchestrator.forges.records import Checked, Said
from orchestrator.forges.steps import Kind, NewStep, Reacting, Step, new_step, telling
from orchestrator.forges.store import PullRow
from orchestrator.plain import one_line, plain
from orchestrator.records import Remark, Status
from orchestrator.reporting.markdown import code
from orchestrator.returning import REMARKS, TEXT_CHARACTERS
from orchestrator.store.codec import decode

_BUSY_S = 30.0


def remark(office: Office, step: Step) -> Result:
    """Send a change back with what was said in one review: all remarks that came by now go together."""
    pull = office.store.pull_at(step.thread)
    if pull is None:
        return Result(why="it is no pull request of ours any more")
    others = office.store.others(step)
    try:
        result = _together(office, pull, (step, *others))
    except BaseException:
        for other in others:
            office.store.later(other, 0.0, "", counts=False)
        raise
    for other in others:
        office.store.done(other, why=f"went with step {step.id}")
    return result


def _together(office: Office, pull: PullRow, steps: Sequence[Step]) -> Result:
    forge = office.forge(pull.forge)
    heard = [decode(Said, each.payload) for each in steps]
    welcome = {who: office.welcome(pull.forge, pull.repository, who) for who in {said.who for said in heard}}
    heard = [said for said in heard if welcome[said.who]]
    remarks = [remark for said in heard for remark in forge.remarks(said.thread, said)]
    if not remarks:
        return Result(why="nobody who may said anything")
    user = ", ".join(dict.fromkeys(said.who.name for said in heard))
    if told := _send(office, pull, steps[0], remarks, f"{user}@{pull.forge}"):
        return Result(told)
    reactions = (
        new_step(
            Kind.REACT,
            f"react:{pull.forge}:{pull.repository}:{said.thread.number}:{said.comment}",
            said.thread,
            Reacting(said.comment),
            pull.ticket,
        )
        for said in heard
        if said.comment
    )
    return Result(tuple(reactions))


def checked(office: Office, step: Step) -> Result:
    """Send a change back whose CI run is red, as often as its entry allows."""
    red = decode(Checked, step.payload)
    pull = office.store.pull_on(red.forge, red.repository, red.branch, red.commit)
    if pull is None or pull.pushed != red.commit:
        return Result(why="it is about a version that was replaced since")
    thread, rounds = pull.thread, office.entry(red.forge).rounds
    key = f"rounds:{pull.ticket}:{red.commit}"
    if pull.rounds >= rounds:
        said = f"The CI run is red, and {pull.rounds} rounds were made of it already: a person is to look at it."
        return Result((telling(thread, key, said, key, pull.ticket),) if thread else (), "its rounds are used up")
    said = f"The CI run on this change is red.\n{red.text}\n\n{_failures(office, red)}"
    told = _send(office, pull, step, [Remark(said)], f"ci@{pull.forge}")
    if not told:
        office.store.put_pull(replace(pull, rounds=pull.rounds + 1))
    return Result(told)


def _failures(office: Office, red: Checked) -> str:
    """Return why a run is red, as far as the token may see that: what is known without goes back in any case."""
    try:
        return office.forge(red.forge).failures(red.repository, red.commit)
    except ForgeRefused:
        return ""


def _send(office: Office, pull: PullRow, step: Step, remarks: Sequence[Remark], user: str) -> tuple[NewStep, ...]:
    """Send a change back with remarks, once; return what is to be told where it cannot go. Raises `NotYet`."""
    job = office.tickets.job_of(pull.ticket)
    attempts = office.tickets.attempts(job.number)
    remarks = [Remark(plain(each.text).strip()[:TEXT_CHARACTERS], each.path, each.line) for each in remarks][:REMARKS]
    remarks = [each for each in remarks if each.text]
    if step.begun:
        since = [each for each in attempts if each.number > int(step.begun) and each.follows and each.heard]
        if any(all(remark.text in record.heard[-1] for remark in remarks) for record in since):
            # A process died after it had sent it back, and before it could say so.
            return ()
    if job.status in (Status.QUEUED, Status.WORKING):
        raise NotYet(f"ticket {pull.ticket} is {job.status}: the remarks wait for its end", _BUSY_S)
    office.store.begin(step, str(max((each.number for each in attempts), default=0)))
    try:
        office.crew.comment(pull.ticket, remarks, user=one_line(user, 200))
    except (OrderRefused, WrongStatus) as error:
        key, thread = f"deaf:{step.key}", pull.thread or step.thread
        said = code(office.masked(str(error), office.repository(pull.forge, pull.repository)))
        return (telling(thread, key, f"This did not send the change back to work: {said}", key, pull.ticket),)
    return ()
