"""What was spent, in tokens: reserved before a request goes out, settled with what the engine says it cost.

A reservation is written down first where a limit binds, and taken out with what it cost. It belongs to one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from orchestrator.errors import StoreError
from orchestrator.pool.events import Usage
from orchestrator.pool.refusal import Refusal

_log = logging.getLogger(__name__)
_Statement = tuple[str, tuple[object, ...]]
_LATE_S = 0.2

_TABLES = """
CREATE TABLE IF NOT EXISTS spent (
  day TEXT, user TEXT, ticket TEXT, model TEXT, calls INTEGER, tokens_in INTEGER, cached INTEGER, tokens_out INTEGER,
  PRIMARY KEY (user, ticket, day, model)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reserved (
  number INTEGER PRIMARY KEY, day TEXT, user TEXT, ticket TEXT, model TEXT, tokens_in INTEGER, tokens_out INTEGER
);
"""
_ADD = """
INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, tokens_in = tokens_in + excluded.tokens_in,
  cached = cached + excluded.cached, tokens_out = tokens_out + excluded.tokens_out
"""
_KILLED = """
INSERT INTO spent SELECT day, user, ticket, model, count(*), sum(tokens_in), 0, sum(tokens_out) FROM reserved
  WHERE true GROUP BY user, ticket, day, model
ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, tokens_in = tokens_in + excluded.tokens_in,
  tokens_out = tokens_out + excluded.tokens_out
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """The most tokens, in and out together, that a ticket may cost, and a user in a day (UTC). None: any number."""

    ticket_tokens: int | None = None
    user_tokens_per_day: int | None = None

    @property
    def bind(self) -> bool:
        return self.ticket_tokens is not None or self.user_tokens_per_day is not None


@dataclass(frozen=True, slots=True)
class Spent:
    """What a ticket cost with one model on one day."""

    day: str
    user: str
    ticket: str
    model: str
    calls: int
    tokens_in: int
    tokens_out: int
    cached: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What a user's ticket took in all, or a user with all tickets (""), of tokens; `cached` of `tokens_in` were in an engine's cache."""

    user: str
    ticket: str
    calls: int
    tokens_in: int
    tokens_out: int
    cached: int

    @property
    def tokens(self) -> int:
        return self.tokens_in + self.tokens_out


@dataclass(slots=True)
class _Account:
    limit: int
    spent: int
    reserved: int = 0


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is set aside for one request."""

    number: int
    day: str
    user: str
    ticket: str
    model: str
    most: Usage
    accounts: tuple[_Account, ...]


class Ledger:
    """The accounts of one pool, in a file. `clock` is Unix time. Raises `StoreError` where that cannot be opened."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._accounts: dict[tuple[str, ...], _Account] = {}
        self._changed = asyncio.Event()
        self._late: list[_Statement] = []
        self._timer: asyncio.TimerHandle | None = None
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {_TABLES}")
            # It waits for the disk, and so is done aside.
            self._database.execute("PRAGMA wal_autocheckpoint = 0")
            with self._database:
                self._database.execute(_KILLED)
                self._database.execute("DELETE FROM reserved")
        except sqlite3.Error as error:
            raise StoreError(f"the pool's ledger {path} cannot be opened: {error}") from error

    async def tidy(self) -> None:
        """Move what was written from the log into the file itself, beside all else."""
        await asyncio.to_thread(self._checkpoint)

    def _checkpoint(self) -> None:
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._path)) as database:
            database.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Write down what is left to write, and close the file."""
        self.flush()
        self._database.close()

    async def reserve(self, user: str, ticket: str, model: str, most: Usage, limits: Limits) -> Reservation:
        """Set aside what a request may cost at most; where other requests hold what is left, wait for them. Raises `Refusal`."""
        need = most.total
        while True:
            day = _day(self._clock())
            accounts = self._open(user, ticket, day, limits)
            for account in accounts:
                if account.spent + need > account.limit:
                    raise _refused(account, need)
            if all(account.spent + account.reserved + need <= account.limit for account in accounts):
                return self._reserved(day, user, ticket, model, most, accounts)
            self._changed.clear()
            await self._changed.wait()

    def settle(self, reservation: Reservation, usage: Usage | None) -> None:
        """Give back what was set aside, and book what it cost: all of it where nobody knows better, nothing where nothing was sent."""
        cost = reservation.most if usage is None else usage
        for account in reservation.accounts:
            account.reserved -= reservation.most.total
            account.spent += cost.total
        self._changed.set()
        if reservation.number:
            self._late.append(("DELETE FROM reserved WHERE number = ?", (reservation.number,)))
        if cost.total:
            paid = (reservation.day, reservation.user, reservation.ticket, reservation.model, 1)
            self._late.append((_ADD, (*paid, cost.tokens_in, cost.cached, cost.tokens_out)))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LATE_S, self.flush)

    def flush(self) -> None:
        """Write down what was settled. Where that fails, what was reserved stays so in the file: too much, never too little."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self._write(())
        except Refusal as refusal:
            _log.warning("%s", refusal)

    def _reserved(
        self, day: str, user: str, ticket: str, model: str, most: Usage, accounts: tuple[_Account, ...]
    ) -> Reservation:
        number = 0
        if accounts:
            # Before anything goes out: what a process that was killed had reserved counts as spent.
            row = (day, user, ticket, model, most.tokens_in, most.tokens_out)
            number = self._write((("INSERT INTO reserved VALUES (NULL, ?, ?, ?, ?, ?, ?)", row),))
        for account in accounts:
            account.reserved += most.total
        return Reservation(number, day, user, ticket, model, most, accounts)

    def _open(self, user: str, ticket: str, day: str, limits: Limits) -> tuple[_Account, ...]:
        """Return the accounts that a request is paid from, those that have a limit."""
        opened = []
        if limits.ticket_tokens is not None and ticket:
            opened.append(self._account(("ticket", user, ticket), limits.ticket_tokens, "user = ? AND ticket = ?"))
        if limits.user_tokens_per_day is not None:
            opened.append(self._account(("user", user, day), limits.user_tokens_per_day, "user = ? AND day = ?"))
        return tuple(opened)

    def _account(self, key: tuple[str, ...], limit: int, where: str) -> _Account:
        account = self._accounts.get(key)
        if account is None:
            # What was settled a moment ago counts, too.
            self.flush()
            if len(self._accounts) > 10_000:
                self._accounts = {each: kept for each, kept in self._accounts.items() if kept.reserved}
            sums = f"SELECT coalesce(sum(tokens_in + tokens_out), 0) FROM spent WHERE {where}"
            account = self._accounts[key] = _Account(limit, int(self._database.execute(sums, key[1:]).fetchone()[0]))
        account.limit = limit
        return account

    def _write(self, statements: tuple[_Statement, ...]) -> int:
        """Write all of it, and what was settled before, or nothing; return the number of the last row. Raises `Refusal`: what cannot be written down is not spent."""
        last = 0
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in (*self._late, *statements):
                    last = self._database.execute(statement, values).lastrowid or 0
            except sqlite3.Error:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            why = "the pool cannot write down what is spent, so it spends nothing"
            raise Refusal(503, "ledger_unavailable", why) from error
        self._late.clear()
        return last


def read_spent(path: Path, limit: int = 50) -> tuple[Spent, ...]:
    """Return what was spent, the dearest first. Raises `StoreError`."""
    query = "SELECT day, user, ticket, model, calls, tokens_in, tokens_out, cached FROM spent ORDER BY tokens_in + tokens_out DESC LIMIT ?"
    return tuple(Spent(*row) for row in _read(path, query, limit))


def read_tickets(path: Path, limit: int = 50) -> tuple[Taken, ...]:
    """Return what tickets took in all, the latest first. Raises `StoreError`."""
    return _taken(path, "ticket != ''", "user, ticket", limit)


def read_users(path: Path, limit: int = 50) -> tuple[Taken, ...]:
    """Return what users took on this day (UTC), the dearest first. Raises `StoreError`."""
    return tuple(replace(each, ticket="") for each in _taken(path, f"day = '{_day(time.time())}'", "user", limit))


def _taken(path: Path, where: str, by: str, limit: int) -> tuple[Taken, ...]:
    sums = "user, ticket, sum(calls), sum(tokens_in), sum(tokens_out), sum(cached)"
    order = "max(day) DESC, sum(tokens_in + tokens_out) DESC"
    query = f"SELECT {sums} FROM spent WHERE {where} GROUP BY {by} ORDER BY {order} LIMIT ?"
    return tuple(Taken(*row) for row in _read(path, query, limit))


def _read(path: Path, query: str, limit: int) -> list[tuple[Any, ...]]:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            return database.execute(query, (limit,)).fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"the pool's ledger {path} cannot be read: {error}") from error


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _refused(account: _Account, need: int) -> Refusal:
    left = max(0, account.limit - account.spent)
    why = f"the budget has {left} tokens left, and this may cost {need}: ask for less (max_tokens), or have the limit raised"
    return Refusal(429, "insufficient_quota", why)
