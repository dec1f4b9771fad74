"""Commands that copy the store and its depots to a file, and back: `backup`, `restore`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import shared_options
from orchestrator.cli.output import print_document, write

if TYPE_CHECKING:
    from orchestrator.backup import Manifest

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("backup")
@click.argument("file", type=_FILE)
@shared_options
def backup_command(file: Path, edge: Edge, json_wanted: bool) -> None:
    """Copy the store and its depots to FILE, while work goes on.

    It has tickets, journals, verdicts and proposals, but no secrets and no configuration: only the names of the variables that the machine's
    config.toml asks for. Managed checkouts are not in it: they are cloned again. A store on PostgreSQL is copied by `pg_dump`.
    """
    from orchestrator.backup import backup

    manifest = backup(edge.state(), edge.store(), file.absolute(), edge.machine().variables())
    _tell(manifest, file, "wrote", json_wanted)


@click.command("restore")
@click.argument("file", type=_FILE)
@shared_options
def restore_command(file: Path, edge: Edge, json_wanted: bool) -> None:
    """Put what `backup` wrote to FILE into a state directory and a store that hold nothing.

    Jobs that were at work go on from their journal once their leases have run out. Have no server or worker run meanwhile.
    """
    from orchestrator.backup import restore

    manifest = restore(edge.state(), edge.store(), file.absolute())
    _tell(manifest, file, "restored", json_wanted)


def _tell(manifest: Manifest, file: Path, what: str, json_wanted: bool) -> None:
    if json_wanted:
        told = {"schema": manifest.schema, "store": manifest.store, "made_at": manifest.made_at}
        print_document({"file": str(file), **told, "variables": list(manifest.variables)})
        return
    write(f"{what} {file}")
    if manifest.variables:
        write(f"not in it: the values of {', '.join(manifest.variables)}")
