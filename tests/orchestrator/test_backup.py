"""Back-up and restore, with jobs at work, on SQLite and on PostgreSQL: what was backed up goes on elsewhere, to the same end."""

from __future__ import annotations

import json
import subprocess
import tarfile
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from orchestrator.backup import backup, restore
from orchestrator.crew import Crew
from orchestrator.errors import BadConfig, StoreError
from orchestrator.records import Event, Order, Status
from orchestrator.store.sql.schema import open_engine, transaction
from tests.e2e.command import NIGHTCREW
from tests.orchestrator import project
from tests.servers import Postgres


@dataclass(frozen=True, slots=True)
class Stores:
    """A store, and another that is empty; None is the file of a state directory."""

    old: str | None
    new: str | None


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "sqlite":
        return Stores(None, None)
    server: Postgres = request.getfixturevalue("postgres")
    return Stores(server.url(), server.url())


def opened(state: Path, url: str | None) -> Crew:
    return Crew(state, project.settings(state, driver="copy"), url=url)


def order(repository: Path) -> Order:
    return Order("total() forgets", repository, failing=(project.FAILING,), agent="repair", ask=False)


def test_what_is_backed_up_while_a_job_is_at_work_goes_on_elsewhere(
    stores: Stores, tmp_path: Path, repository: Path
) -> None:
    old, new, file = tmp_path / "old", tmp_path / "new", tmp_path / "backup.tar.gz"
    with opened(old, stores.old) as crew:
        first, _ = (crew.file(order(repository)).id for _ in range(2))

        def watch(event: Event) -> None:
            # In the midst: the pin is there, the attempt has begun, and the lease is held.
            if event.kind == "attempt" and not file.exists():
                thread = threading.Thread(target=backup, args=(old, stores.old, file))
                thread.start()
                thread.join()

        assert crew.work_next(watch) is not None
    restore(new, stores.new, file)
    assert (file.stat().st_mode & 0o777) == 0o600
    with opened(new, stores.new) as crew:
        assert crew.store.job_of(first).status is Status.WORKING
        engine = crew.database
        with transaction(engine) as connection:
            connection.execute(text("UPDATE jobs SET lease_until = 0 WHERE lease_until IS NOT NULL"))
        reports = [crew.work_next(), crew.work_next()]
        assert [each and each.status for each in reports] == [Status.VERIFIED, Status.VERIFIED]
    # The first life elsewhere delivered the same commit: there is one branch for each.
    assert len(project.branches(repository)) == 2
    assert {branch.split("-")[0] for branch in project.branches(repository)} == {f"nightcrew/{first.split('-')[0]}"}
    for depot in (new / "depots").iterdir():
        subprocess.run(["git", "--git-dir", str(depot), "fsck", "--connectivity-only"], check=True, capture_output=True)


def test_nothing_is_written_over(stores: Stores, tmp_path: Path, repository: Path) -> None:
    file, state = tmp_path / "backup.tar.gz", tmp_path / "old"
    with opened(state, stores.old) as crew:
        crew.file(order(repository))
    backup(state, stores.old, file)
    with pytest.raises(BadConfig, match="is there already"):
        backup(state, stores.old, file)
    with pytest.raises(BadConfig, match="empty"):
        restore(tmp_path / "other" if stores.old else state, stores.old, file)
    if stores.old is None:
        with pytest.raises(BadConfig, match="NIGHTCREW_STORE"):
            restore(tmp_path / "other", "postgresql://crew@/none", file)


def test_what_is_no_backup_leaves_nothing_behind(tmp_path: Path) -> None:
    file, state = tmp_path / "backup.tar.gz", tmp_path / "state"
    for data in (b"", b"no archive"):
        file.write_bytes(data)
        with pytest.raises(StoreError, match="is it whole"):
            restore(state, None, file)
    with tarfile.open(file, "w:gz") as archive:
        archive.add(__file__, "../../outside")
    with pytest.raises(StoreError, match="is it whole"):
        restore(state, None, file)
    assert list(state.iterdir()) == [] and not (tmp_path.parent / "outside").exists()


def test_a_store_that_was_upgraded_meanwhile_gives_no_job_to_an_older_worker(
    stores: Stores, tmp_path: Path, repository: Path
) -> None:
    state = tmp_path / "old"
    with opened(state, stores.old) as crew:
        ticket = crew.file(order(repository)).id
        other = open_engine(stores.old or f"sqlite:///{state}/nightcrew.db")
        with transaction(other) as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        other.dispose()
        with pytest.raises(StoreError, match=r"newer nightcrew.*no job is lost"):
            crew.work_next()
        assert crew.store.job_of(ticket).status is Status.QUEUED


def test_the_commands_say_what_is_not_in_it(tmp_path: Path) -> None:
    config = tmp_path / "config/nightcrew"
    config.mkdir(parents=True)
    (config / "config.toml").write_text('[forges.hub]\nkind = "github"\ntoken_env = "HUB_TOKEN"\n')
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "HUB_TOKEN": "hunter2",
    }
    file = tmp_path / "backup.tar.gz"
    done = subprocess.run(
        [NIGHTCREW, "--state", str(tmp_path / "state"), "backup", str(file), "--json"],
        env=environ, capture_output=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["variables"] == ["HUB_TOKEN"]
    with tarfile.open(file) as archive:
        assert set(archive.getnames()) >= {"manifest.json", "store"}
    done = subprocess.run(
        [NIGHTCREW, "--state", str(tmp_path / "new"), "restore", str(file)],
        env=environ,
        capture_output=True,
        check=True,
    )
    assert b"HUB_TOKEN" in done.stdout and b"hunter2" not in done.stdout
