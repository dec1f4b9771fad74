"""Agents of the Agent Client Protocol: one that a test plays, and two that are programs."""

from __future__ import annotations

from pathlib import Path

PLAIN, FIXER = (Path(__file__).with_name(name) for name in ("plain.py", "fixer.py"))
"""The programs."""
