"""How a pool stands, as its supervisor writes it down and `nightcrew pool status` reads it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from orchestrator.pool.errors import PoolError


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """A replica: `starting`, `up`, `draining`, `waiting` (for room, or to be started again) or `ended`.

    `why` is what its engine said last, where it failed, or what it waits for; `gpus` are those that it was handed.
    """

    name: str
    state: str
    pid: int | None
    port: int | None
    since: float
    failures: int
    running: int
    tickets: int
    why: str = ""
    host: str = ""
    gpus: tuple[str, ...] = ()
    cache: tuple[int, int] | None = None
    """How many tokens were looked for in its engine's prefix cache, and how many were there; None where that does not tell."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """A model: who waits for it, how often a ticket had to move, and its replicas."""

    name: str
    roles: tuple[str, ...]
    engine: str
    waiting: int
    moves: int
    replicas: tuple[ReplicaStatus, ...]
    hedged: int = 0
    """How many requests went to two replicas, and about how many tokens those that lost read for nothing."""
    wasted_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Allowed:
    """The most tokens that a ticket may take in all, and each user in a day, where there is such a limit."""

    ticket_tokens: int | None = None
    user_tokens: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PoolStatus:
    """A pool. `wants` names the configuration it has or changes to; `trouble` is why a change did not come about."""

    pid: int
    address: str
    at: float
    wants: str
    changing: bool
    trouble: str
    models: tuple[ModelStatus, ...]
    allowed: Allowed = Allowed()


class Folder:
    """What a pool keeps in the state directory, and the lock that says whether it is up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = path / "ledger.db"
        self.logs = path / "logs"
        self.wanted = path / "wanted.json"
        self._status = path / "status.json"
        self._lock = path / "lock"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Raises `PoolError` where somebody else does."""
        self.logs.mkdir(parents=True, exist_ok=True)
        self.logs.chmod(0o700)
        with self._lock.open("a+b") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PoolError("a pool is up with this state directory: `nightcrew pool status`") from None
            try:
                yield
            finally:
                self._status.unlink(missing_ok=True)

    def write(self, status: PoolStatus) -> None:
        """Write down how it stands, all at once."""
        new = self._status.with_suffix(".new")
        new.write_text(json.dumps(asdict(status)), "utf-8")
        new.replace(self._status)

    @property
    def is_up(self) -> bool:
        """Say whether a pool holds the lock."""
        try:
            file = self._lock.open("rb")
        except FileNotFoundError:
            return False
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def read(self) -> PoolStatus | None:
        """Return how the pool stands, None where none is up, or none has told yet."""
        if not self.is_up:
            return None
        try:
            return TypeAdapter(PoolStatus).validate_json(self._status.read_bytes())
        except FileNotFoundError:
            return None

    def signal(self, number: int) -> bool:
        """Send the pool a signal; say whether there is one."""
        status = self.read()
        if status is None:
            return False
        os.kill(status.pid, number)
        return True
