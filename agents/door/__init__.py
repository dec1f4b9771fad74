"""The model door: lets a program in a sandbox ask the configured model, and nothing else, without a network or a key."""

from agents.door.door import GRACE_S, Door
from agents.door.limits import DoorLimits
from agents.door.wanted import Models, door_for, no_models

__all__ = ["GRACE_S", "Door", "DoorLimits", "Models", "door_for", "no_models"]
