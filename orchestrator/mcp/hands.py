"""Hands: does what a client calls for, on the attempt's own shadow or on a fork of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Self

from agents import AgentError, BadPattern, Edited, Replace, Task, Whole, Workspace, put_edits, shown
from orchestrator.mcp import answers
from orchestrator.mcp.answers import MOST_FOUND, refused
from orchestrator.mcp.desk import Answer
from sandbox import Command, Limits, SandboxError
from shadowfs import ShadowfsError
from verifier import Position, ServerRefused, VerifierError

Given = Mapping[str, object]
_COMMAND_S, _LONGEST_S = 120.0, 3600.0
_MOST_FORKS = 8
_COUNTED = 1_000


class Unable(Exception):
    """Raised in here when a call cannot be carried out; its text tells the client what to do."""


@dataclass(slots=True)
class _Fork:
    workspace: Workspace
    opened: ExitStack


@dataclass(slots=True)
class Hands:
    """Carries out calls by their names; its forks end with it."""

    task: Task
    workspace: Workspace
    _forks: dict[str, _Fork] = field(default_factory=dict)
    _count: int = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        for fork in self._forks.values():
            fork.opened.close()
        self._forks.clear()

    @property
    def shadows(self) -> tuple[str, ...]:
        """Return the names of the forks."""
        return tuple(self._forks)

    def do(self, name: str, given: Given) -> Answer:
        """Carry out a call and return what came of it. Raises what ends the job (`AgentError`), nothing else that is expected."""
        does: Mapping[str, Callable[[Given], Answer]] = {
            "locate": lambda given: answers.hits(self._on(given).locate(str(given["text"]))),
            "search": self._search,
            "read": self._read,
            "edit": self._edit,
            "diagnostics": lambda given: answers.inspection(self._on(given).inspect(_path(given))),
            "definition": self._definition,
            "references": self._references,
            "run": self._run,
            "test": self._test,
            "diff": lambda given: answers.changed(self._on(given).change()),
            "fork": self._fork,
            "adopt": self._adopt,
            "drop": self._drop,
        }
        try:
            return does[name](given)
        except (Unable, BadPattern) as error:
            return refused(str(error))
        except AgentError:
            raise
        except (OSError, ServerRefused, VerifierError, SandboxError, ShadowfsError) as error:
            return refused(f"{name} did not work: {error}")

    def _on(self, given: Given) -> Workspace:
        """Return the workspace on the shadow that a call names."""
        name = given.get("shadow")
        return self._named(given).workspace if name else self.workspace

    def _named(self, given: Given) -> _Fork:
        name = str(given["shadow"])
        if name not in self._forks:
            there = ", ".join(self._forks) or "none: `fork` makes one"
            raise Unable(
                f"there is no fork {name!r}; there are {there}. Without a name the ticket's own shadow is meant"
            )
        return self._forks[name]

    def _search(self, given: Given) -> Answer:
        pattern, below = str(given["pattern"]), str(given.get("path", "")).strip("/")
        matching = (
            each
            for each in self._on(given).search(pattern)
            if below in ("", ".") or each[0] == below or each[0].startswith(f"{below}/")
        )
        found = list(islice(matching, MOST_FOUND))
        return answers.places(found, sum(1 for _ in islice(matching, _COUNTED)))

    def _read(self, given: Given) -> Answer:
        first, last = given.get("first", 1), given.get("last")
        path = _path(given)
        assert isinstance(first, int)
        return answers.read(path, self._on(given).read(path), first, last if isinstance(last, int) else None)

    def _edit(self, given: Given) -> Answer:
        workspace = self._on(given)
        made = put_edits(workspace, _asked(given), self.task.protected)
        if isinstance(made, str):
            raise Unable(made)
        told, introduced, resolved = [], list[str](), 0
        for path in made.written:
            found = workspace.diagnose(path)
            told.append(shown.after_edit(found))
            introduced += [str(each) for each in found.delta.introduced[:MOST_FOUND]]
            resolved += len(found.delta.resolved)
        data = {
            "written": list(made.written),
            "deleted": list(made.deleted),
            "introduced": introduced,
            "resolved": resolved,
        }
        return Answer("\n".join(filter(None, [_written(made), *told])), data)

    def _definition(self, given: Given) -> Answer:
        workspace = self._on(given)
        return answers.locations(workspace.definition(_path(given), _at(workspace, given)))

    def _references(self, given: Given) -> Answer:
        workspace = self._on(given)
        return answers.locations(workspace.references(_path(given), _at(workspace, given)))

    def _run(self, given: Given) -> Answer:
        workspace, seconds = self._on(given), given.get("seconds", _COMMAND_S)
        assert isinstance(seconds, int | float)
        if not 0 < seconds <= _LONGEST_S:
            raise Unable(f"`seconds` is {seconds:g}: give more than 0 and at most {_LONGEST_S:g}")
        command = Command(("sh", "-c", str(given["command"])))
        return answers.completed(workspace.run(command, Limits(wall_s=float(seconds))))

    def _test(self, given: Given) -> Answer:
        ids = texts(given, "ids")
        return answers.tested(self._on(given).test(ids or None))

    def _fork(self, given: Given) -> Answer:
        if len(self._forks) >= _MOST_FORKS:
            raise Unable(f"there are {_MOST_FORKS} forks by now: `drop` one first")
        with ExitStack() as stack:
            workspace = stack.enter_context(self._on(given).fork())
            self._count += 1
            name = f"fork-{self._count}"
            self._forks[name] = _Fork(workspace, stack.pop_all())
        text = f"{name} is there; name it as `shadow`. `adopt` takes over what it holds, `drop` ends it."
        return Answer(text, {"shadow": name, "shadows": list(self._forks)})

    def _drop(self, given: Given) -> Answer:
        fork = self._named(given)
        del self._forks[str(given["shadow"])]
        fork.opened.close()
        return Answer(f"{given['shadow']} has ended.", {"shadows": list(self._forks)})

    def _adopt(self, given: Given) -> Answer:
        mine, theirs = self.workspace.change(), self._named(given).workspace.change()
        self.workspace.restore(theirs.tree)
        now, before = set(theirs.paths()), set(mine.paths())
        gone = tuple(file.path for file in theirs.files if file.after is None)
        made = Edited(tuple(sorted((now | before) - set(gone))), gone)
        return Answer(_written(made), {"written": list(made.written), "deleted": list(made.deleted)})


def _asked(given: Given) -> tuple[Replace | Whole] | str:
    """Return the edits that a call asks for. Raises `Unable` where it says too little or too much."""
    forms = [({"path", "old", "new"}, "lines"), ({"path", "content"}, "whole"), ({"patch"}, "patch")]
    names = set(given) - {"shadow"}
    form = next((form for wanted, form in forms if names == wanted), None)
    if form == "lines":
        return (Replace(_path(given), _lines(given["old"]), _lines(given["new"])),)
    if form == "whole":
        return (Whole(_path(given), _lines(given["content"])),)
    if form == "patch":
        return str(given["patch"])
    told = ", ".join(sorted(names)) or "nothing"
    raise Unable(f"`edit` takes `path`, `old` and `new`; or `path` and `content`; or `patch`. It was given {told}")


def _lines(text: object) -> tuple[str, ...]:
    return tuple(str(text).splitlines())


def _path(given: Given) -> str:
    return str(given["path"]).removeprefix("./")


def _at(workspace: Workspace, given: Given) -> Position:
    line, name, path = int(str(given["line"])), str(given["name"]), _path(given)
    lines = workspace.read(path).decode("utf-8", "replace").splitlines()
    column = lines[line - 1].find(name) if 1 <= line <= len(lines) else -1
    if column < 0:
        raise Unable(f"line {line} of {path} does not hold {name!r}: `search` for it")
    return Position(line, column)


def _written(made: Edited) -> str:
    said = [f"wrote {path}" for path in made.written] + [f"removed {path}" for path in made.deleted]
    return "Done: " + ", ".join(said) if said else "Nothing differs."


def texts(given: Given, name: str) -> tuple[str, ...]:
    """Return a list of texts that a call gives. Raises `Unable` where it holds something else."""
    found = given.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise Unable(f"`{name}` must be a list of texts; it is {found!r:.80}")
    return tuple(found)
