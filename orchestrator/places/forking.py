"""Forks of an attempt's shadow, to try something in: a place each, with language servers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from orchestrator.places.languages import languages_in
from orchestrator.places.place import Place, Places
from verifier import Found, Languages

Forking = Callable[[Place], AbstractContextManager[tuple[Place, Languages]]]
"""Opens a fork of a place, and what language servers say of it, for as long as a `with` block lasts."""


def forking(
    places: Places,
    base: str,
    servers: Sequence[Found],
    *,
    stopping: Callable[[], None],
    remaining_s: Callable[[], float],
) -> Forking:
    """Return what opens forks, whose files are compared with the tree `base`."""

    @contextmanager
    def open(place: Place) -> Iterator[tuple[Place, Languages]]:
        with (
            places.fork(place) as fork,
            languages_in(fork, base, servers, stopping=stopping, remaining_s=remaining_s) as languages,
        ):
            yield fork, languages

    return open
