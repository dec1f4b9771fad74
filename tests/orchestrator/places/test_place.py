"""Places: which driver, which sandbox, and what the one tells the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import shadowfs
from orchestrator.errors import OrderRefused
from orchestrator.places.place import Places
from orchestrator.records import AttemptRecord
from orchestrator.settings import Settings
from sandbox import Completed, Ended, Policy, Readiness, Root, Sandbox, SandboxUnavailable, ScriptedDriver
from shadowfs import CopyDriver, DriverUnavailable, Probe, Shadow, Snapshot
from tests.orchestrator import project


class Broken:
    """A driver that does not work here."""

    name = "broken"

    def probe(self) -> Probe:
        """Say that it does not work."""
        return Probe(False, "it is broken")

    def create(
        self,
        snapshot: Snapshot,
        tree: str | None = None,
        *,
        user: tuple[int, int] | None = None,  # noqa: ARG002 - it makes none for anybody
    ) -> Shadow:
        """Raise."""
        raise DriverUnavailable(f"no shadow of {tree or snapshot.tree} here")

    def close(self) -> None:
        """Do nothing."""


class Telling(ScriptedDriver):
    """A sandbox driver that remembers what it was told."""

    def __init__(self, works: bool = True) -> None:
        super().__init__(lambda _: Completed(Ended.EXITED, 0))
        self.told: list[tuple[Root, Policy]] = []
        self._works = works

    def probe(self) -> Readiness:
        """Say whether it works."""
        return Readiness(self._works, "" if self._works else "bubblewrap is missing")

    def open(self, root: Root, policy: Policy = Policy()) -> Sandbox:
        """Remember what it is opened on."""
        self.told.append((root, policy))
        return super().open(root, policy)


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return shadowfs.pin(project.make(tmp_path), tmp_path / "state", environ={})


@contextmanager
def copying(tmp_path: Path) -> Iterator[CopyDriver]:
    driver = CopyDriver(tmp_path / "state")
    yield driver
    driver.close()


def test_a_driver_that_does_not_work_is_passed_over_and_named(tmp_path: Path, snapshot: Snapshot) -> None:
    sandboxes = {"local": Telling()}
    with copying(tmp_path) as copy:
        places = Places((Broken(), copy), sandboxes, Settings())
        with places.open(snapshot, snapshot.tree) as place:
            assert place.shadow.driver == "copy"
            assert place.shadow.read("sums.py") == project.BUGGY.encode()
        (said,) = places.without
        assert said.startswith("the broken driver: no shadow of")
        assert places.noted(AttemptRecord(1, "a", 0)).driver == "copy"


def test_a_driver_that_was_asked_for_is_never_replaced(tmp_path: Path, snapshot: Snapshot) -> None:
    with copying(tmp_path) as copy:
        places = Places((Broken(), copy), {"local": Telling()}, Settings(driver="broken"))
        with pytest.raises(DriverUnavailable), places.open(snapshot, snapshot.tree):
            pass


def test_the_sandbox_is_told_where_the_files_are_and_what_else_to_show(tmp_path: Path, snapshot: Snapshot) -> None:
    sandbox = Telling()
    settings = Settings(toolchains=(Path("/opt/tool"),), hidden_paths=(tmp_path,), environment={"A": "b"})
    with (
        copying(tmp_path) as copy,
        Places((copy,), {"local": sandbox}, settings).open(snapshot, snapshot.tree) as place,
    ):
        ((root, policy),) = sandbox.told
        mount = place.shadow.mount
        assert (root.source, root.target, root.namespace) == (mount.path, snapshot.repository, mount.namespace)
        assert root.readonly == (mount.objects, Path("/opt/tool"))
        assert root.writable == (mount.git_dir,)
        assert (policy.network, policy.hidden, policy.environment) == (False, (tmp_path,), {"A": "b"})


def test_a_sandbox_that_does_not_work_is_never_replaced() -> None:
    with pytest.raises(SandboxUnavailable, match="bubblewrap is missing"):
        Places((Broken(),), {"local": Telling(works=False), "none": Telling()}, Settings())


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(OrderRefused, match="jail"):
        Places((Broken(),), {"local": Telling()}, Settings(sandbox="jail"))
    with pytest.raises(OrderRefused, match="nfs"):
        Places((Broken(),), {"local": Telling()}, Settings(driver="nfs"))
