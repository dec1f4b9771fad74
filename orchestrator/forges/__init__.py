"""Forges and trackers: where tickets come from, and where branches go. What asks the network is imported when it is needed."""

from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable, NotPushable, UnknownForge
from orchestrator.forges.forge import Forge, Hooks, Tracker
from orchestrator.forges.records import Entry, Heard, Hook, Issue, Pull, Receipt, Thread

__all__ = [
    "Entry",
    "Forge",
    "ForgeRefused",
    "ForgeUnavailable",
    "Heard",
    "Hook",
    "Hooks",
    "Issue",
    "NotPushable",
    "Pull",
    "Receipt",
    "Thread",
    "Tracker",
    "UnknownForge",
]
