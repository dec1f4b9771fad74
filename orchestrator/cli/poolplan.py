"""`pool plan`: how many replicas so many developers need, calculated."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import shared_options
from orchestrator.cli.output import print_document, write

if TYPE_CHECKING:
    from orchestrator.pool.capacity import Plan, PlanFile

_MOST = 1_000_000
_COLUMNS = "developers  replicas  prefill  decode  cached  first token p50     p95  crowded  address  enough for  first at its limit"


@click.command("plan")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--developers", type=click.IntRange(1, _MOST), required=True, metavar="N", help="For so many developers.")
@click.option(
    "--model",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Take [replica] from this model's config.json and weights, and from a card's data sheet.",
)
@click.option(
    "--card", default="h100", metavar="NAME", help="With --model: a100, h100 (default), h200, l40s or rtx4090."
)
@click.option("--cards", type=click.IntRange(1, 64), default=1, metavar="N", help="With --model: of each replica.")
@shared_options
def plan_command(
    file: Path | None,
    developers: int,
    model: Path | None,
    card: str,
    cards: int,
    edge: Edge,  # noqa: ARG001 - every command takes it
    json_wanted: bool,
) -> None:
    """Calculate how many replicas so many developers need, and what is at its limit first as more come.

    FILE says what is known better than assumed; nothing is asked of a pool. docs/pool.md has the model and its limits.
    """
    from orchestrator.pool.capacity import PlanFile, planned, read_plan

    given = PlanFile() if file is None else read_plan(file)
    if model is not None:
        given = _on_card(given, model, card, cards)
    numbers = sorted({max(1, developers // 4), max(1, developers // 2), developers, 2 * developers, 4 * developers})
    plans = [planned(given, number) for number in numbers]
    if json_wanted:
        print_document({"given": given.model_dump(), "plans": [asdict(each) for each in plans]})
        return
    this = plans[numbers.index(developers)]
    write(
        f"{developers} developers need {this.replicas} replica{'s' * (this.replicas != 1)}; {this.limit} is at its limit first\n\n{_COLUMNS}"
    )
    for each in plans:
        write(_row(each))
    write(
        f"\na developer's day costs {this.day_tokens:,.0f} tokens, as budgets count. What this rests on (a file may say otherwise):"
    )
    for table, values in given.model_dump(exclude_none=True).items():
        write(f"[{table}]  " + "  ".join(f"{name} = {value:.6g}" for name, value in values.items()))


def _on_card(given: PlanFile, model: Path, card: str, cards: int) -> PlanFile:
    from orchestrator.pool.capacity import CARDS, read_weights, replica_on

    if card not in CARDS:
        raise click.UsageError(
            f"--card is one of {', '.join(CARDS)}; for another, name its figures in [replica] of a file"
        )
    made = replica_on(read_weights(model), CARDS[card], cards, given.traffic, given.replica.at_once)
    return given.model_copy(update={"replica": made})


def _row(plan: Plan) -> str:
    load = plan.load
    return (
        f"{plan.developers:>10,}{plan.replicas:>10,}{load.reading:>9.0%}{load.writing:>8.0%}{load.cached:>8.1%}"
        f"{load.first_p50_s:>15.2f} s{load.first_p95_s:>6.2f} s{plan.crowded.first_p95_s:>7.2f} s{plan.address:>9.1%}"
        f"{plan.enough_for:>12,}  {plan.limit}"
    )
