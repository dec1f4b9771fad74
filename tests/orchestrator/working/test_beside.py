"""A shadow that is kept with its user: by whom it is moved, and when."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from orchestrator.records import Ticket
from orchestrator.settings import Settings
from orchestrator.store.memory.store import MemoryStore
from orchestrator.working.beside import Beside, FollowedJournal
from shadowfs import MemoryDriver, pin
from tests.orchestrator.crews import order


def test_a_shadow_is_moved_on_its_attempts_own_thread_alone(repository: Path, tmp_path: Path) -> None:
    store = MemoryStore(lambda: 0.0)
    number = store.add(Ticket("261121-abc", "sums", order(repository), 0.0), Settings()).number
    lease = store.claim("me", 1e9, number)
    assert lease is not None
    snapshot = pin(repository, tmp_path / "state")
    told: list[str] = []
    with MemoryDriver().create(snapshot) as shadow:
        beside = Beside.begin(
            shadow,
            FollowedJournal(store, lease, 1),
            lambda: pin(repository, tmp_path / "state"),
            left=(snapshot.tree, snapshot.tree),
            added={},
            emit=lambda _, text: told.append(text),
        )
        (repository / "saved.py").write_text("x = 1\n")

        def follow_for(seconds: float) -> None:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                beside.follow()

        with ThreadPoolExecutor(1) as door:
            door.submit(follow_for, 0.3).result()
        assert not told and "saved.py" not in set(shadow.paths())
        while not told:
            beside.follow()
        assert shadow.read("saved.py") == b"x = 1\n"
        beside.close()
