"""What a run of tests said, summed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import trace
    from .channel import Message


class Told:
    """Collects what a run says, and sums it up."""

    def __init__(self, lines: trace.Lines | None = None) -> None:
        self.results: list[Message] = []
        self._lines = lines

    def __call__(self, message: Message) -> None:
        if message["t"] == "result":
            self.results.append(message)
            if self._lines is not None:
                self._lines.cut(message["id"])

    def summary(self, detail: bool) -> Message:
        """Return how it ended; with `detail`, every result."""
        failed = [told for told in self.results if told["outcome"] in ("failed", "error")]
        said: Message = {
            "ending": "passed" if self.results and not failed else "failed",
            "failed": [told["id"] for told in failed],
            "skipped": [told["id"] for told in self.results if told["outcome"] == "skipped"],
            "message": failed[0]["message"] if failed else "" if self.results else "none of the tests was found",
        }
        if detail:
            said["results"] = self.results
        return said
