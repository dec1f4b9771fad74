"""Commands that make the crew work: `fix`, `file`, `resume`, `answer`, `review`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.intake import build_options, merged, read_given
from orchestrator.cli.options import (
    driver_option,
    order_options,
    queue_options,
    read_added,
    read_text,
    repo_option,
    sandbox_option,
    seconds_option,
    shared_options,
    test_option,
    text_options,
    ticket_argument,
)
from orchestrator.cli.output import print_document, print_report, write

if TYPE_CHECKING:
    from orchestrator.builds import Red
    from orchestrator.crew import Crew
    from orchestrator.records import JobReport, Order, Watch
    from shadowfs import Example


@click.command("fix")
@text_options
@build_options
@repo_option
@order_options
@queue_options
@click.option("--lock", is_flag=True, help="Have `nightcrew lsp` warn whoever saves a file that its steps write.")
@shared_options
def fix_command(
    text: str | None, text_file: Path | None, repo: Path | None, lock: bool, edge: Edge, json_wanted: bool, **given: Any
) -> int:
    """Work on one ticket, now, in the foreground.

    TEXT says what is wrong (`-` reads it from standard input), or a file of a red build does, or both. Ctrl-C pauses the job: its work is kept, and `nightcrew
    resume` goes on with it.

    Exit status: 0 a verified branch; 3 no fix found; 4 paused at its budget, by Ctrl-C, or with a
    question that `nightcrew answer` answers; 5 a change that could not be
    verified; 2 wrong usage or configuration; 1 anything else.
    """
    repository = edge.repository(repo)
    red = read_given(given, repository)
    order = order_of(edge, repository, read_text(text, text_file), given, red)
    from orchestrator.cli.progress import watching

    with edge.crew_for(order) as crew, watching() as watch:
        report = crew.fix(order, _holding(edge, crew, repository, watch) if lock else watch)
    return _ended(report, json_wanted)


@click.command("file")
@text_options
@build_options
@click.option(
    "--from-issue", metavar="URL", help="Take the text of an issue at a configured forge, and its repository."
)
@repo_option
@order_options
@queue_options
@click.option("--at", metavar="TIME", help="When a worker may begin with it, at the earliest.")
@shared_options
def file_command(
    text: str | None,
    text_file: Path | None,
    from_issue: str | None,
    repo: Path | None,
    edge: Edge,
    json_wanted: bool,
    **given: Any,
) -> None:
    """Queue a ticket; `nightcrew work` works on it.

    The ticket is TEXT (`-` reads it from standard input), what a file of a red build or an issue says, or several of these.
    """
    words, issue = read_text(text, text_file), None
    if from_issue is not None:
        from orchestrator.cli.forges import issue_of, link_issue

        issue, there = issue_of(edge, from_issue)
        repo, words = repo or there, f"{words}\n\n{issue.text}" if words else issue.text
    repository = edge.repository(repo)
    red = read_given(given, repository)
    order = order_of(edge, repository, words, given, red)
    with edge.crew_for(order) as crew:
        ticket = crew.file(order)
    if issue is not None:
        link_issue(edge, issue, ticket)
    unplaced = red.unplaced if red else 0
    if json_wanted:
        print_document({"ticket": ticket.id, "status": "queued", "failing": list(order.failing), "unplaced": unplaced})
        return
    write(f"filed {ticket.id}" + (f", with {len(order.failing)} failing tests named" if order.failing else ""))
    if unplaced:
        write(f"{unplaced} failures are in the text only: no test of this repository has their names")
    write("next: nightcrew work")


@click.command("resume")
@ticket_argument
@click.option("--seconds", type=click.FloatRange(0), default=0.0, metavar="S", help="Seconds to add to the budget.")
@click.option("--usd", type=click.FloatRange(0), default=0.0, metavar="U", help="Dollars to add to the budget.")
@click.option("--tokens", type=click.IntRange(0), default=0, metavar="N", help="Tokens to add to the budget.")
@shared_options
def resume_command(ticket: str, seconds: float, usd: float, tokens: int, edge: Edge, json_wanted: bool) -> int:
    """Go on with a ticket's job where it stood.

    For a job that paused, was stopped, failed, or whose process was killed. The exit status is that of `fix`.
    """
    from orchestrator.cli.progress import watching

    with edge.crew() as crew, watching() as watch:
        report = crew.resume(ticket, watch, seconds=seconds, usd=usd, tokens=tokens)
    return _ended(report, json_wanted)


@click.command("answer")
@ticket_argument
@click.argument("option", metavar="[N]", required=False)
@click.option("--text", metavar="TEXT", help="Answer in words (`-` reads them from standard input).")
@click.option("--seconds", type=click.FloatRange(0), default=0.0, metavar="S", help="Seconds to add to the budget.")
@click.option("--usd", type=click.FloatRange(0), default=0.0, metavar="U", help="Dollars to add to the budget.")
@click.option("--tokens", type=click.IntRange(0), default=0, metavar="N", help="Tokens to add to the budget.")
@shared_options
def answer_command(
    ticket: str,
    option: str | None,
    text: str | None,
    seconds: float,
    usd: float,
    tokens: int,
    edge: Edge,
    json_wanted: bool,
) -> int:
    """Answer the question that a ticket's job paused with, and go on with the job.

    N is the number of one of the options that `nightcrew show` shows, which is then verified and delivered, or `none` where
    none of them is wanted. A question that an agent goes on with is answered with the number of an answer, or with your own
    words (--text); a plan with `yes`, `no`, or what to change (--text). The exit status is that of `fix`.
    """
    from orchestrator.cli.progress import watching

    said = _said(option, read_text(text, None))
    with edge.crew() as crew, watching() as watch:
        report = crew.answer(ticket, said, watch, seconds=seconds, usd=usd, tokens=tokens)
    return _ended(report, json_wanted)


def _said(option: str | None, text: str | None) -> int | str:
    """Return an answer: a number, or words. Raises `click.UsageError`."""
    from orchestrator.working.answering import NONE

    if option is None and text is not None:
        return text
    if option is None or text is not None:
        raise click.UsageError("an answer is either the number of an option, `none`, `yes` or `no`, or --text TEXT")
    if option in ("yes", "no"):
        return option
    if option != "none" and not option.isdecimal():
        raise click.UsageError(
            f"{option!r} is no answer: type the number of an option, `none`, `yes` or `no`, or your own words with --text"
        )
    return NONE if option == "none" else int(option)


@click.command("review")
@click.argument("ref")
@repo_option
@test_option
@click.option("--failing", multiple=True, metavar="ID", help="A test that must go from failing to passing. Repeatable.")
@seconds_option()
@driver_option
@sandbox_option
@shared_options
def review_command(ref: str, repo: Path | None, edge: Edge, json_wanted: bool, **given: Any) -> int:
    """Judge any branch, commit or pull request REF with the ladder.

    REF may be the address of a pull request at a configured forge. It is compared with where it left the present branch. A test that it brings counts where it fails without the rest of
    it. Nothing is delivered. Exit status: 0 where it verifies, 4 paused at its budget, else 5.
    """
    from orchestrator.cli.progress import watching
    from orchestrator.records import Order

    text, start = f"review of {ref}", ""
    if ref.startswith(("https://", "http://")):
        from orchestrator.cli.forges import pull_head

        head = pull_head(edge, ref)
        repo, ref, start = head.repository, head.commit, head.base
    repository = edge.repository(repo)
    order = Order(text=text, repository=repository, **given)
    with edge.crew_for(order, start) as crew, watching() as watch:
        report = crew.review(repository, ref, order, watch)
    return _ended(report, json_wanted)


def order_of(edge: Edge, repository: Path, text: str | None, given: dict[str, Any], red: Red | None = None) -> Order:
    """Put an order together from what was given; `red` is what a red build says. Raises `click.UsageError`."""
    from orchestrator.records import Order

    if red is not None:
        text, given["failing"] = merged(text, tuple(given["failing"]), red)
    given["examples"] = examples = _examples(edge, repository, given.pop("likes"))
    if text is None and examples:
        from orchestrator.examples import titled

        text = titled(examples)
    if text is None:
        raise click.UsageError(
            "the ticket has no text: say what is wrong, as in `nightcrew fix 'total() is off by one'`"
        )
    for option, field in (("by", "deadline"), ("at", "not_before")):
        if (word := given.pop(option, None)) is not None:
            given[field] = edge.moment(f"--{option}", word)
    added = read_added(repository, given.pop("add_tests"), lambda: edge.detect(repository).tests)
    branch = not given.pop("no_branch")
    return Order(text=text, repository=repository, added=added, branch=branch, **given)


def _examples(edge: Edge, repository: Path, likes: tuple[str, ...]) -> tuple[Example, ...]:
    """Return the changes that `--like` names, as they are now."""
    if not likes:
        return ()
    from orchestrator.configuration.config import read_repository
    from orchestrator.examples import read_examples

    hidden = read_repository(repository).files.secret
    return read_examples(repository, likes, hidden, edge.environ, Path.cwd())


def _holding(edge: Edge, crew: Crew, repository: Path, watch: Watch) -> Watch:
    """Return a watcher that holds the lock on saving what the steps write."""
    from orchestrator.working.holding import Holding
    from orchestrator.working.savelock import SaveLock

    return Holding(watch, SaveLock(edge.state(), repository), crew.ticket_of)


def _ended(report: JobReport, json_wanted: bool) -> int:
    from orchestrator.exits import exit_of_status
    from orchestrator.reporting.documents import report_document

    if json_wanted:
        print_document(report_document(report))
    else:
        print_report(report)
    return exit_of_status(report.status)
