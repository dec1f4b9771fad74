"""Templates: what is forgotten goes at once, and whoever else forgets it meanwhile is in nobody's way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sandbox.services.templates import Templates


def make(folder: Path) -> None:
    (folder / "data").write_text("whole")


def kept(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def test_what_was_used_least_lately_is_forgotten(tmp_path: Path) -> None:
    templates = Templates(tmp_path / "templates", tmp_path / "scratch")
    for number in range(10):
        with templates.held(f"key{number}", make) as path:
            assert (path / "data").read_text() == "whole"
    assert kept(tmp_path / "templates") == [f"key{number}" for number in range(2, 10)]
    assert not list((tmp_path / "scratch").iterdir())


def test_one_that_is_held_stays(tmp_path: Path) -> None:
    templates = Templates(tmp_path / "templates", tmp_path / "scratch")
    with templates.held("first", make):
        for number in range(10):
            with templates.held(f"key{number}", make):
                pass
        assert "first" in kept(tmp_path / "templates")


def test_a_process_that_dies_as_it_forgets_leaves_no_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    templates = Templates(tmp_path / "templates", tmp_path / "scratch")
    for number in range(8):
        with templates.held(f"key{number}", make):
            pass

    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", dies)
    monkeypatch.setattr("sandbox.scratch._remove", dies)
    with pytest.raises(KeyboardInterrupt), templates.held("key8", make):
        pass
    for name in kept(tmp_path / "templates"):
        assert (tmp_path / "templates" / name / "data").read_text() == "whole"
