"""Tickets from what a CI leaves behind: the options that name its files, and a ticket's text and tests put together from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.options import Function

if TYPE_CHECKING:
    from orchestrator.builds import Red

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def build_options(function: Function) -> Function:
    """Add `--from`, and the two that say which kind of file it is."""
    for name, help in (
        ("--from-log", "The same, a log whatever it looks like."),
        ("--from-junit", "The same, JUnit XML."),
        ("--from", "Take what failed from a file of a CI: JUnit XML, SARIF, JSON of jest or go, a log."),
    ):
        function = click.option(
            name, name.strip("-").replace("-", "_") + "_file", type=_FILE, metavar="FILE", help=help
        )(function)
    return function


def read_given(given: dict[str, Any], repository: Path) -> Red | None:
    """Take the options of `build_options` out of what was given, and read the file that one of them names. Raises `click.UsageError`."""
    files = {kind: given.pop(f"{kind}_file") for kind in ("from", "from_junit", "from_log")}
    named = {kind: path for kind, path in files.items() if path is not None}
    if len(named) > 1:
        raise click.UsageError("what failed is given twice: name one file of the CI")
    from orchestrator.builds import UnreadableBuild

    for kind, path in named.items():
        try:
            return read_file(kind, path, repository)
        except UnreadableBuild as error:
            raise click.UsageError(f"{path}: {error}") from error
    return None


def merged(text: str | None, failing: tuple[str, ...], red: Red) -> tuple[str, tuple[str, ...]]:
    """Return the ticket's text and failing tests, what somebody typed first."""
    words = red.text if text is None else f"{text}\n\n{red.text}"
    return words, tuple(dict.fromkeys((*failing, *red.failing)))


def read_file(kind: str, path: Path, repository: Path) -> Red:
    """Read a file of a CI; `kind` is the option that names it. Raises `UnreadableBuild`, and `click.UsageError` where it cannot be read."""
    from orchestrator.builds import read_build, read_junit, read_log

    readers: dict[str, Callable[[Path, Path], Red]] = {"from_junit": read_junit, "from_log": read_log}
    try:
        return readers.get(kind, read_build)(path, repository)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from error
