"""A workspace in memory, for tests of agents and for those who write agents: no mount, no process, a clock of one's own."""

from __future__ import annotations

import copy
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from agents.agent import Attend, Hit, Step
from agents.errors import OutOfBudget, Stopped
from agents.expression import Expression
from agents.verbs import LanguageVerbs
from sandbox import Command, Completed, Ended, Limits, Policy, Process, Root, ScriptedSandbox
from shadowfs import Change, DepotError, Entry, FileChange, RepoPath
from verifier import Findings, Found, Languages, LanguageSession, Ran, ServerFailed, SuiteReport

Respond = Callable[["MemoryWorkspace", Command], Completed]
Say = Callable[[Mapping[RepoPath, bytes], Sequence[str] | None], SuiteReport]
Talk = Callable[[Command, socket.socket], Completed]
Start = Callable[["MemoryWorkspace", Found], LanguageSession]
_FILE_MODE = 0o100644
_POLL_S = 0.25
_ROOT = Path("/repository")


def _no_server(workspace: MemoryWorkspace, found: Found) -> LanguageSession:
    raise ServerFailed(f"no session with {found.server.name} was scripted for {workspace.root}")


def _no_program(workspace: MemoryWorkspace, command: Command) -> Completed:
    return Completed(Ended.NOT_STARTED, None, why=f"no answer to {command.argv!r} was scripted for {workspace.root}")


def _no_talk(command: Command, channel: socket.socket) -> Completed:
    del channel
    return Completed(Ended.NOT_STARTED, None, why=f"nothing that {command.argv!r} says on its channel was scripted")


def _no_tests(files: Mapping[RepoPath, bytes], ids: Sequence[str] | None) -> SuiteReport:
    return SuiteReport(Ran.NOTHING_COLLECTED, why=f"no tests were scripted over {len(files)} files (asked for: {ids})")


@dataclass(frozen=True, slots=True)
class MemoryBlobs:
    """Content by git blob id."""

    kept: dict[str, bytes]

    def put(self, data: bytes) -> str:
        """Keep content and return its id."""
        blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        self.kept[blob] = data
        return blob

    def read(self, blob: str) -> bytes:
        """Return the bytes of `blob`; raise `DepotError` when it is not there."""
        if blob not in self.kept:
            raise DepotError(f"blob {blob!r} was never put here; use an id that `put` returned")
        return self.kept[blob]


