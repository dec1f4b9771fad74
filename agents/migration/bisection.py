"""Bisection: which of many places break something, found by trying halves of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def culprits(items: Sequence[Item], breaks: Callable[[Sequence[Item]], bool]) -> list[Item]:
    """Return items without which the rest does no harm, knowing that all of them together do.

    Where two halves do harm only together, all of both is returned: nobody knows which of them it is.
    """
    if len(items) == 1:
        return list(items)
    middle = len(items) // 2
    found: list[Item] = []
    for half in (items[:middle], items[middle:]):
        if breaks(half):
            found += culprits(half, breaks)
    return found or list(items)
