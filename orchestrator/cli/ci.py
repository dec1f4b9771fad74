"""The command of a CI: `ci` turns what a red build left into tickets, works on them, and leaves patches and a summary."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.edge import Edge, find_repository
from orchestrator.cli.intake import read_file
from orchestrator.cli.options import order_options, repo_option, shared_options
from orchestrator.cli.output import print_document, print_report, write
from orchestrator.cli.tickets import order_of

if TYPE_CHECKING:
    from orchestrator.builds import Red
    from orchestrator.crew import Crew
    from orchestrator.records import JobReport

_TICKETS = 3
_SUMMARY = "GITHUB_STEP_SUMMARY"


@click.command("ci")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--limit", type=click.IntRange(1), default=_TICKETS, metavar="N", help="Work on N tickets at most.")
@click.option("--patches", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Leave a patch of each change in DIR.")  # fmt: skip
@click.option(
    "--summary",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Add a summary in Markdown to FILE; on GitHub to the step's unless given.",
)
@repo_option
@order_options
@shared_options
def ci_command(
    files: tuple[Path, ...],
    limit: int,
    patches: Path | None,
    summary: Path | None,
    repo: Path | None,
    edge: Edge,
    json_wanted: bool,
    **given: Any,
) -> int:
    """Propose patches for a red build.

    FILES are what the build left: JUnit XML, SARIF, JSON of jest or go, logs. Each is a ticket, unless its failures are all in one before it;
    nothing is asked. The exit status is 0 where each ticket has a verified change, or nothing failed; otherwise that of `fix` for the first that has none.
    """
    from orchestrator.builds import UnreadableBuild
    from orchestrator.cli.progress import watching
    from orchestrator.exits import VERIFIED, exit_of_status

    repository = find_repository(repo)
    given["ask"] = False
    reds: list[Red] = []
    quiet: list[str] = []
    for file in files:
        try:
            reds.append(read_file("from", file, repository))
        except UnreadableBuild as error:
            quiet.append(f"{file}: {error}")
    orders = [order_of(edge, repository, None, dict(given), red) for red in list(_distinct(reds))[:limit]]
    reports: list[JobReport] = []
    summary = summary or (Path(edge.environ[_SUMMARY]) if edge.environ.get(_SUMMARY) else None)
    for order in orders:
        with edge.crew(edge.settings(repository, order.test_command, order.sandbox)) as crew, watching() as watch:
            reports.append(crew.fix(order, watch))
            _leave(crew, reports[-1], patches, summary)
        if reports[-1].interrupted:
            break
    statuses = [exit_of_status(report.status) for report in reports]
    _print(reports, quiet, json_wanted)
    return next((status for status in statuses if status != VERIFIED), VERIFIED)


def _distinct(reds: list[Red]) -> Iterator[Red]:
    """Yield what says more than those before it."""
    known: set[str] = set()
    for red in reds:
        names = set(red.failing) or {failure.name for failure in red.failures} or {red.ends}
        if not names <= known:
            yield red
        known |= names


def _leave(crew: Crew, report: JobReport, patches: Path | None, summary: Path | None) -> None:
    from orchestrator.reporting.markdown import report_markdown

    patch = crew.diff(report.ticket.id) if report.files else b""
    if patches is not None and patch:
        patches.mkdir(parents=True, exist_ok=True)
        (patches / f"{report.ticket.id}-{report.status}.patch").write_bytes(patch)
    if summary is not None:
        with summary.open("a", encoding="utf-8") as file:
            file.write(report_markdown(report, patch))


def _print(reports: list[JobReport], quiet: list[str], json_wanted: bool) -> None:
    from orchestrator.reporting.documents import report_document

    if json_wanted:
        print_document({"tickets": [report_document(report) for report in reports], "quiet": quiet})
        return
    for line in quiet:
        write(line)
    for report in reports:
        print_report(report)
