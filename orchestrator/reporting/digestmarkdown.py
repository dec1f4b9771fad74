"""A digest as Markdown, for a file that is read in the morning. What agents, tickets and tests say stands in code alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.records import Cost
from orchestrator.reporting.board import Row
from orchestrator.reporting.digest import Digest, Group, Ready, Waiting
from orchestrator.reporting.markdown import code
from orchestrator.working.deadline import shown

_MOST = 100
"""How many lines a part has."""
_TEXT = 120


def digest_markdown(digest: Digest) -> str:
    """Return a digest: what is ready first, then what needs an answer, what was tried, what it cost, what waits."""
    return "\n".join(_parts(digest)) + "\n"


def summary(digest: Digest) -> str:
    """Return how many tickets stand where, in one line."""
    counts = (
        (len(digest.ready), "ready for review"),
        (len(digest.needs), "for you to answer or extend"),
        (sum(len(group.rows) for group in digest.no_fix), "without a fix"),
        (sum(len(group.rows) for group in digest.failed), "failed or stopped"),
        (len(digest.working), "at work"),
        (len(digest.waiting), "queued"),
        *((count, str(status)) for status, count in digest.decided.items()),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count) or "nothing happened"


def cost_words(cost: Cost) -> str:
    """Return a cost in words."""
    tokens = f", {cost.tokens_in + cost.tokens_out:,} tokens" if cost.tokens_in or cost.tokens_out else ""
    return f"{cost.seconds:,.0f} s{tokens}" + (f", ${cost.usd:,.2f}" if cost.usd else "")


def evidence_words(ready: Ready) -> str:
    """Return what speaks for a change, in words."""
    proof = ready.proof
    marks = "its risks unread" if proof.marks is None else _counted(proof.marks, "mark")
    return f"{'verified' if ready.verified else 'unverified'}, {marks}, {_counted(proof.passed, 'check')} passed, {_counted(proof.files, 'file')}"


def begins_words(waiting: Waiting) -> str:
    """Return when a ticket may begin, in words."""
    opening = waiting.opening
    if opening.now:
        return "may begin now"
    when = "nobody knows when" if opening.at is None else f"from {shown(opening.at)} on"
    return f"{when}: {opening.why}"


def _parts(digest: Digest) -> Iterator[str]:
    yield f"# nightcrew: {shown(digest.made_at)}"
    yield ""
    yield f"Since {shown(digest.since_at)}: {summary(digest)}. {_counted(digest.tried, 'ticket')} worked on for {cost_words(digest.cost)}."
    yield from _part("Ready for review", [_ready(each) for each in digest.ready])
    if digest.older_ready:
        yield ""
        yield f"{digest.older_ready} from before wait for review too."
    yield from _part("Needs an answer", [_needs(row) for row in digest.needs])
    yield from _part("Tried without a fix", [_group(group) for group in digest.no_fix])
    yield from _part("Failed or stopped", [_group(group) for group in digest.failed])
    if digest.shares:
        yield from ("", "## Cost", "", "| repository | agent | tickets | cost |", "|---|---|---:|---|")
        for share in digest.shares[:_MOST]:
            repository, agent = (code(text).replace("|", "\\|") for text in (str(share.repository), share.agent))
            yield f"| {repository} | {agent} | {share.tickets} | {cost_words(share.cost)} |"
    yield from _part("Queued", [f"- {_named(each.row)}: {begins_words(each)}" for each in digest.waiting])
    if digest.left_out:
        yield ""
        yield f"{digest.left_out} more tickets had no room here: `nightcrew list` has all."


def _part(title: str, lines: list[str]) -> Iterable[str]:
    if not lines:
        return ()
    more = [f"- and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return "", f"## {title}", "", *lines[:_MOST], *more


def _ready(each: Ready) -> str:
    title = f": {code(each.proof.title, _TEXT)}" if each.proof.title else ""
    return f"- {_named(each.row)}{title}; {evidence_words(each)}; {code(each.row.next or f'nightcrew show {each.row.ticket}')}"


def _needs(row: Row) -> str:
    return f"- {_named(row)}: {code(row.question or row.why, 300)}; {code(row.next or f'nightcrew show {row.ticket}')}"


def _group(group: Group) -> str:
    names = ", ".join(code(row.ticket) for row in group.rows[:_MOST])
    return f"- {code(group.why)} ({len(group.rows)}): {names}"


def _named(row: Row) -> str:
    return f"{code(row.ticket)} {code(row.text, _TEXT)} in {code(row.repository.name)}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")
