"""A server that is killed: `python -m tests.orchestrator.mcp.killed STATE REPOSITORY` begins a ticket, edits, and dies by SIGKILL while a command runs."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.orchestrator.mcp.clients import serving


def main(state: Path, repository: Path) -> None:
    """Work on a ticket until death."""
    with serving(state, repository) as client:
        client.begin()
        client.fix()
        running = client.start("run", command="sleep 600")
        while not running.running():
            pass
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
