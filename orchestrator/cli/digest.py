"""The command for the morning: `digest`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge, find_repository
from orchestrator.cli.options import repo_option, shared_options
from orchestrator.cli.output import print_document, write
from orchestrator.cli.results import since_of
from orchestrator.plain import one_line

if TYPE_CHECKING:
    from orchestrator.reporting.board import Row
    from orchestrator.reporting.digest import Digest, Group

_SHOWN = 8
"""Of the tickets that ended for one reason, how many are named."""


@click.command("digest")
@click.option("--since", default="1d", metavar="AGE", help="What happened in the last 30m, 12h, 1d or 2w; default: 1d.")
@repo_option
@click.option("--markdown", is_flag=True, help="Print Markdown, as a server's schedule has it written.")
@shared_options
def digest_command(since: str, repo: Path | None, markdown: bool, edge: Edge, json_wanted: bool) -> None:
    """Tell what was tried, what is ready, what needs an answer, what it cost, and what waits.

    Changes that are ready come first, those with the best evidence and the least to read before the others. It is of all repositories,
    with --repo of one.
    """
    from orchestrator.reporting.digestmarkdown import digest_markdown
    from orchestrator.reporting.documents import digest_document
    from orchestrator.reporting.gathering import Gatherer

    if markdown and json_wanted:
        raise click.UsageError("--markdown and --json are two forms of one digest: leave one of them out")
    repository = find_repository(repo) if repo else None
    with edge.crew() as crew:
        digest = Gatherer(crew, edge.gate()).digest(since_of(since), repository)
    if json_wanted:
        print_document(digest_document(digest))
    elif markdown:
        write(digest_markdown(digest).rstrip())
    else:
        _print(digest)


def _print(digest: Digest) -> None:
    from orchestrator.reporting.digestmarkdown import begins_words, cost_words, evidence_words, summary
    from orchestrator.working.deadline import shown

    write(f"since {shown(digest.since_at)}: {summary(digest)}")
    _title("ready for review", digest.ready)
    for each in digest.ready:
        _ticket(each.row, evidence_words(each), each.proof.title, each.row.next)
    if digest.older_ready:
        write(f"  {digest.older_ready} from before wait for review too: `nightcrew list`")
    _title("needs an answer", digest.needs)
    for row in digest.needs:
        _ticket(row, f"asks: {row.question}" if row.question else row.why, "", row.next)
    _print_groups("tried without a fix", digest.no_fix)
    _print_groups("failed or stopped", digest.failed)
    _title("cost", digest.shares)
    for share in digest.shares:
        write(
            f"  {cost_words(share.cost):<32} {share.tickets:>4} by {one_line(share.agent, 40)} in {one_line(str(share.repository), 100)}"
        )
    _title("queued", digest.waiting)
    for waiting in digest.waiting:
        _ticket(waiting.row, begins_words(waiting), "", "")
    if digest.left_out:
        write(f"{digest.left_out} more tickets had no room here: `nightcrew list` has all")


def _title(title: str, there: object) -> None:
    if there:
        click.echo(f"\n{click.style(title, bold=True)}")


def _ticket(row: Row, told: str, title: str, then: str) -> None:
    write(f"  {row.ticket}  {one_line(row.text, 72)}  ({one_line(row.repository.name, 40)})")
    for line in (told, title, f"next: {then}" if then else ""):
        if line:
            write(f"{'':<18}{one_line(line, 160)}")


def _print_groups(title: str, groups: Iterable[Group]) -> None:
    _title(title, groups)
    for group in groups:
        named = ", ".join(row.ticket for row in group.rows[:_SHOWN])
        more = len(group.rows) - _SHOWN
        write(f"  {group.why}\n{'':<18}{len(group.rows)}: {named}" + (f" and {more} more" if more > 0 else ""))
