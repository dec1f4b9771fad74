"""Shadows on their own: at rest between commands, mounted in the foreground, what was written kept."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli.shelf import Shelf
from shadowfs import CopyDriver
from tests.e2e.command import NIGHTCREW, nightcrew
from tests.e2e.project import make_project
from tests.e2e.traces import digest, left_behind


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_project(tmp_path / "repository")


@contextmanager
def mounted(shadow: str, state: Path, driver: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Mount a shadow as a person does, in a process that Ctrl-C ends."""
    words: list[str | Path] = [NIGHTCREW, "shadow", "mount", shadow, "--driver", driver, "--state", state, "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        text = ""
        while not text.rstrip().endswith("}"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            text += line
        document = json.loads(text)
        yield Path(document["path"]), document
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, process.stderr.read()


@pytest.mark.parametrize("driver", ["fuse", "copy"])
def test_what_is_written_to_a_mounted_shadow_is_kept(repository: Path, tmp_path: Path, driver: str) -> None:
    state = tmp_path / "state"
    (repository / "nightcrew.toml").write_text("[files]\nsecret = ['*.private']\n", "utf-8")
    (repository / "prices.private").write_text("1\n", "utf-8")
    before = digest(repository)
    shadow = nightcrew("shadow", "create", "--repo", repository, state=state).document["shadow"]
    with mounted(shadow, state, driver) as (path, told):
        assert told["driver"] == driver
        assert (path / "shop" / "total.py").is_file()
        assert not (path / "prices.private").exists()
        (path / "README").write_text("written in the shadow\n", "utf-8")
        again = nightcrew("shadow", "mount", shadow, state=state)
        assert (again.status, again.document["error"]["kind"]) == (2, "usage")
    diff = nightcrew("shadow", "diff", shadow, state=state).document["diff"]
    assert "+written in the shadow" in diff

    forked = nightcrew("shadow", "fork", shadow, state=state).document["shadow"]
    with mounted(forked, state, driver) as (path, _):
        assert (path / "README").read_text("utf-8") == "written in the shadow\n"
        (path / "README").unlink()
    assert "deleted file" in nightcrew("shadow", "diff", forked, state=state).document["diff"]
    assert "+written in the shadow" in nightcrew("shadow", "diff", shadow, state=state).document["diff"]

    for each in (shadow, forked):
        assert nightcrew("shadow", "drop", each, state=state).status == 0
    assert nightcrew("shadow", "diff", shadow, state=state).status == 2
    assert digest(repository) == before
    assert left_behind(state) == []


def test_what_was_written_is_kept_whatever_ends_the_mount(repository: Path, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "state")
    made = shelf.create(repository, (), {})
    with (
        pytest.raises(OSError, match="a hiccup"),
        shelf.mounted(made.id, CopyDriver(tmp_path / "state")) as (_, shadow),
    ):
        shadow.write("README", b"written in the shadow\n")
        raise OSError("a hiccup")
    change = shelf.snapshot(made).depot.change(made.tree, shelf.find(made.id).tree)
    assert change.after("README") == b"written in the shadow\n"
