"""What a command says when it fails: kind, message and hint, as text or as JSON. Exit statuses come from `orchestrator.exits`."""

from __future__ import annotations

import errno
import json
import re
import traceback
from dataclasses import dataclass
from pathlib import Path

import click

from orchestrator.plain import plain

_HINTS = {
    "sandbox-unavailable": "run `nightcrew doctor`: it names the command that makes the sandbox work",
    "driver-unavailable": "run `nightcrew doctor`, or leave --driver out to use what works here",
    "bad-config": "every key is described in docs/configuration.md",
}
_SYSTEM_HINTS = {
    errno.ENOSPC: "make room on that disk, or keep the state elsewhere with --state DIR",
    errno.EDQUOT: "make room within your quota, or keep the state elsewhere with --state DIR",
    errno.EACCES: "check the permissions of that path, or keep the state elsewhere with --state DIR",
    errno.ENOTDIR: "a directory of that path is a file: keep the state elsewhere with --state DIR",
    errno.EROFS: "that file system is read-only: keep the state elsewhere with --state DIR",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a command failed: kind (`not-pinnable` …), message, what to do, exit status."""

    kind: str
    message: str
    hint: str
    exit_status: int


def known_failure(error: Exception) -> Failure | None:
    """Return what is to be said about an error that is somebody's business, None where it is a defect of nightcrew."""
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx else "nightcrew"
        return Failure("usage", error.format_message(), f"`{command} --help` shows how it is used", error.exit_code)
    if isinstance(error, click.ClickException):
        return Failure("usage", error.format_message(), "", error.exit_code)
    # The packages' errors are imported only now: most commands never fail, and start-up is to be fast.
    from agents import AgentError
    from orchestrator.errors import OrchestratorError
    from orchestrator.exits import exit_of_error
    from sandbox import SandboxError
    from shadowfs import ShadowfsError
    from verifier import VerifierError

    if isinstance(error, (OrchestratorError, SandboxError, ShadowfsError, VerifierError, AgentError)):
        kind = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
        return Failure(kind, str(error), _HINTS.get(kind, ""), exit_of_error(error))
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        return Failure("system", f"{where}{error.strerror}", _SYSTEM_HINTS.get(error.errno, ""), exit_of_error(error))
    return None


def internal_failure(error: Exception) -> Failure:
    """Return what is to be said about a defect of nightcrew: what it was and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    message = f"{type(error).__name__}: {error} (in {Path(last.filename).name}, line {last.lineno}, {last.name})"
    return Failure("internal", message, "this is a defect of nightcrew: please report it with the command you typed", 1)


def report_failure(failure: Failure, json_wanted: bool) -> int:
    """Print a failure and return its exit status."""
    if json_wanted:
        error = {"kind": failure.kind, "message": plain(failure.message), "hint": failure.hint}
        click.echo(json.dumps({"error": error, "exit_status": failure.exit_status}))
    else:
        click.echo(f"nightcrew: {plain(failure.message)}", err=True)
        if failure.hint:
            click.echo(f"  {failure.hint}", err=True)
    return failure.exit_status
