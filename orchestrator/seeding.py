"""Seeding a repository: bugs made and tried in a shadow of it, in a sandbox. Nothing is written to the repository."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agents import Harvest, Wanted, seed_bugs
from orchestrator.engines import Engines
from orchestrator.errors import OrderRefused
from orchestrator.patterns import matching
from orchestrator.places.place import Place, Places
from orchestrator.settings import Settings
from shadowfs import RepoPath
from verifier import ForkServers, TrialsFactory


@dataclass(frozen=True, slots=True)
class Seeding:
    """What to seed: how many bugs under which seed, in files that match one of `paths` (all, where it names none)."""

    wanted: Wanted = Wanted()
    paths: tuple[str, ...] = ()


def seed_repository(
    seeding: Seeding,
    settings: Settings,
    engines: Engines,
    repository: Path,
    progress: Callable[[str], None] = lambda _: None,
    factory: TrialsFactory = ForkServers(),
) -> Harvest:
    """Pin a repository and seed bugs in a shadow of it, for at most the settings' seconds.

    Raises `OrderRefused` where no tests are known or no file is to be seeded, `SuiteNotStarted` where the suite cannot be
    tried in a fork server, and what opening a place raises.
    """
    if settings.suite is None:
        raise OrderRefused("no tests are known for this repository: name them with --test CMD, or in nightcrew.toml")
    ends = time.monotonic() + settings.seconds
    places = Places(engines.drivers, engines.sandboxes, settings, engines.image, engines.branches)
    snapshot = engines.repositories.pin(repository, settings)
    try:
        with places.open(snapshot, snapshot.tree) as place:
            files = _files(place, settings, seeding.paths)
            # The trial that is under way when the time is used up may end.
            limits = replace(settings.limits, wall_s=settings.seconds + (settings.limits.wall_s or 0.0))
            suite = replace(settings.suite, serial=settings.services.wanted)
            with factory.start(place.sandbox, suite, limits, settings.limits.wall_s) as trials:
                return seed_bugs(trials, files, seeding.wanted, lambda: ends - time.monotonic(), progress)
    finally:
        snapshot.forget()


def _files(place: Place, settings: Settings, wanted: tuple[str, ...]) -> dict[RepoPath, bytes]:
    """Return the Python files to seed. Raises `OrderRefused` where there is none."""
    protected, asked = matching(settings.protected), matching(wanted)
    paths = [path for path in place.shadow.paths() if path.endswith(".py") and not protected(path)]
    chosen = [path for path in paths if not wanted or asked(path)]
    if not chosen:
        where = f"matches {' or '.join(wanted)}" if wanted else "is there"
        raise OrderRefused(f"no Python file {where}: bugs are seeded in Python files that are not protected")
    return {path: place.shadow.read(path) for path in chosen}
