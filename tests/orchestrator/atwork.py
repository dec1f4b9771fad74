"""Workers in a process of their own, until somebody ends it: the embedded loop, or a node over Celery."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from orchestrator.cluster.node import Node
from orchestrator.crew import Crew
from orchestrator.dispatch.gate import Gate
from orchestrator.dispatch.hands import Hands


def work(kind: str, open_crew: Callable[[], Crew], workers: int, idle_s: float) -> None:
    """Have `workers` work, `embedded` or over `celery`; SIGTERM drains them."""
    if kind == "celery":
        Node(os.environ["NIGHTCREW_BROKER"], workers, Gate(), open_crew).run(lambda: None)
        return
    hands = Hands(open_crew, Gate(), lambda *_: None, lambda *_: None, count=workers, idle_s=idle_s)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    hands.start()
    told.wait()
    hands.end(60.0)
