"""Orders for the small project, and what a test opens a crew with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents import Write
from orchestrator.crew import Crew
from orchestrator.records import Order
from tests.orchestrator import project

FIX = Write("sums.py", project.FIXED.encode())
Open = Callable[..., Crew]
"""Opens a crew whose agents play the scripts given, one for each attempt; keywords are settings."""


def order(repository: Path, **given: Any) -> Order:
    """Return an order to repair the project."""
    return replace(Order("total() forgets the first number", repository, failing=(project.FAILING,)), **given)
