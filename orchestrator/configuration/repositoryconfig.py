"""The tables of a repository's `nightcrew.toml`. Closed records, as those of the machine's file are. Pydantic stays in here."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from orchestrator.configuration.closed import Closed
from orchestrator.errors import BadConfig
from sandbox import PostgresService, RedisService, Services, service_variables

_NAME = r"^[a-z_][a-z0-9_]{0,31}$"


class TestTable(Closed):
    """How the repository is tested."""

    __test__ = False

    command: str | None = None
    """The suite's command, as typed in a shell (no shell runs it): `pytest tests`, `python -m unittest`, `make test`."""
    python: str | None = None
    """The project's interpreter, absolute or relative to the repository; found by itself where not given."""
    directory: str = "."
    """Where the command runs, relative to the repository."""
    environment: dict[str, str] = {}
    """Variables the tests need. No secrets: this file is committed."""
    seconds: float = Field(default=600.0, gt=0)
    """Limit of one run of the suite, wall clock."""
    memory_mb: int = Field(default=4096, gt=0)
    """Limit of one run of the suite."""


class LintTable(Closed):
    """How the repository is linted."""

    commands: tuple[str, ...] = Field(default=(), strict=False)
    """Recorded by `init`; no rung of the ladder runs them yet."""


class LanguageTable(Closed):
    """Which language servers look at the code."""

    enabled: bool = True
    """Whether any does; which are there is found by itself."""
    off: tuple[str, ...] = Field(default=(), strict=False)
    """Names of servers that are never started (`nightcrew doctor` lists them)."""
    settings: dict[str, dict[str, Any]] = {}
    """By server: what it is told when it asks its editor for settings, over what nightcrew tells it."""


class FilesTable(Closed):
    """Which files an agent may not see or change (gitignore-like patterns)."""

    secret: tuple[str, ...] = Field(default=(), strict=False)
    """Patterns of files that do not exist for an agent, besides the built-in ones (`.env`, keys …)."""
    protected: tuple[str, ...] = Field(default=(), strict=False)
    """Patterns of files that an agent may read and not change."""


class BudgetTable(Closed):
    """What one ticket may cost before it pauses."""

    seconds: float = Field(default=1800.0, gt=0)
    usd: float | None = Field(default=None, ge=0)
    tokens: int | None = Field(default=None, ge=0)
    """Of models, read and written."""


