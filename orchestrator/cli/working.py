"""The command that works on the queue: `work`."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import can_option, shared_options, workers_option
from orchestrator.cli.output import print_document, print_report, write

if TYPE_CHECKING:
    from orchestrator.crew import Crew
    from orchestrator.dispatch.gate import Gate
    from orchestrator.records import Event, JobReport

_END_S = 3_600.0
"""How long Ctrl-C waits for the jobs in hand; a second one waits no longer."""


@click.command("work")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Stop after N jobs.")
@workers_option
@can_option
@shared_options
def work_command(limit: int | None, workers: int, can: tuple[str, ...], edge: Edge, json_wanted: bool) -> None:
    """Work on queued tickets until none is left that may begin now.

    Those of the highest priority are first; of several users, and of a user's repositories, each has its turn, with its oldest. When
    jobs of a repository may begin is said by the schedules in the machine's config.toml. Several may run side by side. Ctrl-C ends the jobs in hand, their work kept. The exit status is 0 however the jobs
    ended: `nightcrew list` shows that.
    """
    from orchestrator.records import Status
    from orchestrator.reporting.board import Sought
    from orchestrator.reporting.documents import report_document

    gate = edge.gate(can)
    shown = _Shown(json_wanted)
    if workers == 1:
        _one_by_one(edge, gate, limit, shown)
    else:
        _side_by_side(edge, gate, limit, workers, shown)
    with edge.crew() as crew:
        waiting = crew.board(Sought((Status.QUEUED,), limit=1)).total
    if json_wanted:
        print_document({"jobs": [report_document(report) for report in shown.reports], "waiting": waiting})
    elif waiting and not shown.interrupted and len(shown.reports) != limit:
        short = gate.lacks()
        why = f"too little is free here ({short})" if short else "`nightcrew digest` says when they may begin"
        write(f"{waiting} still queued: {why}")
    elif not shown.reports:
        write("nothing is queued; `nightcrew file TEXT` queues a ticket")


class _Shown:
    """The jobs that ended; each is printed unless JSON is wanted. Any thread may add one."""

    def __init__(self, quiet: bool) -> None:
        self.reports: list[JobReport] = []
        self.interrupted = False
        self._quiet = quiet
        self._lock = threading.Lock()

    def add(self, _: Crew, report: JobReport) -> None:
        """Take a job that ended."""
        with self._lock:
            self.reports.append(report)
            self.interrupted = self.interrupted or report.interrupted
            if not self._quiet:
                print_report(report)

    def tell(self, ticket: str, event: Event) -> None:
        """Tell what happens to one of several tickets."""
        from orchestrator.cli.progress import print_line

        with self._lock:
            print_line(event, ticket)


def _one_by_one(edge: Edge, gate: Gate, limit: int | None, shown: _Shown) -> None:
    from orchestrator.cli.progress import watching

    with edge.crew() as crew:
        while not shown.interrupted and (limit is None or len(shown.reports) < limit):
            with watching() as watch:
                report = crew.work_next(watch, gate)
            if report is None:
                return
            shown.add(crew, report)


def _side_by_side(edge: Edge, gate: Gate, limit: int | None, workers: int, shown: _Shown) -> None:
    from orchestrator.dispatch.hands import Hands

    hands = Hands(edge.crew, gate, shown.tell, shown.add, count=workers, limit=limit)
    hands.start()
    try:
        hands.wait()
    except KeyboardInterrupt:
        shown.interrupted = True
        hands.end(_END_S)
    if hands.failures:
        raise hands.failures[0]
