"""What a repository's tests need besides its files: databases, each sandbox with a branch of its own of their data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PostgresService:
    """A PostgreSQL server, with one database that belongs to one user, filled from a dump among the repository's files."""

    user: str = "nightcrew"
    database: str = "nightcrew"
    dump: str | None = None


@dataclass(frozen=True, slots=True)
class RedisService:
    """A Redis server, filled from a dump (`dump.rdb`) among the repository's files."""

    dump: str | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one repository.

    `sqlite` are database files by name: relative to the repository, or absolute. `setup` is a shell's command that fills the
    servers, run once for what `files` (patterns of repository paths; without any, the whole tree) hold. `environment` are variables
    whose values may name where things are: `{postgres.host}`.
    """

    postgres: PostgresService | None = None
    redis: RedisService | None = None
    sqlite: Mapping[str, Path] = field(default_factory=dict)
    setup: str | None = None
    files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> bool:
        """Whether there is any."""
        return self.servers or bool(self.sqlite)

    @property
    def servers(self) -> bool:
        """Whether a server is among them."""
        return self.postgres is not None or self.redis is not None

    @property
    def dumps(self) -> tuple[str, ...]:
        """The repository paths of the dumps."""
        given = (service.dump for service in (self.postgres, self.redis) if service is not None)
        return tuple(dump for dump in given if dump is not None)


@dataclass(frozen=True, slots=True)
class Source:
    """What the data is made of, of one tree: the dumps by path, and what the set-up depends on."""

    dumps: Mapping[str, bytes] = field(default_factory=dict)
    depends: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """What a sandbox gets of its branch: sockets of this machine by the paths inside, variables, writable directories."""

    sockets: Mapping[Path, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    writable: tuple[Path, ...] = ()
