"""The command that works for a broker: `worker`."""

from __future__ import annotations

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


@click.command("worker")
@workers_option
@can_option
@metrics_port_option
@metrics_host_option
@log_format_option
@shared_options
def worker_command(
    workers: int,
    can: tuple[str, ...],
    metrics_port: int | None,
    metrics_host: str,
    log_format: str,
    edge: Edge,
    json_wanted: bool,
) -> None:
    """Work on what is queued, woken by a broker, until it is ended.

    The broker (Redis, or what else Celery speaks to) is named by NIGHTCREW_BROKER or in the machine's config.toml, as is the store that
    several machines share. SIGTERM or Ctrl-C ends it: jobs in hand are queued again, their work kept. A worker that is killed loses nothing.
    """
    from socket import gethostname

    from orchestrator.errors import BadConfig
    from orchestrator.telemetry.logs import log_to_stderr

    broker = edge.broker()
    if broker is None:
        raise BadConfig(
            "no broker is named: set NIGHTCREW_BROKER=redis://HOST/0, or use `nightcrew work`, which needs none"
        )
    try:
        from orchestrator.cluster.node import Node
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("celery", "kombu"):
            raise
        raise BadConfig("`nightcrew worker` needs the package celery: install nightcrew[cluster]") from error
    # Sooner than the first message would: a store that cannot be opened is told here.
    edge.crew().close()
    log_to_stderr(log_format, gethostname())

    def ready() -> None:
        if json_wanted:
            print_document({"workers": workers})
        else:
            write(f"{workers} workers wait for jobs")

    metrics = None if metrics_port is None else (metrics_host, metrics_port)
    Node(broker, workers, edge.gate(can), edge.crew, metrics).run(ready)