class MemoryWorkspace(LanguageVerbs):
    """A workspace over a dictionary of files. Tree ids are digests, equal for equal files; they name no git object.

    `say` answers for the suite, `respond` for commands (it may write to the workspace's `files`). `clock` counts
    seconds, `budget_s` of which may pass, and `budget_usd` dollars be spent; `stopped` set makes the next step raise `Stopped`. `servers` are the language
    servers there are, and `start` starts one (a `ScriptedSession`, say). `history` has what `earlier` says of a file, `locating`
    what `locate` finds.
    """

    def __init__(
        self,
        files: Mapping[RepoPath, bytes],
        *,
        say: Say = _no_tests,
        respond: Respond = _no_program,
        protected: frozenset[RepoPath] = frozenset(),
        clock: Callable[[], float] = lambda: 0.0,
        budget_s: float = 3600.0,
        budget_usd: float | None = None,
        journal: Sequence[Step] = (),
        servers: Sequence[Found] = (),
        start: Start = _no_server,
        history: Mapping[RepoPath, Sequence[bytes]] = {},
        talk: Talk = _no_talk,
        locating: Callable[[str], Sequence[Hit]] = lambda _: (),
    ) -> None:
        self.files = dict(files)
        self.progress: list[str] = []
        self.stopped = False
        self.trees: dict[str, dict[RepoPath, bytes]] = {}
        self._before = dict(files)
        self._say = say
        self._respond, self._servers, self._start = respond, servers, start
        self._sandbox = ScriptedSandbox(Root(_ROOT, _ROOT), Policy(), lambda command: respond(self, command), talk)
        self._protected = protected
        self._clock = clock
        self._ends = clock() + budget_s
        self._budget_usd = budget_usd
        self.spent_usd: list[float] = []
        self._steps = list(journal)
        self._writing = threading.Lock()
        self._history = history
        self._locating = locating
        self.languages = Languages(servers, lambda found: start(self, found), self.read, self._before.get)

    @property
    def root(self) -> Path:
        return _ROOT

    @property
    def sandbox(self) -> ScriptedSandbox:
        return self._sandbox

    @property
    def limits(self) -> Limits:
        return Limits()

    def paths(self) -> Iterator[RepoPath]:
        """Yield the files, sorted."""
        return iter(sorted(self.files))

    def read(self, path: RepoPath) -> bytes:
        """Return the content of a file."""
        data = self.files.get(_inside(path))
        if data is None:
            raise FileNotFoundError(f"no file {path!r} in the workspace; `paths` yields those there are")
        return data

    def search(self, pattern: str) -> Iterator[tuple[RepoPath, int, str]]:
        """Yield path, line number (from 1) and text of each line that matches a regular expression."""
        wanted = Expression(pattern)
        for path in self.paths():
            for number, line in wanted.lines(self.files[path]):
                yield path, number, line

    def write(self, path: RepoPath, data: bytes) -> None:
        """Journal, then replace or create a file."""
        self._refuse_protected(path)
        self._step("write", {"path": path, "bytes": len(data)})
        self.files[path] = data
        if self.languages.knows(path):
            self.diagnose(path)

    def delete(self, path: RepoPath) -> None:
        """Journal, then remove a file."""
        self._refuse_protected(path)
        self.read(path)
        self._step("delete", {"path": path})
        del self.files[path]

    def run(self, command: Command, limits: Limits = Limits(), attend: Attend | None = None) -> Completed:
        """Journal, then answer a command; one that is attended is played by `talk`."""
        self._step("run", {"argv": list(command.argv), "cwd": command.cwd})
        if attend is None:
            return self._sandbox.run(command, limits)
        with self._sandbox.start(command, limits) as process:
            while True:
                attend(process)
                if (completed := process.wait(_POLL_S)) is not None:
                    return completed

    def start(self, command: Command, limits: Limits = Limits()) -> Process:
        """Journal, then start a command that `talk` plays."""
        self._step("start", {"argv": list(command.argv), "cwd": command.cwd})
        return self._sandbox.start(command, limits)

    def keep(self) -> None:
        """Journal that the files are kept."""
        self._step("keep", {"tree": self.change().tree})

    def protects(self, path: RepoPath, /) -> bool:
        """Say whether a path may not be changed."""
        return path in self._protected

    def test(self, ids: Sequence[str] | None = None) -> SuiteReport:
        """Journal, then answer for the suite."""
        self._step("test", {"ids": None if ids is None else list(ids)})
        return self._say(dict(self.files), ids)

    def change(self) -> Change:
        """Return what the files differ in from those given."""
        blobs = MemoryBlobs({})
        old, new = (
            {path: Entry(_FILE_MODE, blobs.put(data)) for path, data in side.items()}
            for side in (self._before, self.files)
        )
        differ = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
        files = tuple(FileChange(path, old.get(path), new.get(path)) for path in differ)
        self.trees |= {_digest(old): dict(self._before), _digest(new): dict(self.files)}
        return Change(_digest(old), _digest(new), files, blobs)

    @contextmanager
    def fork(self) -> Iterator[Self]:
        """Journal, then open a workspace on a copy of the files, with the same journal, clock and budget."""
        self._step("fork", {})
        made = copy.copy(self)
        made.files = dict(self.files)
        made._sandbox = ScriptedSandbox(Root(_ROOT, _ROOT), Policy(), lambda command: self._respond(made, command))
        made.languages = Languages(self._servers, lambda found: self._start(made, found), made.read, self._before.get)
        yield made

    def restore(self, tree: str) -> None:
        """Journal, then take the files of a tree that `change` named; `trees` has them, for a later life to be given."""
        if tree not in self.trees:
            raise DepotError(f"tree {tree!r} was never named here; use one that `change` returned")
        self._step("restore", {"to": tree})
        self.files = dict(self.trees[tree])

    def locate(self, text: str, files: int = 10) -> tuple[Hit, ...]:
        """Return what `locating` finds, of the first `files` files."""
        found = self._locating(text)
        first = tuple(dict.fromkeys(hit.path for hit in found))[:files]
        return tuple(hit for hit in found if hit.path in first)

    def earlier(self, path: RepoPath) -> tuple[bytes, ...]:
        """Return what `history` says of a file."""
        self.read(path)
        return tuple(self._history.get(path, ()))

    def diagnose(self, path: RepoPath) -> Findings:
        """Journal what the edits so far introduced in a file, and return it."""
        found = self.languages.diagnose(path)
        self._step("diagnose", {"path": path, "introduced": [str(each) for each in found.delta.introduced]})
        return found

    def reserve(self, usd: float, tokens: int = 0) -> int:
        """Count dollars as spent, unless they exceed the budget; tokens are not counted."""
        del tokens
        self.check()
        if self._budget_usd is not None and sum(self.spent_usd) + usd > self._budget_usd:
            raise OutOfBudget(f"the budget of ${self._budget_usd:g} has no ${usd:g} left; give a larger `budget_usd`")
        self.spent_usd.append(usd)
        return len(self.spent_usd) - 1

    def settle(self, reservation: int, tokens_in: int, tokens_out: int, usd: float) -> None:
        """Count what was really spent; tokens are not counted."""
        del tokens_in, tokens_out
        self.spent_usd[reservation] = usd

    def note(self, kind: str, data: Mapping[str, object], *, progress: str = "") -> None:
        """Journal something of the agent's own, and keep `progress`."""
        self._step(f"note:{kind}", data)
        if progress:
            self.progress.append(progress)

    def journal(self) -> Sequence[Step]:
        """Return the steps so far, those of an earlier life first."""
        return tuple(self._steps)

    def remaining_s(self) -> float:
        """Return the seconds left in the budget."""
        return max(0.0, self._ends - self._clock())

    def _step(self, kind: str, data: Mapping[str, object]) -> None:
        self.check()
        with self._writing:
            self._steps.append(Step(len(self._steps) + 1, kind, dict(data)))

    def check(self) -> None:
        """Raise `OutOfBudget` or `Stopped` where the job is to end."""
        if self.stopped:
            raise Stopped("the workspace was stopped; end here")
        if self.remaining_s() <= 0.0:
            raise OutOfBudget("the workspace's seconds are spent; give it a larger `budget_s`")

    def _refuse_protected(self, path: RepoPath) -> None:
        if self.protects(_inside(path)):
            raise PermissionError(f"{path!r} is protected by the ticket; change other files")


def _inside(path: RepoPath) -> RepoPath:
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") or part.casefold() == ".git" for part in parts):
        raise PermissionError(f"{path!r} leaves the tree or enters .git; use a path relative to the repository")
    return path


def _digest(entries: Mapping[RepoPath, Entry]) -> str:
    listing = "\n".join(f"{path}\0{entry.blob}" for path, entry in sorted(entries.items()))
    return hashlib.sha1(listing.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
