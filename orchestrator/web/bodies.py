"""What programs send: closed records, checked as they come in. Pydantic stays in here and in the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field

from orchestrator.intake import MOST_PRIORITY
from orchestrator.records import AddedTest, Order, Remark
from orchestrator.reviewing import Selection

Text = Annotated[str, Field(max_length=1 << 20)]
Name = Annotated[str, Field(max_length=4_096)]
Seconds = Annotated[float, Field(ge=0, le=30 * 86_400, allow_inf_nan=False)]
Usd = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Tokens = Annotated[int, Field(ge=0, le=10**12)]
Moment = Annotated[float, Field(ge=0, le=1e10, allow_inf_nan=False)]
"""A Unix time."""
Tree = Annotated[str, Field(pattern="^[0-9a-f]{40}([0-9a-f]{24})?$")]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AddedBody(_Closed):
    """A test that a ticket brings along: its path in the repository, and its bytes in base64."""

    path: Name
    data: Annotated[Base64Bytes, Field(max_length=24 << 20)]


class OrderBody(_Closed):
    """A ticket to file. `repository` is a path on the server's machine."""

    text: Text
    repository: Name
    test_command: Name | None = None
    failing: list[Name] = Field(default=[], max_length=1_000)
    agent: Name | None = None
    model: Name | None = None
    attempts: int | None = Field(default=None, ge=1, le=64)
    seconds: float | None = Field(default=None, gt=0, le=30 * 86_400, allow_inf_nan=False)
    usd: Usd | None = None
    tokens: Tokens | None = None
    added: list[AddedBody] = Field(default=[], max_length=100)
    ask: bool | None = None
    plan: bool = False
    keep_unverified: bool = False
    branch: bool = True
    priority: int = Field(default=0, ge=-MOST_PRIORITY, le=MOST_PRIORITY)
    not_before: Moment | None = None
    deadline: Moment | None = None
    needs: list[Name] = Field(default=[], max_length=16)

    def order(self, repository: Path, user: str) -> Order:
        """Return the order; what only somebody at the machine may say (its driver, no sandbox at all) is not in it."""
        return Order(
            text=self.text,
            repository=repository,
            test_command=self.test_command,
            failing=tuple(self.failing),
            added=tuple(AddedTest(each.path, each.data) for each in self.added),
            agent=self.agent,
            model=self.model,
            attempts=self.attempts,
            seconds=self.seconds,
            usd=self.usd,
            tokens=self.tokens,
            ask=self.ask,
            plan=self.plan,
            keep_unverified=self.keep_unverified,
            branch=self.branch,
            priority=self.priority,
            not_before=self.not_before,
            deadline=self.deadline,
            needs=tuple(self.needs),
            user=user,
        )


class ReviewBody(_Closed):
    """A branch or commit of a repository to judge."""

    repository: Name
    ref: Annotated[str, Field(min_length=1, max_length=255)]
    test_command: Name | None = None
    failing: list[Name] = Field(default=[], max_length=1_000)
    seconds: float | None = Field(default=None, gt=0, le=30 * 86_400, allow_inf_nan=False)


class MoreBody(_Closed):
    """What is added to a job's budget."""

    seconds: Seconds = 0.0
    usd: Usd = 0.0
    tokens: Tokens = 0


class AnswerBody(MoreBody):
    """An answer: the number of an option (0: none of them), or words."""

    option: int | None = Field(default=None, ge=0, le=1_000)
    question: Annotated[str, Field(max_length=40)] | None = None
    """The `id` of the question that was seen; where something else is asked by now, nothing is answered."""
    text: Text | None = None


class MessageBody(_Closed):
    """What is said to a job that waits or is at work."""

    text: Annotated[str, Field(min_length=1, max_length=8_000)]


class DecisionBody(_Closed):
    """A decision about the version `tree` of a change (none: whichever it is)."""

    tree: Tree | None = None
    reason: Annotated[str, Field(max_length=8_000)] = ""


class RemarkBody(_Closed):
    """Something said of a change: of a line of its after side, of a file, or of all of it."""

    text: Annotated[str, Field(min_length=1, max_length=8_000)]
    path: Name | None = None
    line: int | None = Field(default=None, ge=1, le=10**7)

    def remark(self) -> Remark:
        """Return the remark."""
        return Remark(self.text, self.path, self.line)


class CommentBody(_Closed):
    """Remarks with which a change goes back to work; `agent` goes on with it, where that is not to be the one that made it."""

    remarks: list[RemarkBody] = Field(min_length=1, max_length=50)
    agent: Name | None = None
    tree: Tree | None = None
    seconds: Seconds | None = None


class PartBody(_Closed):
    """A part of a change: hunks that are kept, by id, files without hunks, and by a hunk's id the lines that replace its after side."""

    hunks: list[Annotated[str, Field(max_length=64)]] = Field(default=[], max_length=100_000)
    files: list[Name] = Field(default=[], max_length=10_000)
    edits: dict[str, list[Name]] = {}
    tree: Tree | None = None

    def selection(self) -> Selection:
        """Return the selection."""
        edits = {id: tuple(lines) for id, lines in self.edits.items()}
        return Selection(frozenset(self.hunks), frozenset(self.files), edits)


class ReadBody(_Closed):
    """Whether a file of a version was read."""

    tree: Tree
    path: Name
    done: bool = True
