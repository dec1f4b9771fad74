"""The records of the orchestrator: what somebody files, what is known about it, what comes back. Data only."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from shadowfs import Example, Omission, RepoPath, Snapshot
from verifier import Verdict

REVIEW = "review:"
"""What an order's agent begins with when there is none, only a ref to judge; nobody types it."""

PART = "part:"
"""What an attempt's agent begins with where a person chose a part of another attempt's change, or edited it; nobody types it."""

CLIENT = "mcp"
"""An order's agent where a client of `nightcrew mcp` does the work; nobody types it."""


@dataclass(frozen=True, slots=True)
class AddedTest:
    """A test that the ticket brings along: put into base and shadow alike, protected from the agent, delivered with the fix."""

    path: RepoPath
    data: bytes


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody files. `text` is untrusted.

    `failing` are test ids that must go from failing to passing. `agent` is `repair`, `migrate`, `model`, `model:NAME`, `command:CMD`,
    `acp:CMD`, several of these with commas between, or `auto`; `driver` is `fuse` or `copy`, `sandbox` is `local`, `docker` or `none`;
    what is None is taken from the settings. `branch` says whether a verified
    proposal gets a branch, `keep_unverified` whether an unverified one does, `ask` whether a job may end with a question.
    `user` is who files it, for budgets by user; "" is whoever runs this process.
    """

    text: str
    repository: Path
    test_command: str | None = None
    failing: tuple[str, ...] = ()
    added: tuple[AddedTest, ...] = ()
    agent: str | None = None
    attempts: int | None = None
    seconds: float | None = None
    usd: float | None = None
    driver: str | None = None
    sandbox: str | None = None
    branch: bool = True
    keep_unverified: bool = False
    seed: int = 0
    ask: bool | None = None
    plan: bool = False
    """Whether somebody is to approve a plan first; only agents with models make one."""
    tokens: int | None = None
    user: str = ""
    model: str | None = None
    """The configured model that a program (`command:CMD`) may ask; None is the first that fits."""
    follow: bool = False
    """Whether the shadow shows what the user saves meanwhile, wherever it has no version of its own."""
    examples: tuple[Example, ...] = ()
    """Changes that show what is to be done to the rest; who names no agent besides gets `migrate`."""
    priority: int = 0
    """Which of the queued is taken first: the highest, then the oldest."""
    not_before: float | None = None
    """The Unix time before which no worker takes it."""
    deadline: float | None = None
    """The Unix time by which it is done: what has not begun by then fails, and no budget goes beyond it."""
    needs: tuple[str, ...] = ()
    """What a worker has to be able to do for it, besides what its repository says and what it is made with."""

    @property
    def program_model(self) -> str | None:
        """Return the model that a program may ask, as a task has it: none where a repository chose the program, and nobody typed anything."""
        return "" if self.model is None and self.agent is not None else self.model

    @property
    def own_tests(self) -> tuple[str, ...]:
        """Return the files of tests that whoever makes the change brought along: nobody else says that they ask for the right thing."""
        return tuple(test.path for test in self.added) if self.agent == CLIENT else ()


class Status(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    WORKING = "working"
    VERIFIED = "verified"
    UNVERIFIED = "unverified"
    NO_FIX = "no_fix"
    PAUSED = "paused"
    """At its budget, with a question, or interrupted; its work is kept."""
    FAILED = "failed"
    STOPPED = "stopped"
    """By somebody; its work is kept."""
    REJECTED = "rejected"
    ACCEPTED = "accepted"

    @property
    def resumable(self) -> bool:
        """Say whether `resume` makes sense."""
        return self in (Status.QUEUED, Status.WORKING, Status.PAUSED, Status.FAILED, Status.STOPPED)


class AttemptState(StrEnum):
    """Where an attempt stands."""

    OPEN = "open"
    PROPOSED = "proposed"
    NO_FIX = "no_fix"
    ASKED = "asked"
    """It ended with a question that nobody has answered yet."""
    INTERRUPTED = "interrupted"
    """Somebody said something: the next attempt goes on from what it left."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A filed ticket. `id` is short, sorts by time and is safe in a git ref; `slug` comes from the text. `filed_at` is Unix time."""

    id: str
    slug: str
    order: Order
    filed_at: float

    @property
    def alias(self) -> str:
        """Return the name by which a pool knows it: the same in each life and on each machine, and no word on what it is."""
        return alias_of(self.id, self.filed_at)


def alias_of(ticket: str, filed_at: float) -> str:
    """Return the alias of a ticket; nobody makes it who does not know to the microsecond when it was filed."""
    return hmac.digest(repr(filed_at).encode(), ticket.encode(), "sha256").hex()[:32]


