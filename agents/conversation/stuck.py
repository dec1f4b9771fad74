"""Whether a model goes round in circles: the same calls with the same outcomes, or turns that do nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

_SAME = 3
_IDLE = 3


@dataclass(slots=True)
class Watchman:
    """Counts; `notice` says what to tell the model, "" while it gets on, and `lost` when telling it did not help."""

    lost: str = ""
    _seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    _idle: int = 0
    _told: int = 0

    def called(self, name: str, arguments: str, outcome: str) -> str:
        """Take in a call and its outcome."""
        self._idle = 0
        key = (name, arguments, outcome)
        self._seen[key] += 1
        if self._seen[key] < _SAME:
            return ""
        return self._tell(
            f"You have called {name} like this {self._seen[key]} times, with the same outcome. Try another way."
        )

    def spoke(self) -> str:
        """Take in a turn without a call."""
        self._idle += 1
        said = "Call a tool. Once the work is done call `done`; if you cannot do it, `give_up`."
        return self._tell(said) if self._idle >= _IDLE else said

    def _tell(self, said: str) -> str:
        self._told += 1
        if self._told > _SAME:
            self.lost = "the model went round in circles, and telling it so did not help"
        return said
