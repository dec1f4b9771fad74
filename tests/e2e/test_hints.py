"""Fixes that no operator makes, from end to end: a real language server offers some, the repository's own history another."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from agents import RepairAgent
from agents.repair import Settings
from agents.repair.hints import KNOWN_NAME, QUICK_FIX, UNDONE
from orchestrator.crew import Crew
from orchestrator.records import JobReport, Order, Status
from orchestrator.wiring import real_engines
from tests.e2e.library import commit_all, git
from tests.orchestrator import project
from tests.verifier.language.doubles import written
from verifier import ForkServers, Found, ServerPlaces, Suite, find_servers

SUITE = Suite("unittest", ("tests.test_shop",), sys.executable)
TESTS = """\
import unittest

from shop import {name}


class Tests(unittest.TestCase):
    def test_nothing(self):
        assert {name}(0) == 0

    def test_something(self):
        assert {name}(2) == {value}
"""
AREA = "def area(side):\n    if not side:\n        return 0\n    return math.prod([side, side])\n"
IMPORT = ({"shop.py": AREA}, f"import math\n{AREA}", QUICK_FIX)
SQUARE = "class Square:\n    def __init__(self, side: int) -> None:\n        self.surface = side * side\n"
SHOP = "from square import Square\n\n\ndef area(side):\n    return side and Square(side).surfase\n"
ATTRIBUTE = ({"shop.py": SHOP, "square.py": SQUARE}, SHOP.replace("surfase", "surface"), KNOWN_NAME)
GOOD = """\
def price(pieces):
    if not pieces:
        return 0
    plain = 7 * pieces
    return plain - min(plain // 5, 3)
"""
BAD = GOOD.replace("7 * pieces", "pieces << 3").replace("plain - min(plain // 5, 3)", "plain ^ 40 - pieces")


def fixed(repository: Path, state: Path, servers: tuple[Found, ...]) -> tuple[JobReport, str]:
    """Let the repair agent work on the failing test; return what came of it, and which steps it journaled."""
    settings = project.settings(state, suite=SUITE, servers=servers, agent="repair")
    # A search for what can be imported takes a server seconds where the machine is busy.
    patient = RepairAgent(ForkServers(), Settings(hints_s=120.0))
    engines = replace(real_engines(state), agent=lambda *_: patient)
    with closing(engines), closing(Crew(state, settings, engines=engines)) as crew:
        report = crew.fix(Order("two is wrong", repository, failing=("tests.test_shop.Tests.test_something",)))
        hints = next(step.intent for step in crew.steps(report.ticket.id) if step.kind == "note:hints")
    return report, str(hints)


@pytest.mark.parametrize(("files", "fixed_file", "kind"), [IMPORT, ATTRIBUTE], ids=["import", "attribute"])
def test_what_a_language_server_offers_repairs(
    tmp_path: Path, files: Mapping[str, str], fixed_file: str, kind: str
) -> None:
    servers = [each for each in find_servers(ServerPlaces(tmp_path, f"{sys.prefix}/bin")) if each.server.name == "ty"]
    if not servers:
        pytest.skip("there is no ty here")
    tests = {"tests/__init__.py": "", "tests/test_shop.py": TESTS.format(name="area", value=4)}
    repository = written(tmp_path / "repository", {**files, **tests})
    commit_all(repository)
    report, hints = fixed(repository, tmp_path / "state", tuple(servers))
    assert report.status is Status.VERIFIED, report
    assert git(repository, "show", f"{report.branch}:shop.py") == fixed_file
    assert kind in git(repository, "log", "-1", "--format=%B", report.branch or "")
    assert kind in hints


def test_a_recent_change_that_broke_a_test_is_undone(tmp_path: Path) -> None:
    files = {"shop.py": GOOD, "tests/__init__.py": "", "tests/test_shop.py": TESTS.format(name="price", value=12)}
    repository = written(tmp_path / "repository", files)
    commit_all(repository)
    (repository / "shop.py").write_text(BAD)
    git(repository, "commit", "-q", "-a", "-m", "faster")
    (repository / "shop.py").write_text(BAD + "\n\ndef free():\n    return 0\n")
    report, hints = fixed(repository, tmp_path / "state", ())
    assert report.status is Status.VERIFIED, report
    assert git(repository, "show", f"{report.branch}:shop.py") == f"{GOOD}\n\ndef free():\n    return 0\n"
    assert UNDONE in git(repository, "log", "-1", "--format=%B", report.branch or "")
    assert "pieces" in hints
