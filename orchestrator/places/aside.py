"""The journal of a fork: its steps stand among the attempt's, and nothing that a later life goes on from is among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.working.journal import Journal


@dataclass(slots=True)
class Aside(Journal):
    """Writes into `of`, the journal of the shadow that was forked."""

    of: Journal = field(kw_only=True)
    tree: str | None = None
    """Where the fork stands: a fork ends with the life that made it."""

    def begin(self, kind: str, intent: Mapping[str, object]) -> int:
        """Write that a step is about to take effect."""
        return self.of.begin(f"fork:{kind}", intent)

    def finish(self, number: int, outcome: Mapping[str, object]) -> None:
        """Write what a step did; the tree it left is not the attempt's."""
        told = {("fork" if name == "tree" else name): value for name, value in outcome.items()}
        if "tree" in outcome:
            self.tree = str(outcome["tree"])
        self.of.finish(number, told)

    def checkpoint(self) -> str | None:
        """Return the tree that the fork's last step left behind."""
        return self.tree
