"""Branches of data for tests, and commands that use them from a sandbox, as a repository's tests do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox import Branches, Command, Completed, LocalDriver, Policy, Root, Sandbox, Served, Services, Source
from sandbox.services.branches import SetUp
from sandbox.services.postgres import postgres_programs

PSQL = str((postgres_programs() or Path("/usr/bin")) / "psql")
REDIS = ("redis-cli", "-s", "/run/services/redis/redis.sock")


def nothing(_: Served) -> None:
    """Set nothing up."""


def branches(folder: Path) -> Branches:
    """Return branches that keep all they have below `folder`."""
    return Branches(folder / "templates", folder / "scratch")


@contextmanager
def sandboxed(folder: Path, served: Served) -> Iterator[Sandbox]:
    """Open a sandbox that is served something."""
    tree = folder / "tree"
    tree.mkdir(parents=True, exist_ok=True)
    policy = Policy(environment=served.environment, sockets=served.sockets)
    with LocalDriver(folder / "scratch").open(Root(tree, tree, writable=served.writable), policy) as sandbox:
        yield sandbox


@contextmanager
def branch(folder: Path, services: Services, source: Source = Source(), set_up: SetUp = nothing) -> Iterator[Sandbox]:
    """Open a branch and a sandbox that is served it."""
    with branches(folder).open(services, source, set_up, {}) as served, sandboxed(folder, served) as sandbox:
        yield sandbox


def sql(sandbox: Sandbox, *statements: str) -> Completed:
    """Run statements one by one, as the user that the variables name."""
    words = (word for statement in statements for word in ("-c", statement))
    return sandbox.run(Command((PSQL, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", *words)))


def redis(sandbox: Sandbox, *words: str) -> str:
    """Run a command of Redis, and return what it answers."""
    return sandbox.run(Command((*REDIS, *words))).stdout.decode().strip()


def told(completed: Completed) -> str:
    """Return what a command said."""
    return (completed.stdout + completed.stderr).decode()
