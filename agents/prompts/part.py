"""What a prompt is made of: a tree of parts with priorities, in three zones that change at different paces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from agents.models import Role, ToolCall


class Zone(StrEnum):
    """A frozen prefix, a log that only grows, and a tail that is another one each turn."""

    PREFIX = "prefix"
    LOG = "log"
    TAIL = "tail"


class Pace(IntEnum):
    """How often a part of the prefix changes; what changes rarely stands first, so that a server's cache reaches far."""

    RELEASE = 0
    REPOSITORY = 1
    BASE = 2
    TICKET = 3


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a prompt. The lowest `priority` is left out first; `instead` then stands in its place, where there is room.

    `untrusted` text (a ticket's, a file's, a program's) is fenced as data. `calls` and `answers` are as in a message.
    """

    name: str
    text: str
    role: Role = Role.USER
    priority: int = 0
    untrusted: bool = False
    pace: Pace = Pace.TICKET
    instead: str = ""
    calls: tuple[ToolCall, ...] = ()
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Parts under one name. `priority` is added to theirs; where it is `whole`, they are kept or left out together."""

    name: str
    parts: tuple[Part | Group, ...]
    priority: int = 0
    whole: bool = False
    instead: str = ""


Node = Part | Group


@dataclass(frozen=True, slots=True)
class Prompt:
    """The parts of each zone. To the log parts are only ever added."""

    prefix: tuple[Node, ...] = ()
    log: tuple[Node, ...] = ()
    tail: tuple[Node, ...] = ()


class Unit(NamedTuple):
    """What is kept or left out as one: its priority, its parts with their full names, and what stands instead of it."""

    priority: int
    parts: tuple[tuple[str, Part], ...]
    name: str
    instead: str


def units(nodes: Sequence[Node]) -> Iterator[Unit]:
    """Yield the units of a zone in order. Names are joined by `/`."""
    for node in nodes:
        if isinstance(node, Part):
            yield Unit(node.priority, ((node.name, node),), node.name, node.instead)
        else:
            yield from _of_group(node)


def _of_group(group: Group) -> Iterator[Unit]:
    waiting: list[tuple[str, int, Node]] = [("", 0, group)]
    while waiting:
        path, priority, node = waiting.pop()
        name = f"{path}{node.name}"
        priority += node.priority
        if isinstance(node, Part):
            yield Unit(priority, ((name, node),), name, node.instead)
        elif node.whole:
            yield Unit(priority, tuple(_leaves(f"{name}/", node)), name, node.instead)
        else:
            waiting += [(f"{name}/", priority, part) for part in reversed(node.parts)]


def _leaves(path: str, group: Group) -> Iterator[tuple[str, Part]]:
    waiting: list[tuple[str, Node]] = [(path, part) for part in reversed(group.parts)]
    while waiting:
        path, node = waiting.pop()
        if isinstance(node, Part):
            yield f"{path}{node.name}", node
        else:
            waiting += [(f"{path}{node.name}/", part) for part in reversed(node.parts)]
