"""The Protocols: what nightcrew asks of a forge, and of a tracker, which has tickets and no branches."""

from __future__ import annotations

from typing import Protocol

from orchestrator.forges.records import Heard, Hook, Issue, Pull, Said, Thread, Wanted
from orchestrator.records import Remark


class Hooks(Protocol):
    """How a service's webhooks are understood. Pure: nothing is asked, nothing is kept."""

    age_s: float
    """How old a webhook may be where the service says when it was sent."""

    def genuine(self, hook: Hook) -> bool:
        """Say whether the signature is right. Takes the same time wherever it is wrong."""
        ...

    def delivery(self, hook: Hook) -> str:
        """Return the id of a delivery, which a redelivery has too; "" where there is none."""
        ...

    def sent_at(self, hook: Hook) -> float | None:
        """Return when it was sent, as Unix time, where what is signed says so."""
        ...

    def parse(self, hook: Hook) -> Heard:
        """Return what a webhook says. Never raises, whatever it is."""
        ...

    def challenge(self, hook: Hook) -> str:
        """Return what a service wants back that only asks whether anybody is there; "" for all else."""
        ...


class Tracker(Protocol):
    """Where tickets come from, and answers go to. What speaks raises `ForgeUnavailable`, or `ForgeRefused`; all of it may be repeated."""

    def react(self, thread: Thread, comment: str) -> None:
        """Acknowledge a comment, or the thread itself."""
        ...

    def tell(self, thread: Thread, text: str, mark: str, since: float) -> None:
        """Put an answer into a thread, unless one with this mark is there, written since the Unix time `since`."""
        ...

    def look(self) -> str:
        """Return as whom the service knows us."""
        ...


class Forge(Tracker, Protocol):
    """A tracker that has repositories and pull requests."""

    def may(self, repository: str, who: str) -> bool:
        """Say whether somebody may write to a repository."""
        ...

    def remarks(self, thread: Thread, said: Said) -> tuple[Remark, ...]:
        """Return what somebody said in a review, with what the webhook left out."""
        ...

    def failures(self, repository: str, commit: str) -> str:
        """Return what the CI runs on a commit say of why they are red, the ends of their logs included, as far as the forge tells."""
        ...

    def issue(self, thread: Thread) -> Issue:
        """Return an issue or a pull request."""
        ...

    def pull(self, thread: Thread) -> Pull:
        """Return a pull request."""
        ...

    def default_branch(self, repository: str) -> str:
        """Return the branch that changes go into."""
        ...

    def offer(self, wanted: Wanted) -> Pull:
        """Return the one pull request of a branch: opened where there is none, brought up to date where it is open, left alone where it is closed."""
        ...

    def address(self, repository: str) -> str:
        """Return where git pushes to, without any secret in it."""
        ...

    @property
    def git_user(self) -> str:
        """Return the name that goes with the token when git asks."""
        ...
