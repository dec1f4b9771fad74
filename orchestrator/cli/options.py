"""Options that commands share, and how an order is read from them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestrator.cli.edge import DIRECTORY, STATE_HELP, Edge

if TYPE_CHECKING:
    from orchestrator.records import AddedTest

Function = TypeVar("Function", bound=Callable[..., Any])

_AGENTS = (
    "repair, model (or model:NAME), command:CMD for any program that edits files in its working directory, acp:CMD for any agent"
    " of the Agent Client Protocol, several of them with commas between, or auto"
)

TEXT_LIMIT_BYTES = 1 << 20
"""Of a ticket's text."""


def shared_options(function: Function) -> Function:
    """Add what every command takes: `--state`, given to the command as `edge`, and `--json`."""

    @click.option("--state", type=DIRECTORY, metavar="DIR", help=STATE_HELP)
    @click.option("--json", "json_wanted", is_flag=True, help="Print one JSON document on standard output.")
    @functools.wraps(function)
    def with_edge(*args: object, state: Path | None, **kwargs: object) -> object:
        return function(*args, edge=Edge.of_process(state), **kwargs)

    return with_edge  # type: ignore[return-value]  # click reads the options off the wrapper


repo_option = click.option(
    "--repo", type=DIRECTORY, metavar="DIR", help="The repository; default: the one around the current directory."
)
ticket_argument = click.argument("ticket")
test_option = click.option(
    "--test", "test_command", metavar="CMD", help="The suite; default: nightcrew.toml's, else what is found."
)
workers_option = click.option(
    "--workers", type=click.IntRange(1, 64), default=1, metavar="N", help="Work on N jobs at once."
)
can_option = click.option(
    "--can",
    multiple=True,
    metavar="NAME",
    help="Something that tickets ask for and these workers can do, besides what is found by itself. Repeatable.",
)
metrics_port_option = click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Tell metrics for Prometheus here, without a key.",
)
metrics_host_option = click.option(
    "--metrics-host",
    default="127.0.0.1",
    metavar="HOST",
    help="Listen here for --metrics-port; default: this machine only.",
)
log_format_option = click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", help="How standard error tells what happens."
)
driver_option = click.option(
    "--driver", type=click.Choice(["fuse", "copy"]), help="How shadows are made; default: the best that works."
)
sandbox_option = click.option(
    "--sandbox",
    type=click.Choice(["local", "docker", "none"]),
    help="Where commands run; `none` gives up all isolation.",
)
keep_unverified_option = click.option(
    "--keep-unverified", is_flag=True, help="Put a change on a branch though it could not be verified."
)


def seconds_option(help_text: str = "Budget of wall clock; the job pauses there.") -> Callable[[Any], Any]:
    """Return the option that bounds the seconds of a ticket."""
    return click.option("--seconds", type=click.FloatRange(0, min_open=True), metavar="S", help=help_text)


def order_options(function: Function) -> Function:
    """Add the options that say how a ticket is worked on; the command gets them as keyword arguments of `read_order`."""
    for option in reversed(_ORDER_OPTIONS):
        function = option(function)
    return function


