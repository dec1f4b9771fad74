"""What a plan is made from: closed records of a file, each figure with what is assumed where nobody says better, and why."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from orchestrator.configuration.closed import Closed
from orchestrator.configuration.config import read_closed


class Traffic(Closed):
    """`[traffic]`: what one developer's tickets ask of the pool in the busiest hour. Assumed, not measured."""

    tickets_per_hour: float = Field(default=2.0, gt=0)
    turns: int = Field(default=30, ge=1)
    """Requests of a ticket, one after the other; each prompt has all that was said before."""
    shared_tokens: int = Field(default=3_000, ge=0)
    """With which all prompts begin: the system's words and the tools."""
    prefix_tokens: int = Field(default=8_000, ge=1)
    """Of a ticket's first prompt, those shared ones among them."""
    turn_tokens: int = Field(default=600, ge=0)
    """By which a turn's answers of tools lengthen the next prompt."""
    reply_tokens: int = Field(default=250, ge=1)
    tool_s: float = Field(default=10.0, gt=0)
    """Between a reply and the next prompt, in the mean."""

    @property
    def step_tokens(self) -> int:
        """Return by how much each prompt is longer than the one before it."""
        return self.turn_tokens + self.reply_tokens

    @property
    def prompts(self) -> range:
        """Return the tokens of each prompt."""
        first, step = max(self.prefix_tokens, self.shared_tokens), self.step_tokens
        return range(first, first + self.turns * step, step)

    @property
    def ticket_tokens(self) -> int:
        """Return what a ticket costs, prompts and replies, as the pool's address counts them."""
        return sum(self.prompts) + self.turns * self.reply_tokens


class Replica(Closed):
    """`[replica]`: what one replica does. Assumed: Qwen2.5-Coder-32B in FP8 on an H100 of 80 GB, by its data sheet (see `hardware`)."""

    prefill_per_s: float = Field(default=7_500.0, gt=0)
    """Tokens of prompts that it reads in a second."""
    token_s: float = Field(default=0.0144, gt=0)
    """Seconds from token to token of a reply that is alone."""
    more_s: float = Field(default=0.0021, ge=0)
    """By how much each further reply beside it lengthens that."""
    kv_tokens: int = Field(default=137_000, ge=1)
    """Tokens of prompts and replies that its memory has room for."""
    at_once: int = Field(default=32, ge=1)
    """Requests that it gets at once, as in the pool's file."""

    def every_s(self, beside: float) -> float:
        """Return the seconds from token to token of so many replies at once."""
        return self.token_s + self.more_s * max(0.0, beside - 1)


class Goal(Closed):
    """`[goal]`: what is asked of the pool."""

    first_s: float = Field(default=10.0, gt=0)
    """Within which 95 of 100 requests have their first token."""
    busy: float = Field(default=0.8, gt=0, lt=1)
    """The most of a replica's time that is planned for."""
    crowd: float = Field(default=2.0, ge=0)
    """By how many standard deviations more tickets than the mean may be at work, and the rest still holds: they come at random."""


class Bounds(Closed):
    """`[bounds]`: what limits besides replicas."""

    chunk_s: float = Field(default=109e-6, gt=0)
    """CPU time of the address for a streamed token: it has one core. Measured: `make bench NAME=pool`."""
    ticket_tokens: int | None = Field(default=None, ge=0)
    user_tokens_per_day: int | None = Field(default=None, ge=0)
    """As in `[limits]` of the pool's file."""
    hours_per_day: float = Field(default=8.0, gt=0, le=24)
    """For how long a developer's day is as its busiest hour is."""


class PlanFile(Closed):
    """A plan's file: any of these tables, and of each what is known better than assumed."""

    traffic: Traffic = Traffic()
    replica: Replica = Replica()
    goal: Goal = Goal()
    bounds: Bounds = Bounds()


def read_plan(path: Path) -> PlanFile:
    """Read a plan's file. Raises `BadConfig`."""
    return read_closed(PlanFile, path)
