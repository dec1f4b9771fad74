"""A site over a real crew on the small project, asked in this process: its worker is stepped by hand."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from orchestrator.crew import Crew
from orchestrator.web.app import application
from orchestrator.web.audit import Audit
from orchestrator.web.live import Hub
from orchestrator.web.people import People, Role
from orchestrator.web.serving import changed_since
from orchestrator.web.sessions import Sessions
from orchestrator.web.site import Site
from tests.orchestrator import project
from tests.orchestrator.crews import Open

ADDRESS = "http://127.0.0.1:8484"


@dataclass(frozen=True, slots=True)
class Served:
    """A site, and clients of it."""

    site: Site
    crew: Crew
    client: Callable[..., TestClient]

    def as_(self, name: str, role: Role) -> TestClient:
        """Return a client that comes with a key."""
        self.site.people.add(name, role)
        key = self.site.people.make_key(name, "test")
        return self.client(headers={"authorization": f"Bearer {key}"})

    def browser(self) -> TestClient:
        """Return a client that entered by the owner's link, as a browser does."""
        client = self.client(headers={"origin": ADDRESS, "accept": "text/html"})
        link = self.site.sessions.new_link(ADDRESS)
        assert client.get(link.removeprefix(ADDRESS)).status_code == 200
        return client


Serve = Callable[..., Served]
"""Serves a crew; keywords are further fields of the site."""


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Return what serves a crew. Nothing works on its queue but `crew.work_next()`."""
    opened: list[TestClient] = []

    def serve(crew: Crew, **further: Any) -> Served:
        people = People(crew.database, time.time)
        people.add("owner", Role.ADMINISTER)
        state = tmp_path / "state"
        site = Site(
            crew=crew,
            people=people,
            sessions=Sessions(state / "serve", people, "owner"),
            audit=Audit(crew.database, time.time),
            hub=Hub(crew.version, lambda since: changed_since(crew, since)),
            shift=None,
            settings_of=lambda *_: project.settings(state),
            address=ADDRESS,
            **further,
        )
        app = application(site, ["127.0.0.1:8484"], "0")

        def client(**given: object) -> TestClient:
            made = TestClient(app, base_url=ADDRESS, raise_server_exceptions=False, **given)  # type: ignore[arg-type]
            opened.append(made)
            return made

        return Served(site, crew, client)

    yield serve
    for each in opened:
        each.close()


@pytest.fixture
def served(serve: Serve, crew: Open) -> Served:
    """Return a site with nothing filed yet, whose agents do nothing."""
    return serve(crew([]))