@dataclass(frozen=True, slots=True)
class Job:
    """The work on one ticket: its state as the store has it. Times are Unix times; `seconds`, `usd` and `tokens` are its whole budget.

    `snapshot` and `base` (the tree with the ticket's tests in it) are None until the pin; `chosen` is the number of the
    attempt that won. `fence` grows with each lease.
    """

    number: int
    ticket: str
    status: Status
    why: str = ""
    next: str = ""
    snapshot: Snapshot | None = None
    base: str | None = None
    chosen: int | None = None
    seconds: float = 0.0
    usd: float | None = None
    tokens: int | None = None
    fence: int = 0
    lease_owner: str | None = None
    lease_until: float | None = None
    stop_requested: bool = False
    updated_at: float = 0.0
    priority: int = 0
    not_before: float | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class OptionRecord:
    """One option of an attempt's question: the tree that would be proposed, and what it shows where the options differ."""

    title: str
    explanation: str
    shows: str
    tree: str


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One agent's try at a job. `tree` is the sealed tree of a proposal, else the last checkpoint; `without` names what it did without.

    `question` and `options` are what it asked; `answer` is the number (from 1) of the option that somebody chose, 0 for none of them.
    A question without options is answered in words, of which `choices` are likely; `answers` are those given so far, in order,
    `asked` what they answer. `heard` is what a person was asked in earlier attempts, and answered.
    `reason` says why this agent was tried, `variant` how the attempt differs from the others, `refused` what the ladder had said
    against earlier ones. `seconds` are those of the life in which it ended.
    """

    number: int
    agent: str
    seed: int
    state: AttemptState = AttemptState.OPEN
    tree: str | None = None
    title: str = ""
    explanation: str = ""
    why: str = ""
    needs: str = ""
    driver: str = ""
    sandbox: str = ""
    host: str = ""
    """The Docker host that its sandbox was at, where there are several."""
    without: tuple[str, ...] = ()
    question: str = ""
    options: tuple[OptionRecord, ...] = ()
    answer: int | None = None
    choices: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    reason: str = ""
    variant: int = 0
    refused: tuple[str, ...] = ()
    seconds: float = 0.0
    asked: tuple[str, ...] = ()
    heard: tuple[str, ...] = ()
    follows: int = 0
    """The attempt whose change this one goes on from, since a person said so; 0 for none."""
    told: int = 0
    """The last of the job's messages that had been told once this attempt began."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a reviewer says of a change, at a line of its after side, of a file, or of all of it. `text` is untrusted."""

    text: str
    path: RepoPath | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody said to a job while it waited or was at work. `text` is untrusted. `attempt` is the one that was told, 0 while it waits."""

    id: int
    who: str
    text: str
    at: float
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt, for choosing agents by: `kind` is that of the ticket, as text."""

    attempt: int
    agent: str
    kind: str
    verified: bool
    usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of the journal: `intent` was written before it took effect, `outcome` after (None: it never ended). `attempt` is 0 for the job's own steps."""

    attempt: int
    number: int
    kind: str
    intent: Mapping[str, object]
    outcome: Mapping[str, object] | None
    at: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What work cost: seconds of wall clock, tokens, dollars."""

    seconds: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    usd: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.seconds + other.seconds,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.usd + other.usd,
        )


@dataclass(frozen=True, slots=True)
class JobReport:
    """All that is known about a ticket and its job. `files` are the paths of the proposal that won; `next` is the command to type next.

    `question` is one that waits for an answer, with its `options`; `diffs` has a patch for each of them where all was asked for. One
    without options waits for words, of which `choices` are likely.
    `verdicts` are those on all attempts, `costs` what each attempt cost, `messages` what was said to it while it was at work.
    """

    ticket: Ticket
    status: Status
    why: str
    next: str
    agent: str
    attempts: tuple[AttemptRecord, ...] = ()
    branch: str | None = None
    commit: str | None = None
    base: str | None = None
    title: str = ""
    explanation: str = ""
    files: tuple[RepoPath, ...] = ()
    verdict: Verdict | None = None
    cost: Cost = field(default_factory=Cost)
    driver: str | None = None
    sandbox: str | None = None
    without: tuple[str, ...] = ()
    omitted: tuple[Omission, ...] = ()
    updated_at: float = 0.0
    question: str = ""
    options: tuple[OptionRecord, ...] = ()
    diffs: tuple[bytes, ...] = ()
    choices: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    costs: tuple[Cost, ...] = ()
    messages: tuple[Message, ...] = ()

    @property
    def interrupted(self) -> bool:
        """Say whether somebody pressed Ctrl-C: whoever works on several tickets then begins no other."""
        return self.status is Status.PAUSED and self.why.startswith("interrupted")

    def verdict_on(self, attempt: AttemptRecord) -> Verdict | None:
        """Return the verdict on what an attempt proposed, None where there is none."""
        proposed = attempt.state is AttemptState.PROPOSED
        return next((each for each in reversed(self.verdicts) if proposed and each.tree == attempt.tree), None)


@dataclass(frozen=True, slots=True)
class Applied:
    """What `apply` did: the paths it wrote or deleted in the user's working tree."""

    ticket: str
    files: tuple[RepoPath, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """Live progress of a job. `kind` is `pin`, `attempt`, `step`, `progress`, `saved`, `ask`, `verify`, `rung`, `deliver` or `done`; `text` is one printable line."""

    job: int
    kind: str
    text: str
    at: float


Watch = Callable[[Event], None]
"""Whoever wants to see events as they happen; called from the worker's thread."""
