"""What the program inside imports, and when: not the project's modules for the standard library's, and for a run little."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.cases import needs_local
from tests.verifier.project import LIMITS, PYTEST, UNITTEST, only, opened, run, write
from verifier import ForkServers, InsideObserver, Outcome, Suite, Watch

pytestmark = needs_local

NAMED = {f"{name}.py": "raise ImportError('not ours')\n" for name in ("asyncio", "fractions", "mmap")}
FINE = "import unittest\n\nclass T(unittest.TestCase):\n    def test_fine(self): pass\n"


@pytest.mark.parametrize("suite", [PYTEST, UNITTEST], ids=["pytest", "unittest"])
def test_a_module_named_as_one_of_the_standard_librarys_is_the_projects_alone(tmp_path: Path, suite: Suite) -> None:
    root = write(tmp_path / "p", {**NAMED, "lib.py": "A = 1\n", "test_lib.py": FINE})
    with opened(root) as sandbox:
        with ForkServers().start(sandbox, suite, LIMITS) as trials:
            assert only(trials.baseline()).outcome is Outcome.PASSED
            (test,) = trials.collected
        seen = InsideObserver().observe(sandbox, suite, [test], Watch({"lib.py": frozenset({1})}), LIMITS)
        assert seen.outcomes == {test: Outcome.PASSED}


def test_a_run_imports_nothing_that_only_a_server_takes(tmp_path: Path) -> None:
    text = "import sys\n\ndef test_it(): assert not {'asyncio', '_nightcrew_inside.server'} & {*sys.modules}\n"
    assert only(run(write(tmp_path / "p", {"test_lib.py": text}))).outcome is Outcome.PASSED
