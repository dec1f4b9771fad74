"""A webhook's or an answer's JSON, read without trust: what is missing or of another kind is empty, and nothing crashes."""

from __future__ import annotations

import json
from datetime import datetime

_TEXT_CHARACTERS = 200_000


class Payload:
    """A JSON value, by paths of keys."""

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __bool__(self) -> bool:
        return isinstance(self._value, dict | list) and bool(self._value)

    @property
    def value(self) -> object:
        """Return what it holds."""
        return self._value

    def inner(self, *path: str) -> Payload:
        """Return what is at a path, empty where nothing is."""
        value = self._value
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return Payload(value)

    def text(self, *path: str) -> str:
        """Return a text; numbers count as their digits."""
        value = self.inner(*path)._value
        if isinstance(value, int) and not isinstance(value, bool):
            # What no forge has for an id would take long to write.
            return str(value) if abs(value) < 1 << 64 else ""
        return value[:_TEXT_CHARACTERS] if isinstance(value, str) else ""

    def number(self, *path: str) -> int | None:
        """Return a whole number."""
        value = self.inner(*path)._value
        return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None

    def flag(self, *path: str) -> bool:
        """Say whether it is `true`."""
        return self.inner(*path)._value is True

    def has(self, *path: str) -> bool:
        """Say whether something is there."""
        return self.inner(*path)._value is not None

    def each(self, *path: str) -> tuple[Payload, ...]:
        """Return the items of a list."""
        value = self.inner(*path)._value
        return tuple(map(Payload, value)) if isinstance(value, list) else ()

    def time(self, *path: str) -> float | None:
        """Return a time that is written as ISO 8601, or as GitLab does, as Unix time."""
        written = self.text(*path).replace(" UTC", "+00:00").replace("Z", "+00:00")
        try:
            when = datetime.fromisoformat(written)
            return when.timestamp() if when.tzinfo is not None else None
        except (ValueError, OverflowError):
            return None


def read_json(body: bytes) -> Payload | None:
    """Return what JSON says, None where it is none."""
    try:
        return Payload(json.loads(body))
    except (ValueError, RecursionError):
        return None
