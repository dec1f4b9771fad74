"""PostgreSQL: a cluster for each branch, in which nobody but one user without privileges can connect."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import ServiceUnavailable
from sandbox.host import program
from sandbox.services.server import FOLDER, Server
from sandbox.services.services import PostgresService

INSTALL = "`apt-get install postgresql` (14 or newer; its own service is not used)"
SEEN = Path("/run/services/postgres")
"""Where sandboxes see the directory of its socket."""

_PLACES = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql/bin")
_OWNER = "nightcrew_server"
"""The superuser, who can only connect in single-user mode."""
_DATA = str(FOLDER / "data")
_CUSTOM = b"PGDMP"
_SETTINGS = f"""
listen_addresses = ''
unix_socket_directories = '{FOLDER}'
unix_socket_permissions = 0777
max_connections = 60
shared_buffers = 32MB
temp_file_limit = 1GB
statement_timeout = 600s
client_connection_check_interval = 1s
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
min_wal_size = 2MB
max_wal_size = 64MB
jit = off
"""


@dataclass(frozen=True, slots=True)
class PostgresEngine:
    """The installed PostgreSQL, for one service and its dump."""

    service: PostgresService
    dump: bytes | None
    programs: Path

    name = "postgres"
    socket = ".s.PGSQL.5432"

    @property
    def command(self) -> tuple[str, ...]:
        """What serves."""
        return self._program("postgres"), "-D", _DATA

    @property
    def ready(self) -> tuple[str, ...]:
        """What exits with 0 once it serves."""
        return self._program("pg_isready"), "--quiet", "--host", str(FOLDER)

    @property
    def made_of(self) -> tuple[bytes, ...]:
        """What its template depends on."""
        stamp = (self.programs / "postgres").stat()
        installed = f"{self.programs} {stamp.st_size} {stamp.st_mtime_ns}"
        return installed.encode(), _SETTINGS.encode(), repr(self.service).encode(), self.dump or b""

    def make(self, server: Server) -> None:
        """Make a cluster, with the user and its database in it. Raises `ServiceUnavailable`."""
        user, database = self.service.user, self.service.database
        options = ("-A", "reject", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--wal-segsize=1")
        failed = f"PostgreSQL's initdb fails; it has to be 14 or newer: {INSTALL}"
        server.must(failed, self._program("initdb"), "-D", _DATA, "-U", _OWNER, *options)
        data = server.folder / "data"
        (data / "pg_hba.conf").write_text(f'local all "{user}" trust\n', encoding="utf-8")
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(_SETTINGS)
        statements = (
            f'CREATE ROLE "{user}" LOGIN CREATEDB NOREPLICATION CONNECTION LIMIT 50;\n'
            f'CREATE DATABASE "{database}" OWNER "{user}";\n'
        )
        words = (self._program("postgres"), "--single", "-D", _DATA, "postgres")
        server.must("PostgreSQL makes no database", *words, stdin=statements.encode())

    def load(self, server: Server) -> None:
        """Put the dump into the database, as its user. Raises `ServiceUnavailable`."""
        if self.dump is None:
            return
        whose = ("--host", str(FOLDER), "--username", self.service.user, "--dbname", self.service.database)
        path = server.put("dump", self.dump)
        if self.dump.startswith(_CUSTOM):
            words = ("pg_restore", *whose, "--no-owner", "--no-privileges", "--exit-on-error", path)
        else:
            words = ("psql", *whose, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={path}")
        failed = (
            f"{self.service.dump} cannot be loaded into PostgreSQL; make it by `pg_dump --no-owner --no-privileges`"
        )
        server.must(failed, self._program(words[0]), *words[1:])

    def keep(self, server: Server) -> None:
        """Do nothing: it writes everything down as it ends."""

    def _program(self, name: str) -> str:
        return str(self.programs / name)


def postgres_programs() -> Path | None:
    """Return the directory of the newest PostgreSQL's programs, None where none is installed."""
    found = [path for place in _PLACES for path in Path("/").glob(place) if (path / "initdb").exists()]
    if found:
        return max(found, key=lambda path: [int(number) for number in re.findall(r"\d+", str(path))])
    initdb = program("initdb")
    return None if initdb is None else Path(initdb).resolve().parent


def postgres_engine(service: PostgresService, dump: bytes | None) -> PostgresEngine:
    """Return the engine of a service. Raises `ServiceUnavailable` where PostgreSQL is not installed, and for a user of its own."""
    if service.user == _OWNER or service.user.startswith("pg_"):
        raise ServiceUnavailable(f"the user {service.user} is PostgreSQL's own: name another under [services.postgres]")
    programs = postgres_programs()
    if programs is None:
        raise ServiceUnavailable(
            f"the tests need PostgreSQL ([services] of nightcrew.toml), which is not installed: {INSTALL}"
        )
    return PostgresEngine(service, dump, programs)
