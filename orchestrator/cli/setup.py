"""Commands that set up: `init` looks at a repository and writes `nightcrew.toml`, `doctor` says what works on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge, find_repository
from orchestrator.cli.options import repo_option, shared_options
from orchestrator.cli.output import print_document, write
from orchestrator.plain import plain

if TYPE_CHECKING:
    from orchestrator.configuration.detect import Detected
    from orchestrator.doctor import Check


@click.command("init")
@repo_option
@click.option("--force", is_flag=True, help="Write over a nightcrew.toml that is there.")
@shared_options
def init_command(repo: Path | None, force: bool, edge: Edge, json_wanted: bool) -> None:
    """Look at the repository and write nightcrew.toml.

    That is how its tests run, with which interpreter, and its linters. Only files are read: nothing of the repository is run.
    """
    from orchestrator.configuration.config import REPOSITORY_FILE

    repository = find_repository(repo)
    target = repository / REPOSITORY_FILE
    if target.exists() and not force:
        raise click.UsageError(f"{target} is there already: edit it, or write over it with --force")
    found = edge.detect(repository)
    target.write_text(render(found, repository), "utf-8")
    if json_wanted:
        print_document(_document(found, target))
        return
    write(f"wrote {target}")
    if found.command:
        write(f"tests: {found.command}  ({found.why})")
    if found.interpreter:
        version = f", Python {found.interpreter.version}" if found.interpreter.version else ""
        write(f"interpreter: {found.interpreter.path}  ({found.interpreter.source}{version})")
    if found.linters:
        write(f"linters: {', '.join(found.linters)}")
    for note in found.notes:
        write(f"missing: {note}")
    write("next: nightcrew fix 'what is wrong'")


def render(found: Detected, repository: Path) -> str:
    """Return the text of `nightcrew.toml` for what was found."""
    interpreter = found.interpreter.path if found.interpreter and found.interpreter.source != "system" else None
    if interpreter is not None and interpreter.is_relative_to(repository):
        interpreter = interpreter.relative_to(repository)
    environment = ", ".join(f"{name} = {_quoted(value)}" for name, value in found.environment.items())
    lines = [
        "# How nightcrew works on this repository. Keys: docs/configuration.md. Unknown keys are errors.",
        "",
        "[test]",
        f"command = {_quoted(found.command)}"
        if found.command
        else '# command = "pytest"  # no tests were found: say how they run',
    ]
    if interpreter is not None:
        lines.append(f"python = {_quoted(str(interpreter))}")
    if environment:
        lines.append(f"environment = {{ {environment} }}")
    if found.linters:
        lines += ["", "[lint]", f"commands = [{', '.join(map(_quoted, found.linters))}]"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text)


def _document(found: Detected, target: Path) -> dict[str, object]:
    interpreter = found.interpreter
    return {
        "wrote": str(target),
        "test": found.command or None,
        "seen_in": found.why or None,
        "python": None
        if interpreter is None
        else {"path": str(interpreter.path), "source": interpreter.source, "version": interpreter.version},
        "tests": list(found.tests),
        "linters": list(found.linters),
        "notes": list(found.notes),
    }


@click.command("doctor")
@click.option("--cluster", is_flag=True, help="Look at what several machines share instead: store, broker, workers.")
@shared_options
def doctor_command(cluster: bool, edge: Edge, json_wanted: bool) -> int:
    """Say what works on this machine.

    And what nightcrew uses instead of what does not, and how to get it. Exit status: 0 where the main job works, 1 where something it cannot do without is missing.
    """
    from orchestrator.doctor import examine

    if cluster:
        from orchestrator.cluster.checkup import examine_cluster
        from orchestrator.places.containers import docker_hosts

        hosts = docker_hosts(edge.environ, edge.home)
        checks = examine_cluster(edge.state(), edge.store(), edge.broker(), edge.exchange(), hosts, edge.room())
    else:
        checks = examine(edge.state(), edge.environ)
    able = all(check.works or not check.needed for check in checks)
    if json_wanted:
        print_document({"able": able, "checks": [_check_document(check) for check in checks]})
        return 0 if able else 1
    for check in checks:
        mark, colour = ("ok", "green") if check.works else ("MISSING", "red") if check.needed else ("no", "yellow")
        click.echo(f"{click.style(f'{mark:<8}', fg=colour)}{check.name:<14} {plain(check.why)}")
        if not check.works and check.instead:
            click.echo(f"{'':<23}instead: {plain(check.instead)}")
        if not check.works and check.get:
            click.echo(f"{'':<23}get it:  {plain(check.get)}")
    click.echo("nightcrew works here" if able else "nightcrew cannot work here until what is MISSING is there")
    return 0 if able else 1


def _check_document(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "works": check.works,
        "needed": check.needed,
        "why": check.why,
        "instead": check.instead or None,
        "get": check.get or None,
    }
