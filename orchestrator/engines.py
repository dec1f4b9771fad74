"""The engines the orchestrator drives: what pins, shadows, runs, judges, proposes and exports. Injected, so that tests take others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agents import Agent, Priced, Recording, Replaying
from orchestrator.checkouts.records import Made, Watching
from orchestrator.errors import OrderRefused
from orchestrator.places.place import Imaging, named_image
from orchestrator.places.warm import WarmPlace
from orchestrator.records import Order
from orchestrator.settings import Managed, Settings
from orchestrator.working.allowance import Allowance
from orchestrator.working.routing import Offer
from sandbox import Branches, DockerHosts, SandboxDriver
from shadowfs import Change, Driver, Forecast, Snapshot
from verifier import Case, RungResult, Runner, Verdict

RungWatch = Callable[[str, RungResult | None], None]
"""Told a rung's name when it starts (with None) and when it ends (with its result)."""


class Outlet(Protocol):
    """Where a commit leaves to: the only writes to a user's repository."""

    def send(self, snapshot: Snapshot, commit: str) -> None:
        """Copy a commit of the depot, and what it needs, into the repository's object store. Safe to repeat."""
        ...

    def set_branch(self, repository: Path, branch: str, commit: str) -> bool:
        """Make `branch` name `commit`, unless it names something else already; say whether it names it now."""
        ...


class Repositories(Outlet, Protocol):
    """What the orchestrator asks of users' repositories."""

    def pin(self, repository: Path, settings: Settings) -> Snapshot:
        """Take a snapshot of the working tree as it is. Raises `NotPinnable`, `NoSpace`."""
        ...

    def fingerprint(self, snapshot: Snapshot) -> str:
        """Return the fingerprint of the ignored files as they are now."""
        ...

    def compared(self, snapshot: Snapshot, ref: str) -> Change:
        """Return what the commit `ref` of the repository changes since it left `HEAD`. Raises `UnknownCommit`."""
        ...

    def forecast(self, snapshot: Snapshot, change: Change) -> Forecast | None:
        """Return what a merge of `change` into the pinned branch, as it is now, would meet; None where nobody can say."""
        ...


class Checkouts(Protocol):
    """What the orchestrator asks of managed checkouts; `home` is the repository that their tickets name."""

    def made(self, home: Path, managed: Managed, watching: Watching, *, set_up: bool) -> AbstractContextManager[Made]:
        """Have a checkout, as it is at the forge now, for as long as the `with` block lasts; its set-up runs unless it did, or `set_up` is False."""
        ...

    def held(self, home: Path, managed: Managed, watching: Watching, *, set_up: bool) -> AbstractContextManager[None]:
        """Have a checkout that was made before for as long as the `with` block lasts."""
        ...

    def still(self, home: Path, managed: Managed) -> AbstractContextManager[Path]:
        """Have its working tree stand at its commit for as long as the `with` block lasts."""
        ...

    def settings(self, home: Path, order: Order) -> Settings:
        """Return the settings of an order about its working tree."""
        ...


def _no_checkouts() -> Checkouts:
    raise OrderRefused("nothing here manages checkouts: clone the repository, and file the ticket there")


def _no_replay(name: str, recording: Recording) -> tuple[Agent, Replaying]:
    raise OrderRefused(f"the agent {name!r} asked {len(recording.requests)} times, and nothing here can replay it")


@dataclass(frozen=True, slots=True)
class Engines:
    """One of each. `drivers` are in order of preference."""

    repositories: Repositories
    drivers: tuple[Driver, ...]
    sandboxes: Mapping[str, SandboxDriver]
    runner: Runner
    judge: Callable[[Case, RungWatch], Verdict]
    agent: Callable[[str, str], Agent]
    """Makes the agent that a specification names, whose requests a pool is told to be of the ticket with that alias."""
    offers: Callable[[], tuple[Offer, ...]] = lambda: (Offer("repair"),)
    """Returns the agents that `auto` chooses among."""
    referee: Callable[[str], Priced | None] = lambda _: None
    """Returns the model that is asked where attempts tie, for the ticket with that alias."""
    pooled: Callable[[str, str], Priced | None] = lambda *_: None
    """Returns the model that such an agent asks, where that is a pool's, whose caches can be warmed."""
    allowance: Callable[[], Allowance] = Allowance
    """Returns what may be spent in a day on this machine."""
    replayed: Callable[[str, Recording], tuple[Agent, Replaying]] = _no_replay
    """Makes the agent that a specification names over a recording instead of its model."""
    index: Path | None = None
    """Where code indexes lie; without it there is none."""
    checkouts: Callable[[], Checkouts] = _no_checkouts
    """Returns what makes managed checkouts."""
    image: Imaging = named_image
    branches: Branches | None = None
    """Branches of the data that tests need."""
    warm: Callable[[str], None] = lambda _: None
    """Starts what the named driver takes a while to start, and does not wait for it."""
    warm_place: WarmPlace = field(default_factory=WarmPlace)
    """Where language servers stay warm from one attempt to the next."""

    def rest(self) -> None:
        """Let go, between jobs, of what takes room at hosts that others use, too."""
        if isinstance(self.sandboxes.get("docker"), DockerHosts):
            self.warm_place.close()

    def close(self) -> None:
        """End what is kept running."""
        self.warm_place.close()
        for driver in self.drivers:
            driver.close()
