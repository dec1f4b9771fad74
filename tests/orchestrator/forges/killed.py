"""Does what is due at a forge until it is killed: by itself, just before the N-th time that something is written for good.

`python -m tests.orchestrator.forges.killed STATE REPOSITORY ADDRESS AHEAD_S N`; it exits with 0 where nothing was left to do before that.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from sqlalchemy import Engine, event

from tests.orchestrator.forges.desk import Clock, forges_at


def main(state: Path, repository: Path, address: str, ahead_s: float, last: int) -> None:
    """Do all that is due, or die."""
    written = 0

    def count(_: object) -> None:
        nonlocal written
        written += 1
        if written == last:
            os.kill(os.getpid(), signal.SIGKILL)

    clock = Clock()
    clock.ahead_s = ahead_s
    with forges_at(address, state, repository, clock) as forges:
        event.listen(Engine, "commit", count)
        while forges.publisher.step():
            pass


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]), int(sys.argv[5]))
