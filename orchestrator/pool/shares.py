"""Fair shares (start-time fair queueing, Goyal, Vin and Cheng 1996): whoever had least goes first; who was away gets nothing back."""

from __future__ import annotations


class Shares:
    """What each of several has had of something."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._now = 0.0

    def start(self, name: str) -> float:
        """Return the place in line of the next of `name`: the least goes first."""
        return max(self._now, self._until.get(name, 0.0))

    def charge(self, name: str, cost: float) -> None:
        """Note that `name` gets something that costs so much."""
        begins = self.start(name)
        self._now = begins
        self._until[name] = begins + cost
        if len(self._until) > 1024:
            self._until = {each: until for each, until in self._until.items() if until > begins}
