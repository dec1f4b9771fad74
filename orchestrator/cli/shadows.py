"""The group `shadow`: the shadow file system on its own, without tickets or agents."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge, find_repository
from orchestrator.cli.options import repo_option, shared_options
from orchestrator.cli.output import print_document, print_patch, write

if TYPE_CHECKING:
    from shadowfs import Driver, Shadow, Snapshot


_PAUSE_S = 3600.0


@click.group("shadow")
def shadow_command() -> None:
    """The shadow file system on its own.

    A shadow made here is a pinned state of a repository and what was written since; between commands it is at rest in
    the depot, and costs nothing.
    """


@shadow_command.command("create")
@repo_option
@shared_options
def create_command(repo: Path | None, edge: Edge, json_wanted: bool) -> None:
    """Pin the repository as it is now and make a shadow of it."""
    from orchestrator.cli.shelf import Shelf
    from orchestrator.configuration.config import read_repository

    repository = find_repository(repo)
    shelved = Shelf(edge.state()).create(repository, read_repository(repository).files.secret, edge.environ)
    if json_wanted:
        print_document({"shadow": shelved.id, "snapshot": shelved.snapshot, "tree": shelved.tree})
        return
    write(f"made shadow {shelved.id}")
    write(f"next: nightcrew shadow mount {shelved.id}")


@shadow_command.command("mount")
@click.argument("shadow")
@click.option("--driver", type=click.Choice(["fuse", "copy"]), help="How it is mounted; default: the best that works.")
@click.option("--follow", is_flag=True, help="Show what you save meanwhile, wherever nothing was written there.")
@shared_options
def mount_command(shadow: str, driver: str | None, follow: bool, edge: Edge, json_wanted: bool) -> None:
    """Mount a shadow until Ctrl-C, then keep what was written.

    It says where the files are: read, edit and run there as you like, nothing reaches the repository. With --follow what
    you save in the repository shows there within a second, but for the files that were written there.
    """
    from orchestrator.cli.shelf import Shelf
    from shadowfs import sweep

    state = edge.state()
    sweep(state)
    shelf = Shelf(state)
    # An id that is none is told before a driver is started for it.
    shelf.find(shadow)
    with closing(_driver(state, driver)) as chosen, shelf.mounted(shadow, chosen) as (shelved, mounted):
        _show_until_interrupted(
            mounted, json_wanted, lambda: _follow(mounted, shelved.tree, state, edge.environ) if follow else None
        )
    click.echo(f"unmounted; what was written is kept: nightcrew shadow diff {shadow}", err=True)


@shadow_command.command("fork")
@click.argument("shadow")
@shared_options
def fork_command(shadow: str, edge: Edge, json_wanted: bool) -> None:
    """Make another shadow that starts where this one stood when it was last unmounted."""
    from orchestrator.cli.shelf import Shelf

    forked = Shelf(edge.state()).fork(shadow)
    if json_wanted:
        print_document({"shadow": forked.id, "snapshot": forked.snapshot, "tree": forked.tree})
    else:
        write(f"made shadow {forked.id}")


@shadow_command.command("diff")
@click.argument("shadow")
@shared_options
def diff_command(shadow: str, edge: Edge, json_wanted: bool) -> None:
    """Print what was written to a shadow, up to when it was last unmounted, as a git patch."""
    from orchestrator.cli.shelf import Shelf

    shelf = Shelf(edge.state())
    shelved = shelf.find(shadow)
    snapshot = shelf.snapshot(shelved)
    patch = snapshot.depot.diff(snapshot.tree, shelved.tree)
    if json_wanted:
        print_document({"shadow": shadow, "diff": patch.decode("utf-8", "replace")})
    else:
        print_patch(patch)


@shadow_command.command("drop")
@click.argument("shadow")
@shared_options
def drop_command(shadow: str, edge: Edge, json_wanted: bool) -> None:
    """Forget a shadow and all that was written to it."""
    from orchestrator.cli.shelf import Shelf

    shelf = Shelf(edge.state())
    with shelf.held(shadow) as shelved:
        shelf.drop(shelved)
    if json_wanted:
        print_document({"shadow": shadow, "status": "dropped"})
    else:
        write(f"dropped shadow {shadow}")


def _driver(state: Path, name: str | None) -> Driver:
    from shadowfs import CopyDriver, DriverUnavailable, FuseDriver

    why = []
    drivers: tuple[Driver, ...] = (FuseDriver(state), CopyDriver(state))
    for driver in drivers:
        if name in (None, driver.name):
            probe = driver.probe()
            if probe.works:
                return driver
            driver.close()
            why.append(f"the {driver.name} driver does not work here: {probe.why}")
    raise DriverUnavailable("; ".join(why))


def _follow(mounted: Shadow, tree: str, state: Path, environ: Mapping[str, str]) -> None:
    """Move a shadow that stands at `tree` to what the user saves, again and again."""
    from shadowfs import Follower, pin

    first = mounted.snapshot
    own = {file.path: file.after for file in first.depot.change(first.tree, tree).files}

    def pin_all() -> Snapshot:
        return pin(first.repository, state, secret_patterns=first.secret_patterns, environ=environ)

    with Follower(first, pin_all) as follower:
        trouble = ""
        while True:
            newer = follower.next(_PAUSE_S)
            if newer is not None:
                old = mounted.snapshot
                mounted.move(newer, newer.depot.graft(newer.tree, own))
                if old.id != first.id:
                    old.forget()
            if follower.trouble not in ("", trouble):
                click.echo(f"what you save is not followed now: {follower.trouble}", err=True)
            trouble = follower.trouble


def _show_until_interrupted(mounted: Shadow, json_wanted: bool, meanwhile: Callable[[], None]) -> None:
    """Say where the files are, and wait for Ctrl-C or a request to end; the mount outlives either, for its last state to be kept."""
    place = mounted.mount
    path = place.path if place.namespace is None else Path(f"/proc/{place.namespace}/root{place.path}")
    try:
        if json_wanted:
            print_document({"path": str(path), "driver": mounted.driver, "namespace": place.namespace})
        else:
            write(str(path))
            click.echo(f"mounted with the {mounted.driver} driver until Ctrl-C", err=True)
        meanwhile()
        signal.pause()
    except KeyboardInterrupt:
        return
