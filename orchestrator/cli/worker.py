"""The command that works for a broker: `worker`."""

from __future__ import annotations

import logging
import sys

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import shared_options, workers_option
from orchestrator.cli.output import print_document, write


@click.command("worker")
@workers_option
@shared_options
def worker_command(workers: int, edge: Edge, json_wanted: bool) -> None:
    """Work on what is queued, woken by a broker, until it is ended.

    The broker (Redis, or what else Celery speaks to) is named by NIGHTCREW_BROKER or in the machine's config.toml, as is the store that
    several machines share. SIGTERM or Ctrl-C ends it: jobs in hand are queued again, their work kept. A worker that is killed loses nothing.
    """
    from orchestrator.errors import BadConfig

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
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("orchestrator").setLevel(logging.INFO)

    def ready() -> None:
        if json_wanted:
            print_document({"workers": workers})
        else:
            write(f"{workers} workers wait for jobs")

    Node(broker, workers, edge.gate(), edge.crew).run(ready)
