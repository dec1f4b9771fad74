"""The command that works for a broker: `worker`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge
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
    from orchestrator.cluster.foreman import Foreman
    from orchestrator.cluster.node import Node
    from orchestrator.cluster.upkeep import Upkeep


@click.command("worker")
@workers_option
@click.option(
    "--on",
    default="broker",
    show_default=True,
    metavar="WHAT",
    help="broker: processes that a broker wakes. here: processes that need none. ray[:ADDRESS]: tasks on the nodes of a Ray cluster.",
)
@can_option
@metrics_port_option
@metrics_host_option
@log_format_option
@shared_options
def worker_command(
    workers: int,
    on: str,
    can: tuple[str, ...],
    metrics_port: int | None,
    metrics_host: str,
    log_format: str,
    edge: Edge,
    json_wanted: bool,
) -> None:
    """Work on what is queued until it is ended.

    The broker (Redis, or what else Celery speaks to) is named by NIGHTCREW_BROKER or in the machine's config.toml, as is the store that
    several machines share. SIGTERM or Ctrl-C ends it: jobs in hand are queued again, their work kept. A worker that is killed loses nothing.
    """
    from socket import gethostname

    from orchestrator.cluster.upkeep import Upkeep
    from orchestrator.telemetry.logs import log_to_stderr

    # Sooner than the first message would: a store that cannot be opened is told here.
    edge.crew().close()
    log_to_stderr(log_format, gethostname())

    def ready() -> None:
        if json_wanted:
            print_document({"workers": workers})
        else:
            write("Ray's nodes wait for jobs" if kind == "ray" else f"{workers} workers wait for jobs")

    kind, _, address = on.partition(":")
    upkeep = Upkeep(edge.gate(can), edge.crew, None if metrics_port is None else (metrics_host, metrics_port))
    if kind == "broker":
        _node(edge, workers, upkeep).run(ready)
    elif kind == "here":
        _here(edge, can, workers, upkeep).run(ready)
    elif kind == "ray":
        _ray(edge, address, upkeep).run(ready)
    else:
        raise click.UsageError(f"--on {on}: write `broker`, `here`, `ray` or `ray:ADDRESS`")


def _node(edge: Edge, workers: int, upkeep: Upkeep) -> Node:
    from orchestrator.errors import BadConfig

    broker = edge.broker()
    if broker is None:
        raise BadConfig(
            "no broker is named: set NIGHTCREW_BROKER=redis://HOST/0, or work without one: `nightcrew worker --on here`, `nightcrew work`"
        )
    try:
        from orchestrator.cluster.node import Node
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("celery", "kombu"):
            raise
        raise BadConfig("`nightcrew worker` needs the package celery: install nightcrew[cluster]") from error
    return Node(broker, workers, upkeep.gate, upkeep.open_crew, upkeep.metrics)


def _here(edge: Edge, can: tuple[str, ...], workers: int, upkeep: Upkeep) -> Foreman:
    from orchestrator.cluster.foreman import Foreman
    from orchestrator.cluster.processes import Processes
    from orchestrator.cluster.station import Station

    station = Station(edge.environ, edge.home, edge.own_prefix, edge.state_given, can)
    return Foreman(Processes(station, upkeep.gate.can() if upkeep.gate.can else frozenset(), workers), upkeep)


def _ray(edge: Edge, address: str, upkeep: Upkeep) -> Foreman:
    from dataclasses import replace

    from orchestrator.cluster.foreman import Foreman
    from orchestrator.errors import BadConfig

    try:
        from orchestrator.cluster.rayexecutor import RayExecutor
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "ray":
            raise
        raise BadConfig("`--on ray` needs the package ray: install nightcrew[ray]") from error
    executor = RayExecutor(address or "auto", edge.machine().room.memory_mb << 20)
    # Where there is room, and what for, is for the cluster to say.
    return Foreman(executor, replace(upkeep, gate=replace(upkeep.gate, lacks=str)))
