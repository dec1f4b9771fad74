"""Addresses of issues and pull requests, as people copy them from a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.forges.errors import UnknownForge
from orchestrator.forges.records import TRACKERS, Entry, Thread

_PLACE = re.compile(
    r"/(?P<repository>.+?)(?:/-)?/(?P<kind>issues|work_items|pull|pulls|merge_requests)/(?P<number>[0-9]{1,12})(?:/.*)?"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Which thread an address names, and whether it is a pull request."""

    thread: Thread
    pull: bool


def place_of(address: str, entries: Mapping[str, Entry]) -> Place:
    """Return what an address names at a configured forge. Raises `UnknownForge`."""
    forges = [entry for entry in entries.values() if entry.kind not in TRACKERS]
    for entry in forges:
        home = urlsplit(entry.url)
        given = urlsplit(address)
        if given.netloc.casefold() != home.netloc.casefold() or not given.path.startswith(home.path.rstrip("/") + "/"):
            continue
        found = _PLACE.fullmatch(given.path.removeprefix(home.path.rstrip("/")))
        if found is None:
            raise UnknownForge(f"{address!r} names neither an issue nor a pull request of {entry.name}")
        known = next((each for each in entry.repositories if each.casefold() == found["repository"].casefold()), None)
        if known is None:
            raise UnknownForge(
                f"config.toml names no working tree for {found['repository']}: add it to `forges.{entry.name}.repositories`"
            )
        pull = found["kind"] not in ("issues", "work_items")
        number = f"!{found['number']}" if found["kind"] == "merge_requests" else found["number"]
        return Place(Thread(entry.name, known, number), pull)
    there = ", ".join(entry.url for entry in forges) or "none: docs/forges.md says how"
    raise UnknownForge(f"{address!r} lies at no configured forge; there are {there}")