class AgentTable(Closed):
    """Who works on tickets."""

    default: str = "repair"
    """`repair`, `model`, `command:CMD`, a list of such, or `auto`, which chooses among `repair` and the models there are."""
    attempts: int = Field(default=1, ge=1, le=64)
    rounds: int = Field(default=2, ge=0, le=16)
    """How often, at most, an agent goes on with what the ladder said against its proposal."""
    ask: bool = True
    """Whether a job may pause with a question; without it the likeliest change is taken."""
    needs: tuple[str, ...] = Field(default=(), strict=False)
    """What a worker has to be able to do for its tickets: `gpu`, or a name that workers are started with (`--can`)."""

    @field_validator("needs")
    @classmethod
    def _named(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        from orchestrator.dispatch.abilities import checked

        return checked(value)


class ContainerTable(Closed):
    """What the docker sandbox's containers are made of."""

    image: str | None = None
    """An image that the engine has, with a shell and everything the tests need; else one is built."""
    dockerfile: str | None = None
    """What builds it, relative to the repository; else a devcontainer.json, a Dockerfile, or what `init` finds."""
    setup: str | None = None
    """A shell's command that runs in it once, as root, in the repository's place, with the network."""
    secrets: tuple[str, ...] = Field(default=(), strict=False)
    """Names of environment variables that the set-up gets, and nothing else ever."""
    python: str = "python3"
    """The project's interpreter in the image."""


class SetupTable(Closed):
    """How a managed checkout gets its environment. Of a repository on disk its owner sees to that."""

    run: tuple[str, ...] = Field(default=(), strict=False)
    """A shell's commands, one after the other; else those of a devcontainer.json, or of copilot-setup-steps.yml."""
    secrets: tuple[str, ...] = Field(default=(), strict=False)
    """Names of variables that they get, of those that the machine's file allows this repository."""
    network: bool = True
    seconds: float = Field(default=1800.0, gt=0)
    """Limit of them all, wall clock."""
    files: tuple[str, ...] = Field(default=(), strict=False)
    """Patterns of further files that they read: when one changes, they run again."""


class PostgresTable(Closed):
    """A PostgreSQL server for each sandbox."""

    user: str = Field(default="nightcrew", pattern=_NAME)
    """Who owns the database, and may make more."""
    database: str = Field(default="nightcrew", pattern=_NAME)
    dump: str | None = None
    """What `pg_dump` wrote, relative to the repository, and committed: plain SQL or its own format."""


class RedisTable(Closed):
    """A Redis server for each sandbox."""

    dump: str | None = None
    """A `dump.rdb`, relative to the repository, and committed."""


class ServicesTable(Closed):
    """The databases that the tests need, of which each sandbox gets a branch of its own."""

    postgres: PostgresTable | None = None
    redis: RedisTable | None = None
    sqlite: dict[str, str] = {}
    """Database files by a name, relative to the repository or absolute."""
    setup: str | None = None
    """A shell's command that fills the servers, in the top directory of a shadow, as the tests run."""
    files: tuple[str, ...] = Field(default=(), strict=False)
    """Patterns of the files that it reads: when one changes, it runs again; without any, for each tree."""
    environment: dict[str, str] = {}
    """Variables whose values may name where things are: `{postgres.host}`, `{redis.socket}`, `{sqlite.NAME}`."""

    def services(self, repository: Path, home: Path, opened: Sequence[Path]) -> Services:
        """Return the services; databases outside of the repository lie in `opened` directories. Raises `BadConfig`."""
        postgres, redis = self.postgres, self.redis
        services = Services(
            None if postgres is None else PostgresService(postgres.user, postgres.database, postgres.dump),
            None if redis is None else RedisService(redis.dump),
            {name: _database(name, given, repository, home, opened) for name, given in self.sqlite.items()},
            self.setup,
            self.files,
            self.environment,
        )
        if services.setup is not None and not services.servers:
            raise BadConfig(
                "nightcrew.toml: `services.setup` fills servers, and `services` has neither postgres nor redis"
            )
        try:
            service_variables(services, services.sqlite)
        except ValueError as error:
            raise BadConfig(f"nightcrew.toml: `services.environment`: {error}") from error
        return services


def _database(name: str, given: str, repository: Path, home: Path, opened: Sequence[Path]) -> Path:
    """Return where a database lies, relative to the repository where it lies in there."""
    if re.match(_NAME, name) is None:
        raise BadConfig(f"nightcrew.toml: `services.sqlite` names {name!r}: take small letters, digits and underscores")
    path = Path(str(home) + given[1:] if given.startswith("~/") else given)
    where = Path(os.path.normpath(repository / path))
    if where.is_relative_to(repository):
        return where.relative_to(repository)
    real = where.resolve()
    if not any(real.is_relative_to(directory.resolve()) for directory in opened):
        raise BadConfig(
            f"nightcrew.toml: the database {where} lies outside of the repository: let sandboxes read its directory, as one of"
            " `sandbox.toolchains` in this machine's config.toml"
        )
    return real


class RepositoryConfig(Closed):
    """`nightcrew.toml`."""

    test: TestTable = TestTable()
    lint: LintTable = LintTable()
    language: LanguageTable = LanguageTable()
    files: FilesTable = FilesTable()
    budget: BudgetTable = BudgetTable()
    agent: AgentTable = AgentTable()
    sandbox: ContainerTable = ContainerTable()
    setup: SetupTable = SetupTable()
    services: ServicesTable = ServicesTable()
