"""Patience with a server: how long it is waited for, how often it is asked again, and how long between."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits in seconds: to connect, until anything comes, and between two pieces of a reply; waits between `tries` double."""

    tries: int = 5
    connect_s: float = 10.0
    first_s: float = 300.0
    idle_s: float = 60.0
    wait_s: float = 0.5
    longest_wait_s: float = 30.0

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise ValueError(f"tries is {self.tries}: at least one is needed")

    def wait_before(self, retry: int, asked_s: float | None, draw: Callable[[], float] = random.random) -> float:
        """Return the seconds before the retry of that number (from 1): what the server asks, else a random part of the doubled wait."""
        if asked_s is not None:
            return max(0.0, asked_s)
        doubled = min(self.longest_wait_s, self.wait_s * 2.0 ** (retry - 1))
        return doubled * (0.5 + 0.5 * draw())


def asked_wait_s(headers: Mapping[str, str], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> float | None:
    """Return the seconds that `Retry-After` (seconds or a date, RFC 9110) or `retry-after-ms` asks to wait; None without."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if value.replace(".", "", 1).isdecimal():
            return float(value) / unit
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now()).total_seconds())
