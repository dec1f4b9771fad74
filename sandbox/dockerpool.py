"""The containers of a sandbox: each serves one command at a time, and again only commands that are held to the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from sandbox.dockerplan import Held


class Kept(Protocol):
    """A container, of an engine in sight or out of it."""

    @property
    def held(self) -> Held: ...
    def ended(self) -> bool: ...
    def kill(self) -> None: ...
    def close(self) -> None: ...


Each = TypeVar("Each", bound=Kept)


class Pool(Generic[Each]):
    """Containers that `make` makes. Safe to use from several threads."""

    def __init__(self, make: Callable[[Held], Each]) -> None:
        self._make = make
        self._made: list[Each] = []
        self._idle: list[Each] = []
        self._lock = threading.Lock()

    def take(self, held: Held) -> Each:
        """Return a container that holds commands to `held` and serves none; those that hold to something else go."""
        with self._lock:
            idle, self._idle = self._idle, []
        fit = [container for container in idle if container.held == held and not container.ended()]
        with self._lock:
            self._idle += fit[1:]
        for container in idle:
            if container not in fit:
                self._drop(container)
        if fit:
            return fit[0]
        container = self._make(held)
        with self._lock:
            self._made.append(container)
        return container

    def give_back(self, container: Each, clean: bool) -> None:
        """Keep a container for the next command, if nothing of the last one is left in it."""
        if clean:
            with self._lock:
                self._idle.append(container)
        else:
            container.kill()

    def close(self) -> None:
        """End them all. Safe to call twice."""
        with self._lock:
            made, self._made, self._idle = self._made, [], []
        for container in made:
            container.kill()
        for container in made:
            container.close()

    def _drop(self, container: Each) -> None:
        with self._lock:
            self._made.remove(container)
        container.close()
