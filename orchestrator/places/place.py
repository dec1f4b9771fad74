"""Places to work in: a fresh shadow of a tree and a sandbox that sees it at the repository's own path. Wires shadowfs and sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace

from orchestrator.errors import OrderRefused
from orchestrator.places.branching import Branching
from orchestrator.records import AttemptRecord
from orchestrator.settings import Settings
from sandbox import Branches, HostsAway, Policy, Root, Sandbox, SandboxDriver, SandboxUnavailable, Served
from shadowfs import Driver, DriverUnavailable, Shadow, Snapshot
from verifier import Found, servers_within

Imaging = Callable[[Snapshot, Settings], str | None]
"""Returns the image that containers are made of, and makes it where it has to."""


def named_image(_: Snapshot, settings: Settings) -> str | None:
    """Return the image that is named, and make none."""
    return settings.container.image


@dataclass(frozen=True, slots=True)
class Place:
    """A shadow and the sandbox on it; `tree` is what the data that its commands are served was made for.

    `testing` opens a sandbox for one run of the tests: with data of its own, made for the shadow as it is then, where there is some.
    """

    shadow: Shadow
    sandbox: Sandbox
    tree: str
    testing: Callable[[], AbstractContextManager[Sandbox]]


class Places:
    """Opens places in one way: the first shadow driver that works (or the one asked for), the one sandbox asked for.

    `image` returns what its containers are made of, where it has some, and is asked once. `branches` gives the services that
    the settings name, a branch to each place.
    A driver that does not work is passed over and named in `without`; a sandbox never is: `SandboxUnavailable`.
    """

    def __init__(
        self,
        drivers: Sequence[Driver],
        sandboxes: Mapping[str, SandboxDriver],
        settings: Settings,
        image: Imaging = named_image,
        branches: Branches | None = None,
    ) -> None:
        self._settings = settings
        self._imaging = image
        self._image: str | None = None
        self._servers: tuple[Found, ...] | None = None
        self._host = ""
        self._without: list[str] = []
        self._sandbox = _the_sandbox(sandboxes, settings.sandbox)
        self._drivers = _wanted(drivers, settings.driver, self._sandbox.name)
        self._branching = Branching(branches, settings)

    @property
    def without(self) -> tuple[str, ...]:
        """Return what was passed over, and why."""
        unserved = (f"services: {why}" for why in self._branching.failed.values())
        return (*self._without, *unserved)

    @property
    def driver(self) -> str:
        """Return the name of the shadow driver that is tried next."""
        return self._drivers[0].name

    @property
    def how(self) -> object:
        """Return what its places depend on besides the snapshot and the tree, to be compared."""
        settings = self._settings
        return self._sandbox.name, self.driver, self._policy(), settings.toolchains, settings.hidden

    def noted(self, record: AttemptRecord) -> AttemptRecord:
        """Return `record` with how its places are made, and at which host the last one is."""
        return replace(record, driver=self.driver, sandbox=self._sandbox.name, host=self._host, without=self.without)

    def servers(self, open: Callable[[], AbstractContextManager[Place]]) -> tuple[Found, ...]:
        """Return the language servers of its places: where they are made of an image, those that a place has, which is asked once."""
        settings = self._settings
        if self._sandbox.name != "docker":
            return settings.servers
        if self._servers is None:
            with open() as place:
                python = settings.python or "python3"
                self._servers = servers_within(place.sandbox, settings.image_servers, settings.servers, python)
        return self._servers

    @contextmanager
    def open(self, snapshot: Snapshot, tree: str) -> Iterator[Place]:
        """Open a place on `tree` for as long as the `with` block lasts. Raises `DriverUnavailable`, `SandboxUnavailable`, `NoSpace`."""
        with (
            self._shadow(snapshot, tree) as shadow,
            self._branch(shadow, tree) as served,
            self._sandboxed(shadow, tree, served) as place,
        ):
            yield place

    @contextmanager
    def bare(self, snapshot: Snapshot, tree: str) -> Iterator[Place]:
        """Open a place whose commands are served nothing, as `open` does otherwise."""
        with self._with(snapshot, tree, Served()) as place:
            yield place

    @contextmanager
    def fork(self, place: Place) -> Iterator[Place]:
        """Open a place on a fork of another's shadow for as long as the `with` block lasts; its services begin anew."""
        with (
            place.shadow.fork() as shadow,
            self._branch(shadow, place.tree) as served,
            self._sandboxed(shadow, place.tree, served) as fork,
        ):
            yield fork

    def _branch(self, shadow: Shadow, tree: str) -> AbstractContextManager[Served]:
        return self._branching.open(shadow, tree, self._sandbox.user, lambda *of: self._with(shadow.snapshot, *of))

    @contextmanager
    def _with(self, snapshot: Snapshot, tree: str, served: Served) -> Iterator[Place]:
        with self._shadow(snapshot, tree) as shadow, self._sandboxed(shadow, tree, served) as place:
            yield place

    @contextmanager
    def _sandboxed(self, shadow: Shadow, tree: str, served: Served) -> Iterator[Place]:
        with self._sandbox.open(self._root(shadow, served), self._policy(served)) as sandbox:
            self._host = sandbox.host
            yield Place(shadow, sandbox, tree, lambda: self._testing(shadow, sandbox))
            shadow.check()

    @contextmanager
    def _testing(self, shadow: Shadow, sandbox: Sandbox) -> Iterator[Sandbox]:
        if not self._settings.services.wanted:
            yield sandbox
            shadow.check()
            return
        tree = shadow.checkpoint()
        with self._branch(shadow, tree) as served, self._sandboxed(shadow, tree, served) as place:
            yield place.sandbox

    def _shadow(self, snapshot: Snapshot, tree: str) -> Shadow:
        if self._sandbox.name == "docker":
            self._image = self._image or self._imaging(snapshot, self._settings)
        while True:
            try:
                return self._drivers[0].create(snapshot, tree, user=self._sandbox.user)
            except DriverUnavailable as error:
                if len(self._drivers) == 1:
                    raise
                self._pass_over(str(error))

    def _pass_over(self, why: str) -> None:
        self._without.append(f"the {self._drivers[0].name} driver: {why}")
        self._drivers = self._drivers[1:]

    def _root(self, shadow: Shadow, served: Served) -> Root:
        mount = shadow.mount
        return Root(
            source=mount.path,
            target=shadow.snapshot.repository,
            namespace=mount.namespace,
            readonly=(mount.objects, *self._settings.toolchains),
            writable=(mount.git_dir, *served.writable),
        )

    def _policy(self, served: Served = Served()) -> Policy:
        settings = self._settings
        return Policy(
            hidden=settings.hidden_paths,
            environment={**settings.environment, **served.environment},
            sockets=served.sockets,
            image=self._image,
        )


def _the_sandbox(sandboxes: Mapping[str, SandboxDriver], name: str) -> SandboxDriver:
    if name not in sandboxes:
        raise OrderRefused(f"there is no sandbox {name!r}: use one of {', '.join(sorted(sandboxes))}")
    readiness = sandboxes[name].probe()
    if not readiness.works:
        wrong = HostsAway if readiness.away else SandboxUnavailable
        raise wrong(f"the {name} sandbox does not work here: {readiness.why}")
    return sandboxes[name]


def _wanted(drivers: Sequence[Driver], name: str | None, sandbox: str) -> tuple[Driver, ...]:
    # Without a sandbox nothing enters a mount namespace, so the files must be where everybody sees them.
    name = name or ("copy" if sandbox == "none" else None)
    wanted = tuple(driver for driver in drivers if name in (None, driver.name))
    if not wanted:
        raise OrderRefused(
            f"there is no shadow driver {name!r}: use one of {', '.join(driver.name for driver in drivers)}"
        )
    return wanted
