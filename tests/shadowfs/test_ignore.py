"""The pinned rules say what stays out of a change, as git would with the files of the pin alone."""

from __future__ import annotations

from pathlib import Path

from shadowfs import ignored_paths, pin
from tests.shadowfs.repositories import git, make, write

RULES = {".gitignore": b"*.log\n!kept.log\n/build/\n\\!odd\n", "pkg/.gitignore": b"!*.log\n*.tmp\n", "pkg/core.py": b""}
PATHS = (
    "a.log",
    "kept.log",
    "build/x",
    "pkg/build/x",
    "!odd",
    "pkg/a.log",
    "pkg/deep/a.tmp",
    "a.tmp",
    "caf\udce9.log",
    "é\n.log",
    ":x.log",
    "*",
)


def test_the_rules_are_those_of_git(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", RULES)
    (repository / ".git/info/exclude").write_text("*.mine\n")
    snapshot = pin(repository, tmp_path / "state")
    write(repository, dict.fromkeys((*PATHS, "x.mine"), b""))
    told = git(repository, "status", "--porcelain", "-z", "--ignored=matching", "--untracked-files=all")
    ignored = {line[3:].decode("utf-8", "surrogateescape") for line in told.split(b"\0") if line.startswith(b"!! ")}
    ignored = {path if path != "build/" else "build/x" for path in ignored}
    assert ignored_paths(snapshot, (*PATHS, "x.mine")) == ignored
    assert {"a.log", "build/x", "!odd", "pkg/deep/a.tmp", "x.mine"} <= ignored and "pkg/a.log" not in ignored


def test_rules_that_come_later_say_nothing_and_pins_of_the_same_share_them(tmp_path: Path) -> None:
    repository = make(tmp_path / "r", RULES)
    first, again = pin(repository, tmp_path / "state"), pin(repository, tmp_path / "state")
    for snapshot in (first, again):
        assert ignored_paths(snapshot, ["x.log", "x.other"]) == {"x.log"}
    write(repository, {".gitignore": b"*.other\n"})
    assert ignored_paths(first, ["x.log", "x.other"]) == {"x.log"}
    assert ignored_paths(pin(repository, tmp_path / "state"), ["x.log", "x.other"]) == {"x.other"}
    assert len(list((first.depot.path / "rules").iterdir())) == 2


def test_many_long_paths_are_asked_in_one_go(tmp_path: Path) -> None:
    snapshot = pin(make(tmp_path / "r", RULES), tmp_path / "state")
    long = [f"{'d' * 200}/{'e' * 200}/{at}.{'log' if at % 2 else 'txt'}" for at in range(1000)]
    assert ignored_paths(snapshot, long) == set(long[1::2])
