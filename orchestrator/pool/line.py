"""The line of one model: requests wait for a turn at a replica. A ticket stays with the replica that has its prefix; turns are shared fairly.

It belongs to one event loop.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.pool.shares import Shares

Ticket = tuple[str, str]
"""Whose it is, and its name."""
_KNOWN = 1 << 16
"""Tickets with a home at most: names are the clients' own, and there may be any number."""


@dataclass(slots=True)
class _Place:
    at_once: int
    running: int = 0
    tickets: int = 0
    is_open: bool = True

    @property
    def load(self) -> tuple[float, float]:
        return self.tickets / self.at_once, self.running / self.at_once

    @property
    def has_room(self) -> bool:
        return self.is_open and self.running < self.at_once


@dataclass(slots=True)
class _Home:
    replica: str
    used: float


@dataclass(slots=True, eq=False)
class _Waiter:
    ticket: Ticket
    cost: float
    avoids: frozenset[str]
    turn: asyncio.Future[str] = field(repr=False)


class Line:
    """Who waits, who is served where, and where each ticket is at home. `sticky_s` after its last request a ticket is forgotten."""

    def __init__(self, clock: Callable[[], float], sticky_s: float = 900.0) -> None:
        self._clock = clock
        self._sticky_s = sticky_s
        self._places: dict[str, _Place] = {}
        self._homes: OrderedDict[Ticket, _Home] = OrderedDict()
        self._waiters: list[_Waiter] = []
        self._users = Shares()
        self._tickets: dict[str, Shares] = {}
        self.moves = 0
        """How often a ticket lost its home."""
        self.used = clock()

    @property
    def waiting(self) -> int:
        return len(self._waiters)

    @property
    def running(self) -> int:
        return sum(place.running for place in self._places.values())

    @property
    def is_open(self) -> bool:
        """Say whether some replica takes requests."""
        return any(place.is_open for place in self._places.values())

    def load(self, replica: str) -> tuple[int, int]:
        """Return how many requests a replica works on, and how many tickets are at home there."""
        place = self._places.get(replica)
        return (place.running, place.tickets) if place else (0, 0)

    def open(self, replica: str, at_once: int) -> None:
        """Let a replica take so many requests at once."""
        self._places[replica] = _Place(at_once)
        self._serve()

    def shut(self, replica: str) -> None:
        """Send nothing more to a replica; what it works on goes on, and its tickets find another home."""
        place = self._places.get(replica)
        if place is None or not place.is_open:
            return
        place.is_open = False
        for ticket in [ticket for ticket, home in self._homes.items() if home.replica == replica]:
            self._forget(ticket)
            self.moves += 1
        self._drop(replica)
        self._serve()

    def others(self, avoids: frozenset[str]) -> bool:
        """Say whether there is a replica to turn to besides those that are avoided."""
        return any(place.is_open for name, place in self._places.items() if name not in avoids)

    async def turn(self, ticket: Ticket, cost: float, avoids: frozenset[str] = frozenset()) -> str:
        """Wait for a turn; return the replica. `leave` gives it back."""
        waiter = _Waiter(ticket, cost, avoids, asyncio.get_running_loop().create_future())
        self.used = self._clock()
        self._waiters.append(waiter)
        self._serve()
        try:
            return await waiter.turn
        except asyncio.CancelledError:
            if waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self.leave(waiter.turn.result())
            raise
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def leave(self, replica: str) -> None:
        """Give a turn back."""
        self.used = self._clock()
        self._places[replica].running -= 1
        self._drop(replica)
        self._serve()

    def dismiss(self, error: Exception) -> None:
        """Have all who wait go, with an error."""
        for each in self._waiters:
            if not each.turn.done():
                each.turn.set_exception(error)

    def spare(self, avoids: frozenset[str]) -> str | None:
        """Take a turn at a replica that has room while nobody waits, at nobody's cost; None where there is none. `leave` gives it back."""
        replica = None if self._waiters else self._freest(avoids)
        if replica is not None:
            self._places[replica].running += 1
        return replica

    def move(self, ticket: Ticket, replica: str) -> None:
        """Have a ticket find another home with its next request, if it is at home there."""
        home = self._homes.get(ticket)
        if home is not None and home.replica == replica:
            self._forget(ticket)
            self.moves += 1

    def _drop(self, replica: str) -> None:
        place = self._places[replica]
        if not place.is_open and not place.running:
            del self._places[replica]

    def _serve(self) -> None:
        """Give turns while somebody waits who can have one."""
        while self._waiters and any(place.has_room for place in self._places.values()):
            served = self._next()
            if served is None:
                return
            waiter, replica = served
            self._waiters.remove(waiter)
            self._places[replica].running += 1
            user, name = waiter.ticket
            self._users.charge(user, waiter.cost)
            self._tickets.setdefault(user, Shares()).charge(name, waiter.cost)
            if len(self._tickets) > 1024:
                self._tickets = {user: self._tickets[user]}
            waiter.turn.set_result(replica)

    def _next(self) -> tuple[_Waiter, str] | None:
        """Return whose turn it is, and where: the user's, then the ticket's, that had least; else the first that came."""
        best: tuple[tuple[float, float], _Waiter, str] | None = None
        for waiter in self._waiters:
            if waiter.turn.done():
                continue
            replica = self._place_for(waiter)
            if replica is None:
                continue
            user, name = waiter.ticket
            shares = self._tickets.get(user)
            rank = (self._users.start(user), shares.start(name) if shares else 0.0)
            if best is None or rank < best[0]:
                best = (rank, waiter, replica)
        return None if best is None else (best[1], best[2])

    def _place_for(self, waiter: _Waiter) -> str | None:
        """Return the replica that a request would go to now; None where it waits."""
        home = self._home(waiter)
        if home is not None:
            return home if self._places[home].has_room else None
        return self._freest(waiter.avoids)

    def _freest(self, avoids: frozenset[str]) -> str | None:
        """Return the replica that does least, None where none has room."""
        free = [name for name, place in self._places.items() if place.has_room and name not in avoids]
        return min(free, key=lambda name: self._places[name].running / self._places[name].at_once, default=None)

    def _home(self, waiter: _Waiter) -> str | None:
        """Return where a ticket is at home, which it is made to be where the fewest tickets are; None for what is of no ticket."""
        if not waiter.ticket[1]:
            return None
        home = self._homes.get(waiter.ticket)
        if home is not None and home.replica not in waiter.avoids:
            home.used = self._clock()
            self._homes.move_to_end(waiter.ticket)
            return home.replica
        self._forget_old()
        there = [name for name, place in self._places.items() if place.is_open and name not in waiter.avoids]
        if not there:
            return None
        chosen = min(there, key=lambda name: self._places[name].load)
        if home is None:
            self._homes[waiter.ticket] = _Home(chosen, self._clock())
            self._places[chosen].tickets += 1
        return chosen

    def _forget_old(self) -> None:
        while self._homes:
            ticket, home = next(iter(self._homes.items()))
            if self._clock() - home.used < self._sticky_s and len(self._homes) < _KNOWN:
                return
            self._forget(ticket)

    def _forget(self, ticket: Ticket) -> None:
        home = self._homes.pop(ticket)
        place = self._places.get(home.replica)
        if place is not None:
            place.tickets -= 1
