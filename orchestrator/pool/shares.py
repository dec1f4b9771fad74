"""Fair shares (start-time fair queueing, Goyal, Vin and Cheng 1996): whoever had least goes first; who was away gets nothing back."""

from __future__ import annotations

_KNOWN = 1024


class Shares:
    """What each of several has had of something."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._now = 0.0

    def __len__(self) -> int:
        return len(self._until)

    def start(self, name: str) -> float:
        """Return the place in line of the next of `name`: the least goes first."""
        return max(self._now, self._until.get(name, 0.0))

    def charge(self, name: str, cost: float) -> None:
        """Note that `name` gets something that costs so much."""
        begins = self.start(name)
        self._now = begins
        self._until[name] = begins + cost
        if len(self._until) > _KNOWN:
            # Whoever had least loses least by being forgotten. Names are the clients' own: there may be any number.
            most = sorted(self._until.items(), key=lambda each: each[1])[-_KNOWN // 2 :]
            self._until = {each: until for each, until in most if until > begins}
