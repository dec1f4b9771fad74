"""Warm servers of one tree: each is leased to one shadow at a time, whose changes it is shown as texts that are nowhere written.

Before the next lease it is shown the tree again, and must find there what it found when it was new; else it is thrown away.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from shadowfs import RepoPath
from verifier.errors import LeaseEnded, ServerFailed, ServerRefused, ServerSilent
from verifier.language.delegate import Answer, Delegate
from verifier.language.diagnostic import Diagnostic
from verifier.language.documents import decoded
from verifier.language.language import ANSWER_S, LanguageSession
from verifier.language.server import Found, language_of

WARM_S = 600.0
"""How long a server that nobody leases is kept."""
_COMPARED = 8
"""How many files a server is compared by; the last ones."""
_TROUBLE = (ServerFailed, ServerRefused, ServerSilent)

Base = Callable[[RepoPath], bytes | None]
"""Gives a regular file of the tree, None where it has none at a path."""


class Starter(Protocol):
    """Starts a server on the tree itself; `poll` is called while it is waited for, and may raise."""

    def __call__(self, found: Found, *, poll: Callable[[], None]) -> LanguageSession: ...


@dataclass(frozen=True, slots=True)
class View:
    """A shadow as a leased server is to see it: `changed` yields what may differ from the tree, `read` gives its files.

    `poll` is called while an answer is waited for, and may raise. `say` is told of a server that was thrown away.
    """

    changed: Callable[[], Iterable[RepoPath]]
    read: Callable[[RepoPath], bytes]
    poll: Callable[[], None] = lambda: None
    say: Callable[[str], None] = lambda _: None


class Warm:
    """A server that runs: what it found in files of the tree while it was shown nothing else, and since when nobody leases it."""

    def __init__(self, found: Found, start: Starter, poll: Callable[[], None]) -> None:
        self.found = found
        self.poll = poll
        self.since = 0.0
        self.pristine: dict[RepoPath, tuple[Diagnostic, ...]] = {}
        # Whoever leases it is asked, not whoever was the first.
        self.session = start(found, poll=lambda: self.poll())


class WarmServers:
    """Servers on one tree, started by `start` when no warm one is there. Ends with `close`, or with the tree's sandbox."""

    def __init__(self, start: Starter, base: Base, clock: Callable[[], float] = time.monotonic) -> None:
        self._start = start
        self._base = base
        self._clock = clock
        self._idle: list[Warm] = []
        self._leased = 0
        self._closed = False

    def lease(self, found: Found, view: View) -> LeasedSession:
        """Lease a server to a shadow until the lease is closed. Raises `LeaseEnded` where it cannot be shown that shadow, and as `start`."""
        if not found.server.leasable:
            raise LeaseEnded(
                f"{found.server.name} may run code of the repository, or sees other files on the disk only"
            )
        texts = Texts(found, self._base, view.read)
        for path in view.changed():
            texts.follow(path)
        warm = self._warmed(found, view) or Warm(found, self._start, view.poll)
        session = LeasedSession(warm, texts, self._take_back)
        self._leased += 1
        return session

    def reap(self, idle_s: float = WARM_S) -> bool:
        """End the servers that nobody has leased for `idle_s`; say whether any is left, leased ones too."""
        for warm in tuple(self._idle):
            if self._clock() - warm.since >= idle_s:
                self._idle.remove(warm)
                warm.session.close()
        return bool(self._idle or self._leased)

    def close(self) -> None:
        """End the servers; those that are leased end when they come back. Safe to call twice."""
        self._closed = True
        self.reap(idle_s=float("-inf"))

    def _warmed(self, found: Found, view: View) -> Warm | None:
        for warm in [warm for warm in self._idle if warm.found == found]:
            self._idle.remove(warm)
            warm.poll = view.poll
            with ExitStack() as failed:
                failed.callback(warm.session.close)
                trouble = self._compared(warm)
                if not trouble:
                    failed.pop_all()
                    return warm
            view.say(f"a warm {found.server.name} was thrown away, and a new one started: {trouble}")
        return None

    def _compared(self, warm: Warm) -> str:
        """Return how a server's findings in the tree differ from those it had when it was new; nothing where they do not."""
        for path, old in warm.pristine.items():
            try:
                warm.session.show(path, self._base(path) or b"")
                new = warm.session.diagnose(path, ANSWER_S)
                warm.session.hide(path)
            except _TROUBLE as error:
                return str(error)
            if Counter(new) != Counter(old):
                return f"of {path!r}, as it is in the tree, it says something else than when it was new"
        return ""

    def _take_back(self, warm: Warm, shown: Iterable[RepoPath], broken: bool) -> None:
        self._leased -= 1
        try:
            for path in () if broken else shown:
                warm.session.hide(path)
        except _TROUBLE:
            broken = True
        # One that was asked nothing of the tree alone has nothing to be compared by.
        if broken or self._closed or not warm.pristine:
            warm.session.close()
            return
        warm.poll = lambda: None
        warm.since = self._clock()
        self._idle.append(warm)


