"""The digest: what was tried, what is ready, what needs an answer, what it cost, what waits. Pure, over rows of the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.plain import one_line
from orchestrator.records import Cost, Status
from orchestrator.reporting.board import Row
from orchestrator.schedule import Opening

READY = (Status.VERIFIED, Status.UNVERIFIED)
_WHY_CHARACTERS = 200
_UNREAD = 1 << 30


@dataclass(frozen=True, slots=True)
class Proof:
    """What speaks for a change: its `title`, files, rungs that pass, and marks of what is risky (None: nobody looked)."""

    title: str = ""
    files: int = 0
    passed: int = 0
    marks: int | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A change that waits for its review."""

    row: Row
    proof: Proof

    @property
    def verified(self) -> bool:
        """Say whether the ladder verified it."""
        return self.row.status is Status.VERIFIED


@dataclass(frozen=True, slots=True)
class Group:
    """Tickets that ended for one reason."""

    why: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """What the tickets of one agent in one repository cost."""

    repository: Path
    agent: str
    tickets: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Waiting:
    """A ticket that is queued, and when it may begin."""

    row: Row
    opening: Opening


@dataclass(frozen=True, slots=True)
class Digest:
    """What happened from `since_at` to `made_at` (Unix times), and how things stand now.

    `older_ready` changes have waited for their review since before that; `left_out` tickets were more than a digest has room for.
    """

    since_at: float
    made_at: float
    ready: tuple[Ready, ...] = ()
    needs: tuple[Row, ...] = ()
    no_fix: tuple[Group, ...] = ()
    failed: tuple[Group, ...] = ()
    shares: tuple[Share, ...] = ()
    cost: Cost = field(default_factory=Cost)
    working: tuple[Row, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    decided: Mapping[Status, int] = field(default_factory=dict)
    older_ready: int = 0
    left_out: int = 0

    @property
    def empty(self) -> bool:
        """Say whether there is nothing to tell."""
        return not (
            self.ready or self.needs or self.no_fix or self.failed or self.shares or self.waiting or self.working
        )

    @property
    def tried(self) -> int:
        """Return how many tickets were worked on."""
        return sum(share.tickets for share in self.shares)


def compose(
    rows: Sequence[Row],
    spent: Mapping[str, Cost],
    proofs: Mapping[str, Proof],
    openings: Mapping[str, Opening],
    *,
    since_at: float,
    made_at: float,
) -> Digest:
    """Put a digest together: of `rows`, those that changed since then, and all that wait for somebody or something.

    `spent` is what each ticket cost since then, `proofs` what speaks for the changes that are ready, `openings` when the queued may begin.
    """
    new = [row for row in rows if row.updated_at >= since_at]
    ready = [Ready(row, proofs.get(row.ticket, Proof())) for row in new if row.status in READY]
    paused = [row for row in rows if row.status is Status.PAUSED]
    queued = sorted(_of(rows, Status.QUEUED), key=lambda row: (-row.priority, row.filed_at, row.ticket))
    waiting = [Waiting(row, openings.get(row.ticket, Opening(True))) for row in queued]
    shares = _shares(rows, spent)
    return Digest(
        since_at,
        made_at,
        ready=tuple(sorted(ready, key=_by_evidence)),
        # Whoever asks waits for somebody; what is at its budget only might go on.
        needs=tuple(sorted(paused, key=lambda row: (not row.question, row.updated_at, row.ticket))),
        no_fix=_groups(_of(new, Status.NO_FIX)),
        failed=_groups(_of(new, Status.FAILED, Status.STOPPED)),
        shares=shares,
        cost=_sum(share.cost for share in shares),
        working=tuple(_of(rows, Status.WORKING)),
        waiting=tuple(sorted(waiting, key=lambda each: (not each.opening.now, each.opening.at or 0.0))),
        decided={status: len(found) for status in (Status.ACCEPTED, Status.REJECTED) if (found := _of(new, status))},
    )


def _by_evidence(ready: Ready) -> tuple[bool, int, int, int, float, str]:
    """Return what puts the change that deserves most trust, and takes least reading, first."""
    marks = _UNREAD if ready.proof.marks is None else ready.proof.marks
    return not ready.verified, marks, -ready.proof.passed, ready.proof.files, ready.row.filed_at, ready.row.ticket


def _of(rows: Iterable[Row], *statuses: Status) -> list[Row]:
    return [row for row in rows if row.status in statuses]


def _groups(rows: Sequence[Row]) -> tuple[Group, ...]:
    """Return tickets by why they ended, the commonest reason first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(one_line(row.why, _WHY_CHARACTERS) or "nobody said why", []).append(row)
    return tuple(Group(why, tuple(found[why])) for why in sorted(found, key=lambda why: (-len(found[why]), why)))


def _shares(rows: Sequence[Row], spent: Mapping[str, Cost]) -> tuple[Share, ...]:
    """Return what was spent by repository and agent, the dearest first."""
    found: dict[tuple[Path, str], Share] = {}
    for row in rows:
        if row.ticket in spent:
            key = row.repository, row.agent
            old = found.get(key, Share(*key, 0, Cost()))
            found[key] = replace(old, tickets=old.tickets + 1, cost=_sum((old.cost, spent[row.ticket])))
    return tuple(
        sorted(found.values(), key=lambda each: (-each.cost.usd, -each.cost.seconds, each.repository, each.agent))
    )


def _sum(costs: Iterable[Cost]) -> Cost:
    total = Cost()
    for cost in costs:
        total = Cost(
            total.seconds + cost.seconds,
            total.tokens_in + cost.tokens_in,
            total.tokens_out + cost.tokens_out,
            total.usd + cost.usd,
        )
    return total
