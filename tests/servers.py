"""Servers that a test session starts for itself and ends: PostgreSQL and Redis, both real, on sockets in a folder of their own."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
import redis

_START_S = 60.0
_GONE_MS = 10_000


class Server:
    """A process that can be killed and started again with what it has on its disk."""

    def __init__(self, command: list[str], answers: Callable[[], bool], user: str | None = None) -> None:
        self._command = command
        self._answers = answers
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            self._command, stdout=quiet, stderr=quiet, user=self._user, start_new_session=True, cwd="/"
        )
        last = time.monotonic() + _START_S
        while not self._answers():
            assert time.monotonic() < last and self._process.poll() is None, f"{self._command[0]} does not start"
            time.sleep(0.05)

    def end(self, sign: signal.Signals) -> None:
        """End it by a signal, and wait for that."""
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(_START_S)
            self._process = None


class Postgres(Server):
    """A PostgreSQL server. `url()` makes a database in it."""

    def __init__(self, folder: Path, programs: Path) -> None:
        # It refuses to be root.
        user = "postgres" if os.getuid() == 0 else None
        data = folder / "data"
        data.mkdir()
        if user is not None:
            for each in (folder, data):
                os.chown(each, pwd.getpwnam(user).pw_uid, -1)
        self._folder = folder
        made = [str(programs / "initdb"), "-D", str(data), "-U", "crew", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*made, "--locale=C.UTF-8"], check=True, stdout=subprocess.DEVNULL, user=user, cwd="/")
        options = ["-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"]
        super().__init__([str(programs / "postgres"), "-D", str(data), *options], self._is_up, user)

    def url(self, options: str = "") -> str:
        """Make a database, and return its address."""
        name = f"t{secrets.token_hex(6)}"
        self.run(f"CREATE DATABASE {name} {options}")
        return f"postgresql://crew@/{name}?host={self._folder}"

    def run(self, statement: str) -> None:
        """Run one statement as the server's owner."""
        with psycopg.connect(f"postgresql://crew@/postgres?host={self._folder}", autocommit=True) as connection:
            connection.execute(statement.encode())

    def drop_connections(self) -> None:
        """Cut off all who are connected, and wait until they are: a server still answers for a moment after it was told."""
        self.run(
            f"SELECT pg_terminate_backend(pid, {_GONE_MS}) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )

    def _is_up(self) -> bool:
        with suppress(psycopg.OperationalError):
            self.run("SELECT 1")
            return True
        return False


class Redis(Server):
    """A Redis server that keeps nothing on its disk. `url` is its address."""

    def __init__(self, folder: Path, program: str) -> None:
        socket = folder / "redis.sock"
        self.url = f"redis+socket://{socket}"
        self.client = redis.Redis(unix_socket_path=str(socket))
        super().__init__([program, "--port", "0", "--unixsocket", str(socket), "--save", ""], self._is_up)

    def _is_up(self) -> bool:
        with suppress(redis.ConnectionError):
            return bool(self.client.ping())
        return False


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Start a PostgreSQL server for as long as the block lasts."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
        Path(each) for each in [shutil.which("initdb")] if each
    ]
    if not found:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    with _folder() as folder:
        server = Postgres(folder, found[-1].parent)
        server.start()
        try:
            yield server
        finally:
            server.end(signal.SIGINT)


@contextmanager
def redis_server() -> Iterator[Redis]:
    """Start a Redis server for as long as the block lasts."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("Redis is not installed (Debian: redis-server)")
    with _folder() as folder:
        server = Redis(folder, program)
        server.start()
        try:
            yield server
        finally:
            server.client.close()
            server.end(signal.SIGTERM)


@contextmanager
def _folder() -> Iterator[Path]:
    # The path of a socket is short.
    with tempfile.TemporaryDirectory(prefix="nc-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
