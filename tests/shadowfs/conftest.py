"""A FUSE driver and a repository for the tests of the mount; a machine without FUSE skips them with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shadowfs import FuseDriver, Snapshot, pin
from shadowfs.fuseshadow import FuseShadow
from tests.shadowfs.repositories import age, make, write


@pytest.fixture
def fuse(tmp_path: Path) -> Iterator[FuseDriver]:
    """Return a driver whose state is below `tmp_path`."""
    driver = FuseDriver(tmp_path / "state")
    probe = driver.probe()
    if not probe.works:
        pytest.skip(f"fuse: {probe.why}")
    yield driver
    driver.close()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository with tracked, modified, untracked, ignored and secret files."""
    root = make(tmp_path / "repo")
    write(
        root,
        {
            "pkg/core.py": b"def answer():\n    return 42\n",
            "untracked.txt": b"new\n",
            "build/out.bin": b"made\n",
            "build/deep/er.bin": b"deep\n",
            ".env": b"TOKEN=secret\n",
        },
    )
    (root / "link").symlink_to("pkg/core.py")
    age(root)
    return root


@pytest.fixture
def snapshot(repository: Path, tmp_path: Path) -> Snapshot:
    """Return a pin of it."""
    return pin(repository, tmp_path / "state")


@pytest.fixture
def shadow(fuse: FuseDriver, snapshot: Snapshot) -> Iterator[FuseShadow]:
    """Return a mounted shadow of it."""
    with fuse.create(snapshot) as made:
        yield made


@pytest.fixture
def mounted(shadow: FuseShadow) -> Path:
    """Return the shadow's mount as this process sees it."""
    return at(shadow)


def at(shadow: FuseShadow) -> Path:
    """Return a shadow's mount as this process sees it."""
    return Path(f"/proc/{shadow.mount.namespace}/root{shadow.mount.path}")
