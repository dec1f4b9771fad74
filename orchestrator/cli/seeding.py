"""The command `seed`: bugs that a suite kills, as patches with a manifest, and the places where it noticed none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.edge import DIRECTORY, Edge, find_repository
from orchestrator.cli.options import repo_option, shared_options
from orchestrator.cli.output import print_document, write
from orchestrator.plain import one_line

if TYPE_CHECKING:
    from agents import Harvest, Seeded

_MOST_TESTS = 3


@click.command("seed")
@click.option("--count", type=click.IntRange(1, 10_000), default=10, metavar="N", help="Bugs wanted; default: 10.")
@click.option("--seed", type=int, default=0, metavar="S", help="The same seed makes the same bugs.")
@click.option("--out", type=DIRECTORY, metavar="DIR", help="Write patches and a manifest to DIR, new or empty.")
@click.option("--test", "test_command", metavar="CMD", help="The suite; default: nightcrew.toml's, else what is found.")
@click.option("--path", "paths", multiple=True, metavar="GLOB", help="Seed files that match this only. Repeatable.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="SEC", help="Budget of wall clock.")
@repo_option
@shared_options
def seed_command(
    count: int, seed: int, out: Path | None, test_command: str | None, paths: tuple[str, ...], edge: Edge, json_wanted: bool, **given: Any
) -> None:  # fmt: skip
    """Make realistic bugs that the suite notices, and say which it does not.

    For benchmarks, and for measuring tests. Each bug is one small edit, the reverse of a repair that people make; tests
    that passed fail by it. It is tried in a shadow: nothing is written to the repository.
    """
    repository = find_repository(given["repo"])
    if out is not None:
        out = _place(out, repository)
    harvest = _harvest(edge, repository, test_command, given["seconds"], (count, seed, paths))
    document = harvest_document(harvest, seed)
    if out is not None:
        _save(harvest, document, out)
    if json_wanted:
        print_document(document)
    else:
        _print(harvest, out)


def _harvest(
    edge: Edge, repository: Path, test: str | None, seconds: float | None, asked: tuple[int, int, tuple[str, ...]]
) -> Harvest:
    from contextlib import closing
    from dataclasses import replace

    from agents import Wanted
    from orchestrator.cli.progress import watching
    from orchestrator.records import Event
    from orchestrator.seeding import Seeding, seed_repository
    from orchestrator.sweep import sweep_files
    from orchestrator.wiring import real_engines

    settings, state = edge.settings(repository, test), edge.state()
    sweep_files(state)
    if seconds is not None:
        settings = replace(settings, seconds=seconds)
    count, seed, paths = asked
    with closing(real_engines(state, edge.environ)) as engines, watching() as watch:
        seeding = Seeding(Wanted(count, seed), paths)
        return seed_repository(
            seeding, settings, engines, repository, lambda text: watch(Event(0, "progress", text, 0.0))
        )


def _place(out: Path, repository: Path) -> Path:
    """Return where the patches go. Raises `click.UsageError` where that is in the repository, or not empty."""
    place = out.resolve()
    if place.is_relative_to(repository):
        raise click.UsageError(f"--out {out} lies in the repository, where nothing is written: name a place outside")
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise click.UsageError(f"--out {out} is there and not empty: name a new directory")
    return place


def _save(harvest: Harvest, document: dict[str, Any], out: Path) -> None:
    import json

    out.mkdir(parents=True, exist_ok=True)
    for kind in ("bugs", "survivors"):
        found: tuple[Seeded, ...] = harvest.seeded if kind == "bugs" else harvest.survivors
        for bug, told in zip(found, document[kind], strict=True):
            told["patch"] = f"{kind}/{told['number']:04}.patch"
            (out / kind).mkdir(exist_ok=True)
            (out / told["patch"]).write_bytes(bug.patch)
    (out / "manifest.json").write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def harvest_document(harvest: Harvest, seed: int) -> dict[str, Any]:
    """Return all that came of seeding, as JSON has it."""
    share = harvest.noticed
    return {
        "seed": seed,
        "bugs": [_bug(number, bug) for number, bug in enumerate(harvest.seeded, 1)],
        "survivors": [_bug(number, bug) for number, bug in enumerate(harvest.survivors, 1)],
        "noticed": None if share is None else round(share, 3),
        "left_out": {
            "hung": harvest.hung,
            "died": harvest.died,
            "unsteady": harvest.unsteady,
            "obvious": harvest.obvious,
        },
        "tests": {"passed": harvest.tests, "traced": harvest.traced},
        "statements": {"in_functions": harvest.statements, "executed": harvest.executed},
        "skipped": list(harvest.skipped),
        "why_ended": harvest.why_ended,
    }


def _bug(number: int, bug: Seeded) -> dict[str, Any]:
    return {
        "number": number,
        "file": bug.path,
        "line": bug.line,
        "function": bug.function,
        "family": bug.family,
        "maker": bug.maker,
        "repair": bug.repair,
        "diff": bug.patch.decode("utf-8", "replace"),
        "failing": list(bug.failing),
    }


def _print(harvest: Harvest, out: Path | None) -> None:
    for bug in harvest.seeded:
        more = len(bug.failing) - _MOST_TESTS
        tests = ", ".join(bug.failing[:_MOST_TESTS]) + (f" and {more} more" if more > 0 else "")
        write(f"bug       {_where(bug)}\n            fails: {one_line(tests, 300)}")
    for bug in harvest.survivors:
        write(f"unnoticed {_where(bug)}")
    for text in harvest.skipped:
        write(f"left alone {text}")
    _print_strength(harvest)
    if out is not None:
        write(f"wrote {out}: git apply {out}/bugs/0001.patch puts the first one in")


def _where(bug: Seeded) -> str:
    return f"{bug.path}:{bug.line} in {bug.function}: {bug.family}"


def _print_strength(harvest: Harvest) -> None:
    share = "" if harvest.noticed is None else f" ({harvest.noticed:.0%})"
    noticed = len(harvest.seeded) + harvest.obvious + harvest.hung + harvest.died
    write(f"{noticed} of {noticed + len(harvest.survivors)} bugs were noticed by {harvest.tests:,} tests{share}")
    write(
        f"{harvest.executed:,} of {harvest.statements:,} statements in functions run in a test; others were not tried"
    )
    left = (("hung", harvest.hung), ("ended the process", harvest.died), ("failed by many tests", harvest.obvious))
    told = [f"{count} {name}" for name, count in (*left, ("unsteady", harvest.unsteady)) if count]
    if told:
        write(f"left out: {', '.join(told)}")
    if harvest.traced < harvest.tests:
        write(f"the time was enough to look at what {harvest.traced:,} tests execute; a longer run may make other bugs")
    write(f"ended: {harvest.why_ended}")
