"""Fetching: what a forge has of a managed repository comes into its home, within bounds. What goes wrong is told as forges' errors are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.checkouts.errors import CheckoutRefused
from orchestrator.checkouts.homes import Places
from orchestrator.checkouts.locks import locked
from orchestrator.checkouts.plan import CommitFiles, config_of
from orchestrator.configuration.repositoryconfig import RepositoryConfig
from orchestrator.forges.errors import ForgeUnavailable
from orchestrator.forges.gitwords import explained
from orchestrator.forges.records import Entry
from shadowfs import Bound, Clone, DepotError, Remote, TooLarge, TreeFile

SECONDS = 600.0
"""How long a fetch may take."""


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a branch is."""

    branch: str
    commit: str


class Fetcher:
    """Fetches one managed repository of a forge's entry, called `name` there."""

    def __init__(self, entry: Entry, name: str, environ: Mapping[str, str], seconds: float = SECONDS) -> None:
        self.entry = entry
        self.name = name
        self.places = Places(entry.repositories[name])
        self.clone = Clone(self.places.home)
        self._remote = Remote(entry.address(name), entry.git_user, entry.token, environ=environ)
        self._seconds = seconds

    def tip(self, branch: str = "", stopping: Callable[[], None] = lambda: None) -> Tip:
        """Fetch a branch, the default one unless it is named. Raises `ForgeUnavailable`, `ForgeRefused`, `CheckoutRefused`."""
        with self._speaking(stopping) as bound:
            named = branch or self.clone.default_branch(self._remote, bound)
            commit = self.clone.fetch(self._remote, f"refs/heads/{named}", bound)
            if not branch:
                self._note(named)
        return Tip(named, commit)

    def fetch(self, ref: str) -> str:
        """Fetch a ref, as that of a pull request's head, and return its commit. Raises as `tip` does."""
        with self._speaking(lambda: None) as bound:
            return self.clone.fetch(self._remote, ref, bound)

    def known(self, branch: str = "") -> Tip | None:
        """Return what was fetched last of a branch; nobody is asked."""
        branch = branch or default_branch(self.places)
        commit = self.clone.fetched(f"refs/heads/{branch}") if branch else None
        return None if commit is None else Tip(branch, commit)

    def files(self, commit: str) -> Mapping[str, TreeFile]:
        """Return the files of a commit. Raises `CheckoutRefused`."""
        try:
            return self.clone.files(commit, self.entry.checkout_bytes)
        except TooLarge as error:
            raise self._too_large(error) from error

    @contextmanager
    def _speaking(self, stopping: Callable[[], None]) -> Iterator[Bound]:
        try:
            with locked(self.places.lock("fetch"), stopping):
                yield Bound(self._seconds, self.entry.checkout_bytes, stopping)
        except TooLarge as error:
            raise self._too_large(error) from error
        except DepotError as error:
            raise explained(self.entry.name, self.name, "fetch from", error) from error

    def _too_large(self, error: TooLarge) -> CheckoutRefused:
        return CheckoutRefused(
            f"{self.name} of {self.entry.name} is too large to be checked out: {error}. Raise `checkout_mb` of that forge in config.toml,"
            " or clone it yourself and name the working tree in `repositories`"
        )

    def _note(self, branch: str) -> None:
        made = self.places.home / "default.new"
        made.write_text(branch, "utf-8", "surrogateescape")
        made.replace(self.places.home / "default")


def default_branch(places: Places) -> str:
    """Return the default branch that a forge named last, "" where none ever was."""
    file = places.home / "default"
    return file.read_text("utf-8", "surrogateescape") if file.exists() else ""


def fetched_config(home: Path) -> RepositoryConfig:
    """Return what `nightcrew.toml` says in what was fetched last. Raises `BadConfig`, `ForgeUnavailable` where nothing was."""
    places = Places(home)
    clone, branch = Clone(home), default_branch(places)
    commit = clone.fetched(f"refs/heads/{branch}") if branch else None
    if commit is None:
        raise ForgeUnavailable(
            f"nothing was fetched to {home} yet: file its issue with `nightcrew file --from-issue URL`"
        )
    return config_of(CommitFiles(clone, clone.files(commit, 1 << 62)))
