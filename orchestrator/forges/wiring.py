"""Wiring: forges as they are configured, over a state directory. What the server and the commands open."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from orchestrator.crew import Crew
from orchestrator.directories import store_url
from orchestrator.forges.calls import Caller
from orchestrator.forges.entries import read_entries
from orchestrator.forges.forge import Hooks, Tracker
from orchestrator.forges.gitea import Gitea
from orchestrator.forges.github import Github
from orchestrator.forges.githubhooks import GiteaHooks, GithubHooks
from orchestrator.forges.gitlab import Gitlab
from orchestrator.forges.gitlabhooks import GitlabHooks
from orchestrator.forges.linear import Linear, LinearHooks
from orchestrator.forges.office import Office
from orchestrator.forges.publisher import Publisher
from orchestrator.forges.receive import Receiver, Side
from orchestrator.forges.records import Entry, Receipt
from orchestrator.forges.slack import Slack, SlackHooks
from orchestrator.forges.store import ForgeStore
from orchestrator.settings import Settings
from orchestrator.telemetry.traces import tracer_for

if TYPE_CHECKING:
    from orchestrator.configuration.config import MachineConfig

_KINDS: Mapping[str, Callable[[Entry, Caller], Tracker]] = {
    "github": Github,
    "gitlab": Gitlab,
    "gitea": Gitea,
    "linear": Linear,
    "slack": Slack,
}
_HOOKS: Mapping[str, Callable[[Entry], Hooks]] = {
    "github": GithubHooks,
    "gitlab": GitlabHooks,
    "gitea": GiteaHooks,
    "linear": LinearHooks,
    "slack": SlackHooks,
}
_HEADERS: Mapping[str, Callable[[str], dict[str, str]]] = {
    "github": Github.headers,
    "gitlab": Gitlab.headers,
    "gitea": Gitea.headers,
    "linear": Linear.headers,
    "slack": Slack.headers,
}


def headers_of(entry: Entry) -> dict[str, str]:
    """Return the headers that an entry's service wants with every call."""
    return _HEADERS[entry.kind](entry.token)


def adapter_of(entry: Entry, caller: Caller) -> Tracker:
    """Return the adapter of an entry."""
    return _KINDS[entry.kind](entry, caller)


def hooks_of(entry: Entry) -> Hooks:
    """Return how an entry's webhooks are understood."""
    return _HOOKS[entry.kind](entry)


class Adapters:
    """Makes adapters of entries, over one connection pool for each. Safe to use from several threads."""

    def __init__(
        self, clock: Callable[[], float], pause: Callable[[float], None], tries: int, timeout_s: float
    ) -> None:
        self._clock = clock
        self._pause = pause
        self._tries = tries
        self._timeout_s = timeout_s
        self._making = threading.Lock()
        self._callers: dict[str, Caller] = {}

    def of(self, entry: Entry) -> Tracker:
        """Return the adapter of an entry."""
        with self._making:
            if entry.name not in self._callers:
                self._callers[entry.name] = Caller(
                    entry.name,
                    entry.api_url,
                    headers_of(entry),
                    token=entry.token,
                    timeout_s=self._timeout_s,
                    tries=self._tries,
                    clock=self._clock,
                    pause=self._pause,
                )
            return adapter_of(entry, self._callers[entry.name])

    def close(self) -> None:
        """Close all connections. Safe to call twice."""
        for caller in self._callers.values():
            caller.close()


class Forges:
    """All configured forges and trackers: `receive` for webhooks, `publisher` for what is to be done. Safe to use from several threads.

    `settings` returns those of a repository, read anew for each ticket. `tries` says how often a call is made at once: a server
    comes back later and asks once.
    """

    def __init__(
        self,
        state: Path,
        machine: MachineConfig,
        settings: Callable[[Path], Settings],
        environ: Mapping[str, str],
        home: Path,
        *,
        clock: Callable[[], float] | None = None,
        pause: Callable[[float], None] = time.sleep,
        tries: int = 1,
        timeout_s: float = 20.0,
    ) -> None:
        self._open = ExitStack()
        now = clock or time.time
        crew = self._open.enter_context(_crew(state, machine, environ, home, clock))
        adapters = Adapters(now, pause, tries, timeout_s)
        self._open.callback(adapters.close)
        entries = read_entries(machine, environ, home, state)
        self.store = ForgeStore(crew.database, now)
        self.office = Office(state, entries, self.store, crew.store, crew, adapters.of, settings, environ, home)
        self.publisher = Publisher(self.office)
        sides = {each.name: Side(each, hooks_of(each)) for each in entries.values()}
        self._receiver = Receiver(sides, self.store, now)

    def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> Receipt:
        """Take one webhook that came to the address of the entry `name`; the receipt says what to answer."""
        return self._receiver.receive(name, headers, body)

    def close(self) -> None:
        """Close connections and the store. Safe to call twice."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _crew(
    state: Path, machine: MachineConfig, environ: Mapping[str, str], home: Path, clock: Callable[[], float] | None
) -> Crew:
    url, exchange = store_url(environ, machine.store.url), machine.depots.exchange(environ, home)
    return Crew(state, url=url, exchange=exchange, clock=clock, tracer=tracer_for(environ))
