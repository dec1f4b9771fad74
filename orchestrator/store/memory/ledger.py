"""The ledger of the store in memory: its rows, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from orchestrator.records import Cost
from orchestrator.working.allowance import Amount


@dataclass(slots=True)
class Spent:
    """One row of the ledger; `reserved` counts until it is settled."""

    id: int
    job: int
    fence: int | None
    at: float
    reserved_usd: float = 0.0
    reserved_tokens: int = 0
    attempt: int | None = None
    cost: Cost = field(default_factory=Cost)


def total(rows: Iterable[Spent]) -> Amount:
    """Return what counts as spent."""
    usd, tokens = 0.0, 0
    for row in rows:
        usd += row.cost.usd + row.reserved_usd
        tokens += row.cost.tokens_in + row.cost.tokens_out + row.reserved_tokens
    return Amount(usd, tokens)
