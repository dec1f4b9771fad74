"""The records of forges: where people talk, what a webhook said, what was made of it, what a forge has. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.records import Remark

COLLABORATORS = "collaborators"
"""Stands in an allow-list for everybody who may write to the repository."""
TRACKERS = ("linear", "slack")
"""The kinds of entries that have no branches."""

_GIT_USERS = {"github": "x-access-token", "gitlab": "oauth2"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One `[forges.NAME]` or `[trackers.NAME]` of the machine's configuration, with the secrets that its variables hold.

    `repositories` are working trees by the name that the forge has for them; a tracker has one, under "". Those that are `managed` lie below
    the state directory; by name, the variables that their set-up may ask for. `rounds` is how often a red CI run sends a pull request back to work.
    """

    name: str
    kind: str
    url: str
    api_url: str
    repositories: Mapping[str, Path]
    allow: tuple[str, ...] = ()
    mention: str = "@nightcrew"
    label: str = "nightcrew"
    rounds: int = 2
    token_env: str = ""
    secret_env: str = ""
    token: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    managed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    checkout_bytes: int = 4096 << 20

    @property
    def git_user(self) -> str:
        """Return the name that goes with the token when git asks."""
        return _GIT_USERS.get(self.kind, "nightcrew")

    def address(self, repository: str) -> str:
        """Return where git speaks with a repository, without any secret in it."""
        return f"{self.url.rstrip('/')}/{repository}.git"

    def repository(self, name: str) -> Path | None:
        """Return the working tree of a repository, by the name that the forge has for it in whatever case."""
        return next((path for each, path in self.repositories.items() if each.casefold() == name.casefold()), None)


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook as it came: `headers` by lower-case name, and the raw body that the signature is over."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Thread:
    """Where people talk: an issue or a pull request, a chat's thread. `number` is text; GitLab's merge requests begin with `!`."""

    forge: str
    repository: str
    number: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who did something. `insider` is what the payload says of it: None is nothing, and False is sure."""

    name: str
    bot: bool = False
    insider: bool | None = None


@dataclass(frozen=True, slots=True)
class Filed:
    """Somebody asks for work by a label or a mention. `text` is untrusted, `said` the comment alone of it.

    `comment` names what to react to ("" is the thread itself).
    """

    thread: Thread
    who: Person
    text: str
    url: str = ""
    comment: str = ""
    at: float | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody reviews a pull request."""

    thread: Thread
    who: Person
    remarks: tuple[Remark, ...]
    comment: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """A CI run on a branch ended."""

    forge: str
    repository: str
    branch: str
    commit: str
    green: bool
    text: str = ""
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Nothing:
    """The webhook asks for nothing, and why."""

    why: str


Heard = Filed | Said | Checked | Nothing


@dataclass(frozen=True, slots=True)
class Receipt:
    """What to answer a webhook with: an HTTP status, what was done, and a body where the service wants one."""

    status: int
    done: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue or a pull request as a forge shows it. Its text is untrusted."""

    thread: Thread
    title: str
    body: str
    url: str
    author: str

    @property
    def text(self) -> str:
        """Return what a ticket says of it."""
        return ticket_text(self.title, self.body)


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request: its branch, the commit at its head, the branch it is to go into, and the ref that the forge keeps its head under."""

    thread: Thread
    branch: str
    commit: str
    base: str
    url: str
    open: bool
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The pull request that is wanted for a branch."""

    repository: str
    branch: str
    base: str
    title: str
    body: str


def ticket_text(title: str, body: str, comment: str = "") -> str:
    """Return a ticket's text of what people wrote."""
    return "\n\n".join(part.strip() for part in (title, body, comment) if part and part.strip())
