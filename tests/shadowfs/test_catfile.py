"""Objects are read by a process that is kept, and of these processes there are few."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil

from shadowfs.catfile import CatFile


def test_who_holds_many_directories_has_few_processes_and_reads_on(tmp_path: Path) -> None:
    held = []
    for number in range(40):
        place = tmp_path / str(number)
        subprocess.run(["git", "init", "-q", "--bare", str(place)], check=True)
        words = ["git", "-C", str(place), "hash-object", "-w", "--stdin"]
        name = subprocess.run(words, input=str(number), text=True, capture_output=True, check=True).stdout.strip()
        held.append((CatFile(place), name))
    for _ in range(2):
        assert [each.read(name) for each, name in held] == [("blob", str(at).encode()) for at in range(40)]
    at_work = [each.cwd() for each in psutil.Process().children() if "cat-file" in each.cmdline()]
    assert 0 < sum(each.startswith(str(tmp_path)) for each in at_work) <= 16
    for each, _ in held:
        each.close()
