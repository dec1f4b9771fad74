"""The `docker` driver over several hosts: a sandbox is opened where there is room, rather where its image is."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.docker import DockerDriver, commands_user
from sandbox.dockeraddress import Address
from sandbox.errors import EngineAway, HostsAway, SandboxError
from sandbox.sandbox import Policy, Readiness, Root, Sandbox
from sandbox.scratch import Scratch, engines

if TYPE_CHECKING:
    from sandbox.dockerrecipe import Recipe
    from sandbox.host import HostSandbox

_MEMORY_BYTES = 2 << 30
"""What a sandbox is taken to need of a host's memory, where nobody said how many it may have."""
_FIRST_S = 5.0
_LONGEST_S = 300.0
_SEEN_S = 2.0


@dataclass(frozen=True, slots=True)
class DockerHost:
    """An engine by a name. `sandboxes` is how many it may have at once; None: one for each processor and 2 GiB of memory."""

    name: str
    address: Address
    sandboxes: int | None = None


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How full a host is: sandboxes of other machines, of this one, and the most; or why it is left out (`away`)."""

    host: DockerHost
    others: int = 0
    ours: int = 0
    most: int = 0
    processors: int = 0
    memory_bytes: int = 0
    has_image: bool = False
    away: str = ""

    @property
    def room(self) -> bool:
        """Whether it has room for another sandbox."""
        return not self.away and self.others + self.ours < self.most

    @property
    def rank(self) -> tuple[bool, bool, float]:
        """What is least for the host that is to be taken."""
        return not self.room, not self.has_image, (self.others + self.ours) / self.most


@dataclass(frozen=True, slots=True)
class _Absence:
    """Until when a host is left out, how often it failed, and how."""

    until: float
    failures: int
    why: str


class DockerHosts:
    """Opens sandboxes at several hosts; what they keep on this machine lies below `scratch`. Safe to use from several threads.

    Where all are full, whoever has none open is refused; who has one gets another at the emptiest host, as what he waits for might
    be his own. `full` says so before. A host that does not answer is left out, longer each time.
    """

    name = "docker"

    def __init__(self, hosts: Sequence[DockerHost], scratch: Path, ticks: Callable[[], float] = time.monotonic) -> None:
        self._hosts = tuple(hosts)
        self._drivers = {each.name: DockerDriver(None, scratch, each.address, host=each.name) for each in hosts}
        self._scratch = scratch
        self._ticks = ticks
        self._absences: dict[str, _Absence] = {}
        self._lock = threading.Lock()
        self._seen: tuple[bool, float] | None = None
        self._opened: list[HostSandbox] = []

    @property
    def user(self) -> tuple[int, int]:
        """Whom commands run as: the caller, and for root another, to whom the tree is given."""
        return commands_user()

    def probe(self) -> Readiness:
        """Say whether any host can be used."""
        found = self.look()
        works = any(not each.away for each in found)
        return Readiness(works, "" if works else _none_of(found), away=not works)

    def full(self) -> bool:
        """Say whether no host had room for another sandbox a moment ago."""
        now = self._ticks()
        if self._seen is None or now - self._seen[1] > _SEEN_S:
            self._seen = not any(each.room for each in self.look()), now
        return self._seen[0]

    def look(self, image: str | None = None) -> tuple[Occupancy, ...]:
        """Look how full the hosts are, and which have `image`. Those that are left out are not asked."""
        with ThreadPoolExecutor(len(self._hosts)) as threads:
            return self._counted(threads.map(lambda host: self._asked(host, image), self._hosts))

    def build(self, recipe: Recipe) -> str:
        """Return the name of an image for policies, which a host has or now makes. Raises `SandboxUnavailable`, `HostsAway`."""
        found = self.look(recipe.name)
        if any(each.has_image for each in found):
            return recipe.name
        for each in sorted((each for each in found if not each.away), key=lambda each: each.rank):
            with self._leaving_out(each.host):
                return self._drivers[each.host.name].build(recipe)
        raise HostsAway(_none_of(self.look()))

    def open(self, root: Root, policy: Policy = Policy()) -> Sandbox:
        """Open a sandbox on `root`, whose files everybody must see, at a host. Raises `SandboxUnavailable`, `HostsAway`."""
        found = self.look(policy.image)
        holder = next((each.host for each in found if each.has_image), None)
        left = [each for each in found if not each.away]
        if policy.sockets:
            # They lead to servers of this machine.
            left = [each for each in left if not self._drivers[each.host.name].remote] or left
        while left:
            with ExitStack() as failed:
                taken, scratch = self._take(left)
                failed.callback(scratch.remove)
                left = [each for each in left if each.host != taken.host]
                with self._leaving_out(taken.host):
                    if policy.image is not None and holder is not None and not taken.has_image:
                        self._bring(policy.image, holder, taken.host)
                    sandbox = self._drivers[taken.host.name].open(root, policy, scratch)
                    failed.pop_all()
                    self._opened.append(sandbox)
                    return sandbox
        raise HostsAway(_none_of(self.look()))

    def _asked(self, host: DockerHost, image: str | None) -> Occupancy:
        absence = self._absences.get(host.name)
        if absence is not None and self._ticks() < absence.until:
            return Occupancy(host, away=absence.why)
        from sandbox.dockerengine import SCRATCH, Engine

        try:
            with closing(Engine(host.address)) as engine:
                engine.check()
                processors, memory_bytes = engine.size()
                has_image = image is not None and engine.has(image)
                places = {labels[SCRATCH] for labels in engine.labelled(SCRATCH).values()}
        except SandboxError as error:
            self._leave_out(host, error)
            return Occupancy(host, away=str(error))
        with self._lock:
            self._absences.pop(host.name, None)
        # Of this machine's the directories tell, also of those that have no container yet.
        others = {place for place in places if place and not Path(place).is_relative_to(self._scratch)}
        most = host.sandboxes or max(1, min(processors, memory_bytes // _MEMORY_BYTES))
        return Occupancy(host, len(others), 0, most, processors, memory_bytes, has_image)

    def _counted(self, found: Iterator[Occupancy] | Sequence[Occupancy]) -> tuple[Occupancy, ...]:
        """Return these with how many sandboxes of this machine's they have now."""
        ours = Counter(Address.read(text).url for text in engines(self._scratch).values())
        return tuple(replace(each, ours=ours[each.host.address.url]) for each in found)

    def _take(self, left: Sequence[Occupancy]) -> tuple[Occupancy, Scratch]:
        """Return the best of these hosts, and a directory that counts there from now on. Raises `HostsAway`."""
        self._opened = [each for each in self._opened if not each.closed]
        with self._alone():
            best = min(self._counted(left), key=lambda each: each.rank)
            if not best.room and not self._opened:
                raise HostsAway(
                    "all Docker hosts of config.toml have as many sandboxes as they may: wait until one ends"
                )
            scratch = Scratch(self._scratch)
            scratch.mark(replace(best.host.address, shared=True).text)
        return best, scratch

    def _bring(self, image: str, giver: DockerHost, taker: DockerHost) -> None:
        """Copy an image from one host to another."""
        from sandbox.dockerengine import Engine

        with closing(Engine(giver.address)) as holds, closing(Engine(taker.address)) as lacks:
            lacks.load(holds.saved(image))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process or thread of this machine is taking a host."""
        self._scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._scratch, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _leaving_out(self, host: DockerHost) -> Iterator[None]:
        """Go on with another host where this one does not answer."""
        try:
            yield
        except EngineAway as error:
            self._leave_out(host, error)

    def _leave_out(self, host: DockerHost, error: SandboxError) -> None:
        with self._lock:
            before = self._absences.get(host.name)
            failures = 1 if before is None else before.failures + 1
            pause_s = min(_FIRST_S * 2 ** min(failures - 1, 10), _LONGEST_S)
            self._absences[host.name] = _Absence(self._ticks() + pause_s, failures, str(error))


def _none_of(found: Sequence[Occupancy]) -> str:
    told = "; ".join(f"{each.host.name}: {each.away or 'it was away just now'}" for each in found)
    return f"no Docker host of config.toml can be used: {told}"
