"""Filing: what came from outside becomes an order for a repository of this machine, or is refused."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

from orchestrator.builds import Red, UnreadableBuild, of_data
from orchestrator.records import Order, Ticket
from orchestrator.web.problems import Problem
from orchestrator.web.site import Site


def repository_of(site: Site, named: str) -> Path:
    """Return the working tree that somebody named. Raises `Problem`."""
    path = Path(named)
    if not path.is_absolute() or "\0" in named:
        raise _unknown(f"{named!r} is no full path")
    try:
        path = path.resolve()
        there = (path / ".git").exists()
    except OSError as error:
        raise _unknown(f"{named!r} cannot be read: {error.strerror}") from error
    if site.repositories and path not in site.repositories:
        known = ", ".join(map(str, site.repositories))
        raise _unknown(f"this server takes no tickets for {named!r}; it does for {known}")
    if not there:
        raise _unknown(f"{named!r} is no git working tree on the server's machine")
    return path


def file(site: Site, order: Order) -> Ticket:
    """File an order. Raises what `Crew.file` raises, and `BadConfig` where the repository's tests are not known."""
    return site.crew.file(order, site.settings_of(order.repository, order.test_command, order.sandbox))


def red_of(data: bytes, repository: Path) -> Red:
    """Read what a red build left. Raises `Problem`."""
    try:
        return of_data(data, repository)
    except UnreadableBuild as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "unreadable-build",
            f"the file of the build: {error}",
            "JUnit XML, SARIF, JSON of jest or go, and logs can be read",
        ) from error


def _unknown(message: str) -> Problem:
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY, "unknown-repository", message, "name a repository by its full path there"
    )
