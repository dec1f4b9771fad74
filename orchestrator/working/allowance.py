"""Allowances: what may be spent on models by a job, and in any day by a machine and by each user; and which limit was reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agents import OutOfBudget

DAY_S = 86_400.0
"""A day is the last 24 hours at any moment: no hour of the night gives a budget twice."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Amount:
    """Dollars and tokens; None, in a limit, is no limit."""

    usd: float | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What all jobs together may spend in a day, and the jobs of each user."""

    machine: Amount = Amount()
    user: Amount = Amount()


@dataclass(frozen=True, slots=True)
class Short:
    """A limit that a call might have exceeded: whose (`job`, `machine`, `user`) and of what (`dollars`, `tokens`)."""

    whose: str
    what: str
    limit: float
    spent: float
    asked: float


class LimitReached(OutOfBudget):
    """Raised when a call to a model may cost more than a limit leaves; `extend` is what to add to `resume`, "" where another day must come."""

    def __init__(self, short: Short) -> None:
        limit, spent, asked = (_shown(short.what, each) for each in (short.limit, short.spent, short.asked))
        of_job = short.whose == "job"
        whose = {"job": "the job's", "machine": "this machine's", "user": "this user's"}[short.whose]
        within = "" if of_job else " in 24 hours"
        key = (
            f"budget.{'user_' if short.whose == 'user' else ''}{'usd' if short.what == 'dollars' else 'tokens'}_per_day"
        )
        then = "" if of_job else f"; resume it later, or raise `{key}` in config.toml"
        super().__init__(
            f"{whose} {short.what} are spent: {spent} of {limit}{within}, and the next call may cost {asked}{then}"
        )
        option = "--usd 1" if short.what == "dollars" else "--tokens 100000"
        self.extend = option if of_job else ""


def first_short(asked: Amount, limits: Iterable[tuple[str, Amount, Amount]]) -> Short | None:
    """Return the first limit that `asked` would exceed, of `(whose, limit, spent)`. What costs nothing exceeds nothing."""
    for whose, limit, spent in limits:
        for what, most, gone, wanted in (
            ("dollars", limit.usd, spent.usd or 0.0, asked.usd or 0.0),
            ("tokens", limit.tokens, spent.tokens or 0, asked.tokens or 0),
        ):
            if most is not None and wanted and gone + wanted > most * (1 + _ROUNDING):
                return Short(whose, what, most, gone, wanted)
    return None


def _shown(what: str, amount: float) -> str:
    return f"${amount:.4g}" if what == "dollars" else f"{amount:,.0f}"
