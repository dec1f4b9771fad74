"""What an agent asks for and tells, as records: what the protocol's messages say, without their spelling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ReadFile:
    """Read a file, or `limit` of its lines from `line` (from 1) on."""

    path: str
    line: int | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Give a file new content, or create it."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class StartTerminal:
    """Start a command; the last `limit_bytes` of what it prints are kept."""

    argv: tuple[str, ...]
    cwd: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    limit_bytes: int | None = None


class Verb(StrEnum):
    """What may be asked of a terminal."""

    OUTPUT = "output"
    WAIT = "wait"
    KILL = "kill"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class OnTerminal:
    """Something is asked of a terminal."""

    verb: Verb
    terminal: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer to a request for permission; its kind is `allow_once`, `allow_always`, `reject_once` or `reject_always`."""

    id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Permission:
    """May a tool do something to these paths? Its kind is the protocol's word (`edit`, `read`, `execute` …), "" where it says none."""

    title: str
    kind: str
    paths: tuple[str, ...]
    choices: tuple[Choice, ...]


Asked = ReadFile | WriteFile | StartTerminal | OnTerminal | Permission


class Telling(StrEnum):
    """What an agent tells of its work."""

    MESSAGE = "message"
    THOUGHT = "thought"
    TOOL = "tool"
    PLAN = "plan"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Told:
    """Something that an agent tells: the text, and for a tool its id and status where it says one."""

    what: Telling
    text: str = ""
    tool: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class Introduced:
    """How an agent introduces itself: the protocol's version it speaks, its name, what it can, and how one logs in to it."""

    version: int
    name: str = ""
    loads: bool = False
    logins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exit:
    """How a terminal's command ended: its exit status, or the signal that ended it."""

    status: int | None
    signal: str | None = None
