"""Makes a checkout and kills itself the N-th time that it is asked whether to go on, or tells something.

`python -m tests.orchestrator.checkouts.killed ADDRESS STATE N`; it exits with 0 where the checkout was there before that.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from orchestrator.checkouts.homes import home_of
from orchestrator.checkouts.records import Watching
from orchestrator.settings import Managed
from tests.orchestrator.checkouts.lair import checkouts_at
from tests.orchestrator.forges.fake import FakeForge


def main(address: str, state: Path, last: int) -> None:
    """Make the checkout, or die."""
    looked = 0

    def look(_: str = "") -> None:
        nonlocal looked
        looked += 1
        if looked == last:
            os.kill(os.getpid(), signal.SIGKILL)

    home = home_of(state, "hub", FakeForge.repository)
    with checkouts_at(address, state).made(home, Managed(), Watching(look, look), set_up=True):
        pass


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
