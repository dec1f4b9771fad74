"""Objects as git itself keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadowfs import objects
from tests.shadowfs.repositories import git

TEXTS = (b"", b"x", b"fifteen bytes..", b"sixteen bytes...", bytes(range(256)) * 500)


@pytest.fixture(params=["sha1", "sha256"])
def object_format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_what_is_written_is_what_git_writes(tmp_path: Path, object_format: str) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for place in (ours, theirs):
        git(tmp_path, "init", "--quiet", "--bare", f"--object-format={object_format}", str(place))
    for text in TEXTS:
        id = objects.write(ours / "objects", "blob", text, object_format, durable=True)
        assert objects.write(ours / "objects", "blob", text, object_format) == id
        assert git(theirs, "hash-object", "-w", "--stdin", input=text).decode() == id
        assert git(ours, "cat-file", "-t", id) == b"blob"
    git(ours, "fsck", "--strict")
    assert modes(ours) == modes(theirs)


def modes(place: Path) -> dict[str, int]:
    return {str(file.relative_to(place)): file.stat().st_mode for file in place.glob("objects/??/*")}
