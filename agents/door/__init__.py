"""The model door: lets a program in a sandbox ask the configured model, and nothing else, without a network or a key."""

from agents.door.door import GRACE_S, Door
from agents.door.limits import DoorLimits

__all__ = ["GRACE_S", "Door", "DoorLimits"]
