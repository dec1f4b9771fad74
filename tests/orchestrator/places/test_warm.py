"""The place where servers stay warm: opened once for a base, for another one anew, ended when nobody needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.places.place import Place, Places
from orchestrator.places.warm import WarmPlace, files_of
from orchestrator.settings import Settings
from sandbox import NoneDriver
from shadowfs import CopyDriver, Entry, Snapshot, pin
from tests.e2e.library import commit_all
from tests.verifier.language.doubles import written
from verifier import Found


@dataclass
class Base:
    """A pinned repository, and a count of the places on it."""

    snapshot: Snapshot
    places: Places
    opened: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    @contextmanager
    def open(self, tree: str) -> Iterator[Place]:
        with self.places.open(self.snapshot, tree) as place:
            self.opened.append(tree)
            yield place
        self.closed.append(tree)


@pytest.fixture
def base(tmp_path: Path) -> Base:
    repository = written(tmp_path / "repository", {"a.py": "a = 1\n"})
    (repository / "link").symlink_to("a.py")
    commit_all(repository)
    driver, none = CopyDriver(tmp_path / "state"), NoneDriver(tmp_path / "scratch")
    places = Places((driver,), {"none": none}, Settings(sandbox="none"))
    return Base(pin(repository, tmp_path / "state"), places)


def test_a_place_is_kept_for_one_base_and_made_anew_for_another(base: Base) -> None:
    snapshot, first = base.snapshot, base.snapshot.tree
    second = snapshot.depot.graft(first, {"a.py": Entry(0o100644, snapshot.depot.write(b"a = 2\n"))})
    warm = WarmPlace()
    servers = warm.servers(snapshot, first, "how", lambda: base.open(first))
    assert warm.servers(snapshot, first, "how", lambda: base.open(first)) is servers
    assert base.opened == [first]
    assert warm.servers(snapshot, second, "how", lambda: base.open(second)) is not servers
    assert (base.opened, base.closed) == ([first, second], [first])
    warm.servers(snapshot, second, "otherwise", lambda: base.open(second))
    assert base.closed == [first, second]
    warm.reap()
    assert base.closed == [first, second, second]
    warm.close()


def test_a_place_that_does_not_open_is_asked_for_again(base: Base) -> None:
    warm = WarmPlace()
    with pytest.raises(OSError, match="no room"):
        warm.servers(base.snapshot, base.snapshot.tree, None, failing)
    warm.servers(base.snapshot, base.snapshot.tree, None, lambda: base.open(base.snapshot.tree))
    warm.close()
    assert base.closed == base.opened


def failing() -> nullcontext[Place]:
    raise OSError("no room")


def test_the_files_of_a_tree_are_its_regular_ones(base: Base) -> None:
    read = files_of(base.snapshot.depot, base.snapshot.tree)
    assert read("a.py") == b"a = 1\n"
    assert read("link") is None
    assert read("missing") is None


def test_places_of_this_machine_have_its_servers_and_need_not_be_asked(base: Base) -> None:
    assert base.places.servers(failing) == tuple[Found, ...]()
