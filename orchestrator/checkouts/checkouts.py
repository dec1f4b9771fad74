"""Managed checkouts: each state of a repository's environment has a working tree of its own, made once, moved to the commit that a ticket is about."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from orchestrator.checkouts.building import Building
from orchestrator.checkouts.errors import SetupRefused
from orchestrator.checkouts.fetching import Fetcher, Tip
from orchestrator.checkouts.homes import Places
from orchestrator.checkouts.key import PLAIN, key_of
from orchestrator.checkouts.locks import locked
from orchestrator.checkouts.plan import CommitFiles, Plan, plan_of
from orchestrator.checkouts.records import Made, Watching
from orchestrator.checkouts.running import Setup
from orchestrator.checkouts.secrets import granted
from orchestrator.forges.errors import ForgeUnavailable, UnknownForge
from orchestrator.forges.records import Entry
from orchestrator.records import Order
from orchestrator.settings import Managed, Settings
from sandbox import SandboxDriver, Toolchain
from shadowfs import Clone, remove_tree

KEPT = 3
"""How many working trees of a repository stay, whatever their age."""
_KEPT_S = 7 * 86400.0
"""How long one stays that nobody works in."""


class Checkouts:
    """The managed checkouts of the configured forges, below `state`. `driver` makes the sandboxes of set-ups, in which `tools` are seen.

    `settings` are those of an order about a working tree.
    """

    def __init__(
        self,
        state: Path,
        entries: Callable[[], Mapping[str, Entry]],
        driver: SandboxDriver,
        tools: Callable[[], Toolchain],
        environ: Mapping[str, str],
        settings: Callable[[Order], Settings],
    ) -> None:
        self._state = state.absolute()
        self._entries = entries
        self._driver = driver
        self._tools = tools
        self._environ = environ
        self._settings = settings

    def fetcher(self, home: Path) -> Fetcher:
        """Return what fetches the repository of a home. Raises `UnknownForge`."""
        for entry in self._entries().values():
            for name in entry.managed:
                if entry.repositories[name] == home:
                    return Fetcher(entry, name, self._environ)
        raise UnknownForge(f"no forge of config.toml manages {home} any more: put it back into its `managed`")

    @contextmanager
    def made(self, home: Path, managed: Managed, watching: Watching, *, set_up: bool) -> Iterator[Made]:
        """Have a checkout, as it is at the forge now, for as long as the `with` block lasts; its set-up runs unless it did, or `set_up` is False.

        Raises what `Fetcher.tip` raises, `SetupRefused`, `SetupFailed`, `BadConfig`.
        """
        fetcher = self.fetcher(home)
        tip = _tip(fetcher, managed.start, watching)
        with self._standing(fetcher, tip, None, watching, set_up) as made:
            yield made

    @contextmanager
    def held(self, home: Path, managed: Managed, watching: Watching, *, set_up: bool) -> Iterator[None]:
        """Have a checkout that was made before for as long as the `with` block lasts; it is made anew where it was removed, or is on another machine. Raises as `made`."""
        fetcher, tree = self.fetcher(home), managed.tree
        assert tree is not None
        if not fetcher.clone.has(managed.commit):
            # It was made on another machine.
            _tip(fetcher, managed.branch, watching)
        tip = Tip(managed.branch, managed.commit)
        with self._standing(fetcher, tip, fetcher.places.key(tree), watching, set_up):
            yield

    @contextmanager
    def still(self, home: Path, managed: Managed) -> Iterator[Path]:
        """Have the working tree stand at its commit for as long as the `with` block lasts: whoever else wants to move it waits."""
        places, tree = Places(home), managed.tree
        assert tree is not None
        with locked(places.lock(places.key(tree))):
            Clone(home).restore(tree, managed.commit, managed.branch)
            yield tree

    def settings(self, home: Path, order: Order) -> Settings:
        """Return the settings of an order about a working tree. Raises `SetupRefused` where its image asks for what it may not have."""
        settings, fetcher = self._settings(order), self.fetcher(home)
        allowed = fetcher.entry.managed[fetcher.name]
        refused = [name for name in settings.container.secrets if name not in allowed]
        if refused:
            raise SetupRefused(
                f"its image ([sandbox] of nightcrew.toml) asks for {', '.join(refused)}, which config.toml does not allow it: add the name"
                " to `secrets` of its forge, or take it out there"
            )
        return settings

    @contextmanager
    def _standing(
        self, fetcher: Fetcher, tip: Tip, key: str | None, watching: Watching, set_up: bool
    ) -> Iterator[Made]:
        """Have a working tree of a commit, in the environment `key` (None: its own), for as long as the `with` block lasts."""
        files = fetcher.files(tip.commit)
        plan = plan_of(CommitFiles(fetcher.clone, files)) if set_up else Plan()
        tools, places = self._tools(), fetcher.places
        key = key or key_of(plan, files, _machine(tools, self._environ))
        tree, log = places.tree(key), places.log(key)
        with ExitStack() as use:
            with locked(places.lock(key), watching.stopping):
                use.enter_context(locked(places.lock(f"{key}.use"), shared=True))
                if not tree.is_dir():
                    granting = granted(plan, fetcher.entry.managed[fetcher.name], self._environ)
                    setup = Setup(
                        plan, granting, tools, self._environ, self._driver, log, watching.told, watching.stopping
                    )
                    bytes_ = fetcher.entry.checkout_bytes
                    Building(places, fetcher.clone, key, tip.commit, tip.branch, files, self._state, bytes_).make(setup)
                os.utime(tree.parent)
            _prune(places, key)
            yield Made(Managed("", tree, tip.commit, tip.branch), None if key == PLAIN else log)


def _tip(fetcher: Fetcher, start: str, watching: Watching) -> Tip:
    """Return where the branch is at the forge; where that does not answer, where it was when it last did."""
    try:
        return fetcher.tip(start, watching.stopping)
    except ForgeUnavailable as error:
        known = fetcher.known(start)
        if known is None:
            raise
        watching.told(f"{error}; it begins at {known.commit[:12]}, which was fetched before")
        return known


def _machine(tools: Toolchain, environ: Mapping[str, str]) -> str:
    """Return what of this machine an environment depends on: where its interpreters are."""
    path = tools.environment.get("PATH", environ.get("PATH", ""))
    found = (shutil.which(name, path=path) for name in ("python3", "node"))
    return " ".join(os.path.realpath(each) for each in found if each is not None)


def _prune(places: Places, key: str) -> None:
    """Remove working trees in which nobody has worked for long."""
    trees = sorted(places.tree(key).parent.parent.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
    for folder in trees[KEPT:]:
        if time.time() - folder.stat().st_mtime < _KEPT_S:
            continue
        with locked(places.lock(f"{folder.name}.use"), wait=False) as free:
            if free:
                # Out of its place in one step, so that nobody takes a part for the whole.
                gone = places.making(f"{folder.name}.gone")
                gone.parent.mkdir(parents=True, exist_ok=True)
                remove_tree(gone)
                folder.rename(gone)
                remove_tree(gone)
