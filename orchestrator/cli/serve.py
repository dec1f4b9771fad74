"""Commands of the server: `serve`, and `users`, who may do what on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import DIRECTORY, STATE_HELP, Edge
from orchestrator.cli.options import (
    can_option,
    log_format_option,
    metrics_host_option,
    metrics_port_option,
    shared_options,
    workers_option,
)
from orchestrator.cli.output import print_document, write

if TYPE_CHECKING:
    from agents import Endpoint
    from orchestrator.forges.wiring import Forges
    from orchestrator.settings import Settings
    from orchestrator.web.people import People

_NEEDED = (
    "fastapi",
    "uvicorn",
    "jinja2",
    "itsdangerous",
    "pygments",
    "multipart",
    "prometheus_client",
    "python_multipart",
    "sse_starlette",
    "starlette",
)


@click.command("serve")
@click.option(
    "--host",
    default="127.0.0.1",
    metavar="HOST",
    help="Listen here; other machines reach 127.0.0.1 by a tunnel or proxy.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8484, metavar="PORT", help="Listen at this port; 0 takes any."
)
@click.option(
    "--host-name", "names", multiple=True, metavar="NAME", help="A name by which a proxy asks for it. Repeatable."
)
@click.option(
    "--repo",
    "repositories",
    multiple=True,
    type=DIRECTORY,
    metavar="DIR",
    help="Take tickets for this repository only. Repeatable.",
)
@click.option("--no-work", is_flag=True, help="Only answer: workers are elsewhere (`nightcrew work`).")
@workers_option
@can_option
@metrics_port_option
@metrics_host_option
@log_format_option
@click.option("--link", is_flag=True, help="Print a new link into a server that runs, and end.")
@click.option("--state", type=DIRECTORY, metavar="DIR", help=STATE_HELP)
def serve_command(
    host: str,
    port: int,
    names: tuple[str, ...],
    repositories: tuple[Path, ...],
    no_work: bool,
    workers: int,
    can: tuple[str, ...],
    metrics_port: int | None,
    metrics_host: str,
    log_format: str,
    link: bool,
    state: Path | None,
) -> None:
    """Serve the pages, the API, and work on queued tickets.

    Prints a link that lets you in, once. Ctrl-C ends it: the jobs in hand are queued again, their work kept.
    """
    edge = Edge.of_process(state)
    if link:
        _print_link(edge)
        return
    try:
        from orchestrator.web.serving import Serving, serve

        client = edge.machine().oidc.client(edge.environ)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        from orchestrator.errors import BadConfig

        raise BadConfig(f"`nightcrew serve` needs the package {error.name}: install nightcrew[serve]") from error

    def settings(repository: Path, test_command: str | None, sandbox: str | None) -> Settings:
        # Read anew for each ticket: a server may live for weeks.
        return edge.settings(repository, test_command, sandbox)

    from socket import gethostname

    from orchestrator.telemetry.logs import log_to_stderr

    log_to_stderr(log_format, gethostname())
    how = Serving(
        host,
        port,
        names,
        0 if no_work else workers,
        repositories,
        edge.gate(can),
        client=client,
        writes_per_s=edge.machine().serve.writes_per_s,
        broker=_broker(edge, workers),
        metrics=None if metrics_port is None else (metrics_host, metrics_port),
        pools=_pools(edge),
    )
    with _forges(edge) as forges:
        serve(edge.state(), edge.crew, settings, how, _tell, forges)


def _tell(address: str, entering: str) -> None:
    write(
        f"nightcrew serves at {address}\nenter by {entering}\nthe link is good once; `nightcrew serve --link` prints another"
    )


def _broker(edge: Edge, workers: int) -> str | None:
    """Return the address of the broker, None where there is none. Raises `BadConfig`."""
    broker = edge.broker()
    if broker is not None and workers > 1:
        from orchestrator.errors import BadConfig

        raise BadConfig("a broker is named, which wakes workers elsewhere: leave --workers to `nightcrew worker`")
    return broker


def _pools(edge: Edge) -> Callable[[], tuple[Endpoint, ...]] | None:
    """Return what tells where the configured model pools are, None where none is."""
    named = [each for each in edge.machine().named_models() if each.pool]
    if not named:
        return None

    def pools() -> tuple[Endpoint, ...]:
        from agents import endpoints

        there = endpoints({each.key_env: edge.environ.get(each.key_env, "") for each in named}, named)
        return tuple({each.base_url: each for each in there}.values())

    return pools


@contextmanager
def _forges(edge: Edge) -> Iterator[Forges | None]:
    """Open the forges that are configured, None where none is."""
    machine = edge.machine()
    if not machine.forges and not machine.trackers:
        yield None
        return
    from orchestrator.forges.wiring import Forges

    with Forges(edge.state(), machine, edge.settings, edge.environ, edge.home) as forges:
        yield forges


def _print_link(edge: Edge) -> None:
    """Print a new link into the server that left its address."""
    from orchestrator import intake
    from orchestrator.errors import BadConfig
    from orchestrator.web.sessions import Sessions

    file = edge.state() / "serve" / "link"
    if not file.exists():
        raise BadConfig(f"no server has left its address in {file}: start one with `nightcrew serve`")
    address = file.read_text("utf-8").partition("/enter")[0]
    with edge.crew() as crew:
        write(Sessions(edge.state() / "serve", _people(crew.database), intake.user()).new_link(address))


@click.group("users")
def users_command() -> None:
    """Say who may do what on the server."""


@users_command.command("add")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["file", "review", "administer"]),
    default="file",
    help="What they may do; each includes those before it.",
)
@shared_options
def add_command(name: str, role: str, edge: Edge, json_wanted: bool) -> None:
    """Let NAME in, or change what they may do."""
    from orchestrator.web.people import Role

    with edge.crew() as crew:
        person = _people(crew.database).add(name, Role(role))
    if json_wanted:
        print_document({"name": person.name, "role": str(person.role)})
    else:
        write(f"{person.name} may {person.role}\nnext: nightcrew users key {person.name}")


@users_command.command("key")
@click.argument("name")
@click.option("--name", "label", default="", metavar="TEXT", help="What the key is for.")
@click.option("--end", is_flag=True, help="End all keys of NAME instead.")
@shared_options
def key_command(name: str, label: str, end: bool, edge: Edge, json_wanted: bool) -> None:
    """Make a key for NAME: it opens the pages and the API, and is shown once."""
    with edge.crew() as crew:
        people = _people(crew.database)
        if end:
            ended = people.end_keys(name)
            if json_wanted:
                print_document({"name": name, "ended": ended})
            else:
                write(f"{ended} keys of {name} let nobody in any more")
            return
        key = people.make_key(name, label)
    if json_wanted:
        print_document({"name": name, "key": key})
    else:
        write(f"{key}\nkeep it: it is shown this once")


@users_command.command("remove")
@click.argument("name")
@shared_options
def remove_command(name: str, edge: Edge, json_wanted: bool) -> None:
    """Let NAME in no more."""
    with edge.crew() as crew:
        there = _people(crew.database).remove(name)
    if json_wanted:
        print_document({"name": name, "removed": there})
    else:
        write(f"{name} is let in no more" if there else f"there is no user {name}")


@users_command.command("list")
@shared_options
def list_command(edge: Edge, json_wanted: bool) -> None:
    """List who may do what."""
    with edge.crew() as crew:
        people = _people(crew.database).all()
    if json_wanted:
        print_document({"users": [{"name": each.name, "role": str(each.role)} for each in people]})
    else:
        for each in people:
            write(f"{each.role:<11} {each.name}")


def _people(engine: object) -> People:
    import time

    from sqlalchemy import Engine

    from orchestrator.web.people import People

    assert isinstance(engine, Engine)
    return People(engine, time.time)
