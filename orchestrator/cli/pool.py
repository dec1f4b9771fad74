"""Commands of the model pool: `pool up`, `pool status`, `pool down`, `pool key`."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.edge import Edge
from orchestrator.cli.options import shared_options
from orchestrator.cli.output import ago, print_document, write
from orchestrator.cli.poolplan import plan_command

if TYPE_CHECKING:
    from orchestrator.pool import Folder, PoolFile, PoolStatus

_FILE = click.Path(dir_okay=False, path_type=Path)
_LOOK_S = 0.1
_MISSING = ("httptools", "httpx2", "huggingface_hub", "uvicorn", "uvloop")


@click.group("pool")
def pool_command() -> None:
    """Run models on this machine, behind one address."""


pool_command.add_command(plan_command)


@pool_command.command("up")
@click.argument("file", type=_FILE, required=False)
@click.option(
    "--local",
    type=click.Path(path_type=Path),
    metavar="MODEL",
    help="One model instead of a file: a GGUF file, a folder, or as the Hugging Face hub names it: ORG/NAME[/FILE.gguf][@REVISION].",
)
@click.option("--download", is_flag=True, help="Fetch what the hub's cache lacks of the models.")
@click.option("--port", type=click.IntRange(0, 65535), default=8400, metavar="PORT", help="With --local: listen here.")
@shared_options
def up_command(file: Path | None, local: Path | None, download: bool, port: int, edge: Edge, json_wanted: bool) -> None:
    """Bring up what FILE says (default: pool.toml beside config.toml), and keep it up until Ctrl-C.

    Where a pool is up already, have it go over to FILE: models that changed are replaced one replica after the other.
    """
    with _extra():
        wanted = _wanted(edge, file, local, port, download=download)
    folder = _folder(edge)
    if folder.is_up:
        _change(folder, wanted, json_wanted)
        return
    with _extra():
        from orchestrator.pool import check_memory
        from orchestrator.pool.serving import serve

        check_memory(wanted)

    def ready(address: str) -> None:
        if json_wanted:
            print_document({"address": address, "models": sorted(wanted.models)})
        else:
            write(f"the pool answers at {address}: {', '.join(sorted(wanted.models))}\nLLM_BASE_URL={address}")

    serve(wanted, folder, edge.environ, ready)


@pool_command.command("status")
@shared_options
def status_command(edge: Edge, json_wanted: bool) -> int:
    """Say how the pool stands, and what was spent; exit with 1 where none is up."""
    from orchestrator.pool import report_of

    report = report_of(_folder(edge))
    status = report.pool
    if json_wanted:
        print_document(report.document)
    elif status is None:
        write("no pool is up: `nightcrew pool up`")
    else:
        _print_status(status)
        for each in report.spent[:10]:
            of = f"{each.cached / each.tokens_in:.0%} cached" if each.tokens_in else ""
            write(
                f"  {each.day}  {each.user}  {each.ticket or '-'}  {each.model}: {each.calls} calls, "
                f"{each.tokens_in:,} tokens in ({of}), {each.tokens_out:,} out"
            )
    return int(status is None)


@pool_command.command("down")
@click.option("--now", is_flag=True, help="Do not wait for requests under way.")
@shared_options
def down_command(now: bool, edge: Edge, json_wanted: bool) -> None:
    """End the pool, once its requests are answered."""
    folder = _folder(edge)
    was_up = folder.signal(signal.SIGTERM)
    if was_up and now:
        time.sleep(_LOOK_S)
        folder.signal(signal.SIGTERM)
    while folder.is_up:
        time.sleep(_LOOK_S)
    if json_wanted:
        print_document({"ended": was_up})
    else:
        write("the pool has ended" if was_up else "no pool was up")


@pool_command.command("key")
@click.argument("name")
@shared_options
def key_command(name: str, edge: Edge, json_wanted: bool) -> None:  # noqa: ARG001 - every command takes them
    """Make a key for NAME; print it once, and what to put into the pool's file."""
    import json

    from orchestrator.pool import new_key

    key, sha256 = new_key()
    if json_wanted:
        print_document({"name": name, "key": key, "sha256": sha256})
    else:
        write(f"{key}\nkeep it: it is shown this once. In the pool's file:\n")
        write(f'[[keys]]\nname = {json.dumps(name)}\nsha256 = "{sha256}"')


@contextmanager
def _extra() -> Iterator[None]:
    """Say which extra has a package that is missing. Raises `BadConfig`."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _MISSING:
            raise
        from orchestrator.errors import BadConfig

        raise BadConfig(f"`nightcrew pool` needs the package {error.name}: install nightcrew[pool]") from error


def _wanted(edge: Edge, file: Path | None, local: Path | None, port: int, *, download: bool) -> PoolFile:
    from orchestrator.directories import machine_file
    from orchestrator.pool import local_pool, located, read_pool

    if local is not None and file is not None:
        raise click.UsageError("name a file or --local, not both")
    file = file or machine_file(edge.environ, edge.home).with_name("pool.toml")
    wanted = read_pool(file) if local is None else local_pool(local, port)
    command = f"nightcrew pool up {file if local is None else f'--local {local}'}"
    return located(wanted, edge.environ, command, partial(click.echo, err=True), download=download)


def _folder(edge: Edge) -> Folder:
    from orchestrator.pool import Folder

    return Folder(edge.state() / "pool")


def _change(folder: Folder, wanted: PoolFile, json_wanted: bool) -> None:
    """Have the pool that is up go over to what is wanted, and wait for that. Raises `PoolError`."""
    from orchestrator.pool import PoolError

    folder.wanted.write_text(wanted.model_dump_json(), "utf-8")
    folder.signal(signal.SIGHUP)
    while (status := folder.read()) is None or status.changing or status.wants != wanted.digest:
        if not folder.is_up:
            raise PoolError("the pool ended meanwhile: bring it up anew")
        time.sleep(_LOOK_S)
    if status.trouble:
        raise PoolError(status.trouble)
    if json_wanted:
        print_document({"address": status.address, "models": sorted(wanted.models)})
    else:
        write(f"the pool at {status.address} is as wanted")


def _print_status(status: PoolStatus) -> None:
    write(f"the pool answers at {status.address}" + (" and is changing" if status.changing else ""))
    if status.trouble:
        write(f"  the last change did not come about: {status.trouble}")
    for model in status.models:
        roles = f" ({', '.join(model.roles)})" if model.roles else ""
        twice = f", {model.hedged} went to two replicas" if model.hedged else ""
        write(f"{model.name}{roles}, {model.engine}: {model.waiting} requests wait{twice}")
        for each in model.replicas:
            age = ago(status.at - each.since)
            looked, hits = each.cache or (0, 0)
            cached = f", {hits / looked:.0%} of {looked:,} tokens cached" if looked else ""
            at = f" at {each.host}" if each.host and each.pid is None else ""
            at += f" on GPU {', '.join(each.gpus)}" if each.gpus else ""
            write(
                f"  {each.state:<9} {each.name}{at}  for {age}: {each.running} requests, {each.tickets} tickets{cached}"
            )
            if each.why:
                write("".join(f"    {line}\n" for line in each.why.splitlines()).rstrip())
