"""Serving: a site made of a state directory, and the server that answers for it. The one module that knows the server's program."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn
from sqlalchemy import Engine

from orchestrator import intake
from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.dispatch.rounds import Rounds
from orchestrator.errors import BadConfig
from orchestrator.listening import bound
from orchestrator.reporting.board import MOST_ROWS, Sought
from orchestrator.reporting.gathering import Gatherer
from orchestrator.telemetry.figures import stored
from orchestrator.telemetry.metrics import Metrics
from orchestrator.web.app import END_S, WRITES_PER_S, application
from orchestrator.web.audit import Audit
from orchestrator.web.live import Happening, Hub
from orchestrator.web.morning import Morning
from orchestrator.web.people import People, Role
from orchestrator.web.sessions import Sessions
from orchestrator.web.shift import Shift
from orchestrator.web.site import SettingsOf, Site

if TYPE_CHECKING:
    from agents import Endpoint
    from orchestrator.forges.wiring import Forges
    from orchestrator.web.identities import Client
    from orchestrator.web.oidc import SignIn

COURIER_S = 5.0
"""How often it is asked what is due for forges while nobody says that there is something."""
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Serving:
    """How a site is served: at `host` and `port` (0: any that is free), by which other names, with how many workers (0: none).

    `repositories` are those that tickets may be filed for; empty is any that this machine has. Workers begin what `gate` lets through,
    and its schedules say when digests are written. `client` is how an issuer knows this server, which signs people in.
    """

    host: str = "127.0.0.1"
    port: int = 8484
    names: tuple[str, ...] = ()
    workers: int = 1
    repositories: tuple[Path, ...] = ()
    gate: Gate = Gate()
    client: Client | None = None
    writes_per_s: float = WRITES_PER_S
    broker: str | None = None
    """What wakes workers elsewhere, which then do the work."""
    metrics: tuple[str, int] | None = None
    """Where metrics are told to whoever asks, besides `/metrics`, which takes a key."""
    pools: Callable[[], tuple[Endpoint, ...]] | None = None
    """Returns where the model pools are that are configured."""


def serve(
    state: Path,
    open_crew: Callable[[], Crew],
    settings_of: SettingsOf,
    how: Serving,
    ready: Callable[[str, str], None],
    forges: Forges | None = None,
) -> None:
    """Serve until somebody ends it (SIGINT, SIGTERM); a job in hand is queued again with its work kept.

    `ready` is told the address and the link that lets the owner in, once requests are answered. `forges` take webhooks, and are
    taken what is due for them.
    """
    listening = bound(how.host, how.port, "name another with --port, or --port 0 for any")
    port = listening.getsockname()[1]
    address = f"http://{_shown(_reached(how.host))}:{port}"
    with open_crew() as crew, ExitStack() as opened:
        site = _site(state, crew, open_crew, settings_of, how, address, forges)
        if how.metrics is not None and site.metrics is not None:
            opened.enter_context(site.metrics.served(*how.metrics))
        app = application(site, _hosts(how, port), version("nightcrew"), how.writes_per_s)
        config = uvicorn.Config(
            app,
            # The other one, where it is installed, takes headers without end.
            http="h11",
            access_log=False,
            log_level="warning",
            lifespan="on",
            server_header=False,
            # Who asks is who connects, unless a proxy of this machine says for whom.
            proxy_headers=bool(how.names),
            date_header=False,
            timeout_graceful_shutdown=int(END_S),
        )
        server = _Server(config, lambda: ready(address, site.sessions.new_link(address)))
        # The server ends what it does first, and then passes the signal on.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Tells when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _site(
    state: Path,
    crew: Crew,
    open_crew: Callable[[], Crew],
    settings_of: SettingsOf,
    how: Serving,
    address: str,
    forges: Forges | None,
) -> Site:
    engine = crew.database
    people = People(engine, time.time)
    owner = intake.user()
    if people.person(owner) is None:
        people.add(owner, Role.ADMINISTER)
    hub = Hub(crew.version, lambda since: changed_since(crew, since))
    metrics = Metrics(partial(stored, crew), time.monotonic, version("nightcrew"))
    metrics.view(lambda: hub.listeners)
    return Site(
        crew=crew,
        people=people,
        sessions=Sessions(state / "serve", people, owner),
        audit=Audit(engine, time.time),
        hub=hub,
        shift=_shift(crew, open_crew, hub, how, metrics),
        metrics=metrics,
        settings_of=settings_of,
        pools=how.pools,
        address=address,
        repositories=tuple(path.resolve() for path in how.repositories),
        gate=how.gate,
        morning=Morning(state / "digests", Gatherer(crew, how.gate).digest, how.gate.schedules),
        forges=forges,
        sign_in=None if how.client is None else _sign_in(how.client, engine, people, how.names, address),
        courier=None
        if forges is None
        else Rounds("courier", forges.publisher.step, COURIER_S, lambda: hub.publish(Happening("changed"))),
    )


def _sign_in(client: Client, engine: Engine, people: People, names: tuple[str, ...], address: str) -> SignIn:
    """Return what signs people in; they come back by the first name of a proxy that speaks TLS, else by our own address."""
    from orchestrator.web.identities import Identities

    try:
        from orchestrator.web.issuer import Issuer
        from orchestrator.web.oidc import SignIn
    except ModuleNotFoundError as error:
        raise BadConfig(
            f"[oidc] needs the package {error.name}: install nightcrew[serve,oidc], or remove the table"
        ) from error
    reached = f"https://{names[0]}" if names else address
    return SignIn(Issuer(client), Identities(engine, people, time.time), reached)


def _shift(
    crew: Crew, open_crew: Callable[[], Crew], hub: Hub, how: Serving, metrics: Metrics
) -> Shift | Rounds | None:
    """Return what sees to it that queued tickets are worked on: threads of this process, or a broker that wakes workers elsewhere."""
    if how.broker is None:
        return Shift(open_crew, hub.publish, how.workers, how.gate) if how.workers else None
    from orchestrator.cluster.celerybroker import CeleryBroker
    from orchestrator.cluster.dispatcher import LOOK_S, Dispatcher

    dispatcher = Dispatcher(crew.store, CeleryBroker(how.broker), how.gate)
    return Rounds("dispatcher", lambda: metrics.sends(dispatcher.step()), LOOK_S)


def changed_since(crew: Crew, since: float) -> list[str]:
    """Return the tickets that were changed since a Unix time."""
    return [row.ticket for row in crew.board(Sought(since=since, limit=MOST_ROWS)).rows]


def _hosts(how: Serving, port: int) -> Iterable[str]:
    """Return the names that requests may be for."""
    own = {*LOOPBACK, how.host} if how.host in (*LOOPBACK, *_EVERYWHERE) else {how.host}
    yield from (f"{_shown(name)}:{port}" for name in own)
    for name in how.names:
        yield from (name, f"{name}:{port}")


def _reached(host: str) -> str:
    """Return by which name this machine reaches what listens at a host."""
    return LOOPBACK[_EVERYWHERE.index(host)] if host in _EVERYWHERE else host


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