class Texts:
    """What a leased server is to be shown of a shadow: the files in its languages that differ from the tree."""

    def __init__(self, found: Found, base: Base, read: Callable[[RepoPath], bytes]) -> None:
        self._found = found
        self._base = base
        self._read = read
        self._old: dict[RepoPath, bytes | None] = {}
        self.new: dict[RepoPath, bytes] = {}

    def follow(self, path: RepoPath) -> None:
        """Take in a file as the shadow has it. Raises `LeaseEnded` for what no shown text can stand for."""
        old = self.old(path)
        try:
            new = self._read(path)
        except OSError:
            new = None
        self.new.pop(path, None)
        if new == old:
            return
        if old is None or new is None:
            raise LeaseEnded(f"{path!r} was made or removed: no text that is shown stands for that")
        if language_of(path) not in self._found.server.languages:
            raise LeaseEnded(f"{path!r} changed, which {self._found.server.name} would read from the disk")
        try:
            decoded(path, new)
        except ServerRefused as error:
            raise LeaseEnded(str(error)) from None
        self.new[path] = new

    def old(self, path: RepoPath) -> bytes | None:
        """Return a file as the tree has it."""
        if path not in self._old:
            self._old[path] = self._base(path)
        return self._old[path]


class LeasedSession(Delegate):
    """A session with a leased server. `WarmServers.lease` makes it, and has the server back when it is closed."""

    def __init__(self, warm: Warm, texts: Texts, take_back: Callable[[Warm, Iterable[RepoPath], bool], None]) -> None:
        self.server = warm.found.server.name
        self._warm = warm
        self._texts = texts
        self._take_back = take_back
        self._shown: dict[RepoPath, bytes] = {}
        self._broken = False
        self._over = False
        for path, data in texts.new.items():
            self.show(path, data)

    def show(self, path: RepoPath, data: bytes) -> None:
        """Let the server see `data` at `path`."""
        self._call(lambda session: session.show(path, data))
        self._shown[path] = data

    def hide(self, path: RepoPath) -> None:
        """Let the server see the shadow's own file again: the tree's, or what stands for what the shadow has."""
        if path in self._texts.new:
            self.show(path, self._texts.new[path])
            return
        self._shown.pop(path, None)
        self._call(lambda session: session.hide(path))

    def wrote(self, paths: Iterable[RepoPath]) -> None:
        """Show the server what files of the shadow are by now. Raises `LeaseEnded` where it cannot be shown."""
        for path in paths:
            self._texts.follow(path)
            self.hide(path)

    def diagnose(self, path: RepoPath, timeout_s: float = ANSWER_S) -> tuple[Diagnostic, ...]:
        """Return what the server finds in a file as it is shown now; of the tree alone, what it found there before."""
        if not self._is_tree():
            return super().diagnose(path, timeout_s)
        known = self._warm.pristine
        if path not in known:
            known[path] = super().diagnose(path, timeout_s)
            for oldest in tuple(known)[:-_COMPARED]:
                del known[oldest]
        return known[path]

    def close(self) -> None:
        """Give the server back. Safe to call twice."""
        if not self._over:
            self._over = True
            self._take_back(self._warm, tuple(self._shown), self._broken)

    def _is_tree(self) -> bool:
        """Say whether the server is shown nothing but what the tree has."""
        return all(data == self._texts.old(path) for path, data in self._shown.items())

    def _call(self, ask: Callable[[LanguageSession], Answer]) -> Answer:
        if self._over:
            raise ServerFailed(f"{self.server}: its lease is over")
        try:
            return ask(self._warm.session)
        except ServerFailed:
            self._broken = True
            raise
