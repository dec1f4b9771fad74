"""A shadow's directories and their owner."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from shadowfs import Home, sweep


def dead(state: Path) -> Home:
    """Return a home whose owner has died."""
    home = Home.create(state)
    with subprocess.Popen(["true"]) as process:
        process.wait()
    (home.path / "owner.json").write_text(json.dumps({"pid": process.pid, "started": "boot:1"}))
    return home


def test_a_home_has_its_directories_and_goes_with_all_it_holds(tmp_path: Path) -> None:
    home = Home.create(tmp_path)
    assert home.path == tmp_path / "shadows" / home.id
    assert {path.name for path in home.path.iterdir()} == {"mnt", "upper", "git", "owner.json"}
    locked = home.upper / "a/b"
    locked.mkdir(parents=True)
    (locked / "file").write_bytes(b"x")
    locked.chmod(0o500)
    (home.upper / "a").chmod(0)
    home.remove()
    home.remove()
    assert not home.path.exists()


def test_the_sweep_takes_the_dead_and_leaves_the_living(tmp_path: Path) -> None:
    assert sweep(tmp_path) == []
    mine, orphan = Home.create(tmp_path), dead(tmp_path)
    assert sweep(tmp_path) == [orphan.id]
    assert mine.path.exists() and not orphan.path.exists()


def test_a_pid_given_again_does_not_keep_a_dead_owners_shadow(tmp_path: Path) -> None:
    home = Home.create(tmp_path)
    owner = json.loads((home.path / "owner.json").read_text())
    assert owner["pid"] == os.getpid()
    (home.path / "owner.json").write_text(json.dumps({**owner, "started": "another boot:1"}))
    assert sweep(tmp_path) == [home.id]


def test_a_home_that_is_not_signed_yet_is_left_for_a_minute(tmp_path: Path) -> None:
    path = tmp_path / "shadows" / "000000000000"
    path.mkdir(parents=True)
    assert sweep(tmp_path) == []
    (path / "owner.json").write_text('{"machine": "')
    assert sweep(tmp_path) == []
    os.utime(path, (1, 1))
    assert sweep(tmp_path) == [path.name]


def test_what_is_left_of_a_home_whose_owner_died_removing_it_goes_at_once(tmp_path: Path) -> None:
    home = Home.create(tmp_path)
    (home.path / "owner.json").unlink()
    assert sweep(tmp_path) == [home.id]
    assert not home.path.exists()


def test_the_sweep_goes_on_where_a_shadow_goes_while_it_looks(tmp_path: Path) -> None:
    orphan = dead(tmp_path)
    # Listed, and not there when it is looked at.
    (tmp_path / "shadows/000000000000").symlink_to("gone")
    assert sweep(tmp_path) == [orphan.id]


def test_the_sweep_unmounts_first(tmp_path: Path) -> None:
    home = dead(tmp_path / "with space")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_bytes(b"x")
    if subprocess.run(["mount", "--bind", outside, home.mnt], capture_output=True).returncode:
        pytest.skip("mounting needs root")
    assert sweep(tmp_path / "with space") == [home.id]
    assert not home.path.exists()
    assert (outside / "precious").read_bytes() == b"x"


def test_the_sweep_leaves_alone_what_another_machine_owns(tmp_path: Path) -> None:
    home = dead(tmp_path)
    owner = json.loads((home.path / "owner.json").read_text())
    (home.path / "owner.json").write_text(json.dumps({**owner, "machine": "elsewhere"}))
    assert sweep(tmp_path) == []
    home.remove()
