"""Filing: what came from outside becomes an order for a repository of this machine, or is refused."""

from __future__ import annotations

import shlex
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from orchestrator.builds import Red, UnreadableBuild, of_data
from orchestrator.errors import OrderRefused
from orchestrator.records import Order, Ticket
from orchestrator.settings import Settings
from orchestrator.store.sql.schema import written_together
from orchestrator.web.people import Person, Role
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


def file(site: Site, order: Order, who: Person) -> Ticket:
    """File an order, and write down who did. Raises what `Crew.file` raises, and `BadConfig` where the repository's tests are not known."""
    settings = settings_of(site, order)
    with written_together(site.crew.database):
        ticket = site.crew.file(bounded(order, settings, who), settings)
        site.audit.write(who.name, "file", ticket.id, {"repository": str(order.repository)})
    site.nudge()
    return ticket


def settings_of(site: Site, order: Order) -> Settings:
    """Return the settings of an order's repository. Raises `OrderRefused` for a test command that names programs out of it."""
    for word in _words(order.test_command or ""):
        path = Path(word)
        if ".." in path.parts or (path.is_absolute() and not path.is_relative_to(order.repository)):
            raise OrderRefused(
                f"the test command names {word!r}, which is outside of the repository: over a server name programs alone, as in"
                " `pytest tests`, or have the repository's nightcrew.toml say it"
            )
    return site.settings_of(order.repository, order.test_command, order.sandbox)


def bounded(order: Order, settings: Settings, who: Person) -> Order:
    """Return an order that costs no more dollars than this machine's owner lets a ticket cost, unless he files it."""
    if settings.usd is None or order.usd is None or who.role.allows(Role.ADMINISTER):
        return order
    return replace(order, usd=min(order.usd, settings.usd))


def check_grant(who: Person, usd: float) -> None:
    """Let reviewers alone add dollars to a ticket. Raises `Problem`."""
    if usd > 0 and not who.role.allows(Role.REVIEW):
        raise Problem(
            HTTPStatus.FORBIDDEN, "not-yours", f"{who.name} may not add dollars to a ticket", "ask whoever reviews here"
        )


def _words(command: str) -> list[str]:
    """Return the words of a command, of options that name something what they name."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise OrderRefused(f"the test command cannot be read: {error}") from error
    return [part for word in words for part in word.split("=")]


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
