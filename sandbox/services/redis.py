"""Redis (or Valkey): a small server for each branch, which keeps nothing on its disk but its dump."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import ServiceUnavailable
from sandbox.host import program
from sandbox.services.server import FOLDER, Server
from sandbox.services.services import RedisService

INSTALL = "`apt-get install redis-server` (its own service is not used)"
SEEN = Path("/run/services/redis")
"""Where sandboxes see the directory of its socket."""

_REFUSED = ("ACL", "CONFIG", "DEBUG", "MODULE", "SHUTDOWN")
_OPTIONS = ("--port", "0", "--unixsocketperm", "777", "--save", "", "--appendonly", "no", "--maxmemory", "256mb")


@dataclass(frozen=True, slots=True)
class RedisEngine:
    """The installed Redis, for one service and its dump."""

    service: RedisService
    dump: bytes | None
    server: str
    client: str

    name = "redis"
    socket = "redis.sock"

    @property
    def command(self) -> tuple[str, ...]:
        """What serves."""
        refused = (word for name in _REFUSED for word in ("--rename-command", name, ""))
        return self.server, "--unixsocket", self._socket, "--dir", str(FOLDER), *_OPTIONS, *refused

    @property
    def ready(self) -> tuple[str, ...]:
        """What exits with 0 once it serves: it answers while it still reads its dump, and with an error."""
        return "sh", "-c", f'[ "$({self.client} -s {self._socket} ping)" = PONG ]'

    @property
    def made_of(self) -> tuple[bytes, ...]:
        """What its template depends on."""
        return repr(self.service).encode(), self.dump or b""

    def make(self, server: Server) -> None:
        """Write the dump, which it reads as it starts."""
        if self.dump is not None:
            (server.folder / "dump.rdb").write_bytes(self.dump)

    def load(self, server: Server) -> None:
        """Do nothing: it has read its dump."""

    def keep(self, server: Server) -> None:
        """Have it write what it holds into its dump. Raises `ServiceUnavailable`."""
        server.must("Redis does not write its dump", self.client, "-e", "-s", self._socket, "save")

    @property
    def _socket(self) -> str:
        return str(FOLDER / self.socket)


def redis_programs() -> tuple[str, str] | None:
    """Return the server and its client, None where they are not installed."""
    for name in ("redis", "valkey"):
        server, client = program(f"{name}-server"), program(f"{name}-cli")
        if server is not None and client is not None:
            return server, client
    return None


def redis_engine(service: RedisService, dump: bytes | None) -> RedisEngine:
    """Return the engine of a service. Raises `ServiceUnavailable` where neither Redis nor Valkey is installed."""
    programs = redis_programs()
    if programs is None:
        raise ServiceUnavailable(
            f"the tests need Redis ([services] of nightcrew.toml), which is not installed: {INSTALL}"
        )
    return RedisEngine(service, dump, *programs)
