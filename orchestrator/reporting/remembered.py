"""Answers that were made before: those that hold until somebody writes, and those that hold for ever. Safe to use from several threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

Made = TypeVar("Made")
_MISSING = object()


class NotAtHand(Exception):
    """Raised where an answer would have to be made, by whoever cannot wait for that."""


class UntilWritten:
    """Keeps answers until `version` differs. Each version has a dictionary of its own: what was made of an older one never gets into a newer.

    `at_once` says that the version is told without a wait.
    """

    def __init__(self, version: Callable[[], object], most: int = 1_024, at_once: bool = False) -> None:
        self._version = version
        self._most = most
        self._at_once = at_once
        self._now: tuple[object, dict[Hashable, object]] = (object(), {})

    def found(self, asked: Hashable) -> object | None:
        """Return the answer that holds; None where there is none, or where it would take a wait to know."""
        version, answers = self._now
        return answers.get(asked) if self._at_once and self._version() == version else None

    def get(self, asked: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returns, or returned when the same was asked and nothing was written since."""
        version, now = self._version(), self._now
        if now[0] != version:
            self._now = now = (version, {})
        answers = now[1]
        found = answers.get(asked, _MISSING)
        if found is not _MISSING:
            return cast("Made", found)
        made = make()
        # Where somebody wrote meanwhile, it may be of before, or of after.
        if self._version() == version and len(answers) < self._most:
            answers[asked] = made
        return made


class Lasting:
    """Keeps the last `most` answers to what has one answer for ever."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, object] = OrderedDict()

    def known(self, asked: Hashable) -> object:
        """Return the answer that was made lately. Raises `NotAtHand` where there is none."""
        with self._lock:
            if asked not in self._answers:
                raise NotAtHand
            return self._answers[asked]

    def get(self, asked: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` returns, or returned when the same was asked lately."""
        with self._lock:
            found = self._answers.get(asked, _MISSING)
            if found is not _MISSING:
                self._answers.move_to_end(asked)
                return cast("Made", found)
        made = make()
        with self._lock:
            self._answers[asked] = made
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return made
