"""Processes of git that are kept: few of them, none of which outlives what it reads, and none whose answers are taken for others."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

from shadowfs import DepotError, kept
from shadowfs.catfile import CatFile


def made(place: Path, text: str) -> str:
    """Make a bare repository with one blob, and return its id."""
    subprocess.run(["git", "init", "-q", "--bare", str(place)], check=True)
    words = ["git", "-C", str(place), "hash-object", "-w", "--stdin"]
    return subprocess.run(words, input=text, text=True, capture_output=True, check=True).stdout.strip()


def at_work(below: Path) -> list[psutil.Process]:
    children = [each for each in psutil.Process().children() if "cat-file" in each.cmdline()]
    return [each for each in children if each.cwd().startswith(str(below))]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "one"
    kept.end(tmp_path / "one")


def test_whoever_asks_has_one_process_and_of_all_there_are_few(tmp_path: Path) -> None:
    held = [(tmp_path / str(number), made(tmp_path / str(number), str(number))) for number in range(20)]
    for _ in range(2):
        assert [CatFile(each).read(name) for each, name in held] == [("blob", str(at).encode()) for at in range(20)]
    assert len(at_work(tmp_path)) == 16
    assert [each.cwd() for each in at_work(tmp_path / "19")] == [str(tmp_path / "19")]
    for each, _ in held:
        kept.end(each)
    assert at_work(tmp_path) == []


def test_one_that_was_killed_is_started_anew(place: Path) -> None:
    name = made(place, "text")
    assert CatFile(place).read(name) == ("blob", b"text")
    (process,) = at_work(place)
    os.kill(process.pid, signal.SIGKILL)
    assert CatFile(place).read(name) == ("blob", b"text")


def test_a_directory_that_was_made_anew_is_read_as_it_is_now(place: Path) -> None:
    name = made(place, "text")
    assert CatFile(place).identify(name) == name
    shutil.rmtree(place)
    other = made(place, "other")
    assert CatFile(place).identify(name) is None
    assert CatFile(place).identify(other) == other


def test_a_process_ends_once_what_it_reads_is_gone(place: Path) -> None:
    CatFile(place).read(made(place, "text"))
    shutil.rmtree(place)
    kept.end_gone()
    assert [
        each for each in psutil.Process().children() if "cat-file" in each.cmdline() and str(place) in each.cwd()
    ] == []


def test_who_stops_reading_leaves_no_answer_for_the_next(place: Path) -> None:
    name = made(place, "text")
    called = kept.Called(("cat-file", "--batch"), place)

    def interrupted(said: IO[bytes]) -> None:
        said.readline()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        kept.ask(called, f"{name}\n".encode(), interrupted)
    assert CatFile(place).read(name) == ("blob", b"text")


def test_one_that_gives_no_answer_is_told_of(place: Path) -> None:
    made(place, "text")

    def nothing(_: IO[bytes]) -> None:
        raise EOFError

    with pytest.raises(DepotError, match=r"git cat-file in .* ended without an answer"):
        kept.ask(kept.Called(("cat-file", "--batch"), place), b"x\n", nothing)


def test_what_an_id_names_is_asked_once_and_what_a_reference_names_each_time(place: Path) -> None:
    name = made(place, "text")
    ref = place / "refs/heads/it"
    ref.write_text(f"{name}\n")
    assert CatFile(place).read(name) == ("blob", b"text") and CatFile(place).identify("refs/heads/it") == name
    (process,) = at_work(place)
    process.suspend()
    assert CatFile(place).read(name) == ("blob", b"text")
    process.resume()
    ref.unlink()
    assert CatFile(place).identify("refs/heads/it") is None
    assert CatFile(place).identify("0" * 40) is None
