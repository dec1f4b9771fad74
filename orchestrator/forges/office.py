"""The office: what whoever does a step has at hand, and what comes of a step. What a forge shall see names no path of this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from orchestrator.forges.errors import UnknownForge
from orchestrator.forges.forge import Forge, Tracker
from orchestrator.forges.records import COLLABORATORS, TRACKERS, Entry, Person
from orchestrator.forges.steps import NewStep
from orchestrator.forges.store import ForgeStore
from orchestrator.settings import Settings
from orchestrator.store import Store

if TYPE_CHECKING:
    from orchestrator.crew import Crew


class NotYet(Exception):
    """Raised when a step has to wait for something of ours, which is no failure of it."""

    def __init__(self, why: str, in_s: float) -> None:
        super().__init__(why)
        self.in_s = in_s


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a step: what follows from it, and why nothing more did."""

    todo: tuple[NewStep, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Office:
    """All that steps are done with. `open` makes the adapter of an entry, `settings` those of a repository."""

    state: Path
    entries: Mapping[str, Entry]
    store: ForgeStore
    tickets: Store
    crew: Crew
    open: Callable[[Entry], Tracker]
    settings: Callable[[Path], Settings]
    environ: Mapping[str, str]
    home: Path

    def entry(self, name: str) -> Entry:
        """Return a configured entry. Raises `UnknownForge`."""
        if name not in self.entries:
            raise UnknownForge(f"no entry of config.toml is called {name!r} any more: put it back, or leave this be")
        return self.entries[name]

    def tracker(self, name: str) -> Tracker:
        """Return the adapter of an entry."""
        return self.open(self.entry(name))

    def forge(self, name: str) -> Forge:
        """Return the adapter of an entry that has branches. Raises `UnknownForge`."""
        entry = self.entry(name)
        if entry.kind in TRACKERS:
            raise UnknownForge(f"{name} is a tracker: it has no branches")
        return cast("Forge", self.open(entry))

    def repository(self, name: str, repository: str) -> Path:
        """Return the working tree of a repository at a forge. Raises `UnknownForge`."""
        entry = self.entry(name)
        found = (
            next(iter(entry.repositories.values()), None) if entry.kind in TRACKERS else entry.repository(repository)
        )
        if found is None:
            raise UnknownForge(
                f"config.toml names no working tree for {repository} of {name}: add it to its repositories"
            )
        return found

    def fetch(self, name: str, repository: str, ref: str = "") -> str | None:
        """Fetch what a forge has of a managed repository (its default branch, or a `ref`) and return the commit; None of one on this disk.

        Raises `ForgeUnavailable`, `ForgeRefused`, `CheckoutRefused`.
        """
        entry, home = self.entry(name), self.repository(name, repository)
        managed = next((each for each in entry.managed if entry.repositories[each] == home), None)
        if managed is None:
            return None
        from orchestrator.checkouts.fetching import Fetcher

        fetcher = Fetcher(entry, managed, self.environ)
        return fetcher.fetch(ref) if ref else fetcher.tip().commit

    def welcome(self, name: str, repository: str, who: Person) -> bool:
        """Say whether somebody may give us work: whom the allow-list names, or who may write, as the forge says now."""
        entry = self.entry(name)
        if who.name.casefold() in map(str.casefold, entry.allow) and who.name.casefold() != COLLABORATORS:
            return True
        if COLLABORATORS not in entry.allow or entry.kind in TRACKERS:
            return False
        return self.forge(name).may(repository, who.name)

    def masked(self, text: str, repository: Path | None = None) -> str:
        """Return a text of ours as others may read it."""
        for path in (repository, self.state, self.home):
            if path is not None and len(str(path)) > 1:
                text = text.replace(str(path), "…")
        return text