_ORDER_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    test_option,
    click.option("--failing", multiple=True, metavar="ID", help="A test that must go from failing to passing. Repeatable."),
    click.option(
        "--add-test",
        "add_tests",
        multiple=True,
        metavar="FILE[:PATH]",
        help="A test file to add at PATH, protected from the agent, delivered with the fix. Repeatable.",
    ),
    click.option(
        "--like",
        "likes",
        multiple=True,
        metavar="REV|FILE",
        help="A commit, or a file with a diff, that shows what to do to the rest. Repeatable; the agent is then `migrate`.",
    ),
    click.option("--agent", metavar="AGENT", help=f"{_AGENTS}."),
    click.option("--model", metavar="NAME", help="The configured model that a command:CMD may ask; default: the one in the environment, or the first that fits."),
    click.option("--attempts", type=click.IntRange(1, 64), metavar="N", help="Tries at the job, each in a shadow of its own."),
    click.option("--ask/--no-ask", default=None, help="Whether it may pause with a question, or takes the likeliest change."),
    click.option("--plan", is_flag=True, help="Have it plan first, and pause until `answer` approves the plan. For agents with models."),
    click.option("--follow", is_flag=True, help="Show it what you save meanwhile, wherever it has no version of its own."),
    seconds_option(),
    click.option("--usd", type=click.FloatRange(0), metavar="U", help="Budget in dollars; the job pauses there."),
    click.option("--tokens", type=click.IntRange(0), metavar="N", help="Budget in tokens of models; the job pauses there."),
    driver_option,
    sandbox_option,
    click.option("--needs", multiple=True, metavar="NAME", help="What a worker has to be able to do: gpu, docker, fuse, a name of --can. Repeatable."),
    click.option("--seed", type=int, default=0, metavar="N", help="Makes a run repeatable."),
    click.option("--no-branch", is_flag=True, help="Keep a verified change in the depot only."),
    keep_unverified_option,
)  # fmt: skip


def queue_options(function: Function) -> Function:
    """Add the options that say how much a ticket is wanted, and by when."""
    by = click.option(
        "--by",
        metavar="TIME",
        help="When it is to be done: 22:00, '2026-11-23 06:30', +8h. What has not begun by then fails.",
    )
    priority = click.option(
        "--priority",
        type=click.IntRange(-1000, 1000),
        default=0,
        metavar="N",
        help="The highest of the queued is first.",
    )
    return by(priority(function))


def text_options(function: Function) -> Function:
    """Add the ticket's text: an argument, `-` for standard input, or `--text-file`."""
    function = click.option(
        "--text-file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Read the text from FILE."
    )(function)
    return click.argument("text", required=False)(function)


def read_text(text: str | None, text_file: Path | None) -> str | None:
    """Return the ticket's text from where it was given, None where it was not. Raises `click.UsageError`."""
    if text is not None and text_file is not None:
        raise click.UsageError("the ticket's text is given twice: as an argument and with --text-file")
    if text_file is not None:
        return _bounded(text_file, str(text_file))
    if text == "-":
        data = sys.stdin.buffer.read(TEXT_LIMIT_BYTES + 1)
        return _decoded(data, "standard input")
    return text


def _bounded(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            return _decoded(file.read(TEXT_LIMIT_BYTES + 1), what)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from error


def _decoded(data: bytes, what: str) -> str:
    if len(data) > TEXT_LIMIT_BYTES:
        raise click.UsageError(
            f"{what} has more than {TEXT_LIMIT_BYTES >> 20} MB: a ticket's text says what is wrong, cut it to that"
        )
    return data.decode("utf-8", "replace")


def read_added(
    repository: Path, given: tuple[str, ...], test_places: Callable[[], tuple[str, ...]]
) -> tuple[AddedTest, ...]:
    """Read the files of `--add-test`.

    Without a PATH a file inside the repository stays where it is, another goes to the first of `test_places`.
    """
    from orchestrator.records import AddedTest

    added = []
    for word in given:
        name, separator, target = word.rpartition(":")
        if not separator or Path(word).is_file():
            name, target = word, ""
        file = Path(name)
        try:
            data = file.read_bytes()
        except OSError as error:
            raise click.UsageError(f"--add-test {word}: {file} cannot be read: {error.strerror}") from error
        added.append(AddedTest(target or _place(repository, file, test_places()), data))
    return tuple(added)


def _place(repository: Path, file: Path, places: tuple[str, ...]) -> str:
    absolute = file.resolve()
    if absolute.is_relative_to(repository):
        return str(absolute.relative_to(repository))
    directory = next((place for place in places if not place.endswith(".py")), "")
    return f"{directory}/{file.name}" if directory else file.name
