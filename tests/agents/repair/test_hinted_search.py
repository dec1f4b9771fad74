"""The repair agent with hints in the real fork server: a bug that only they repair, in a second life that has no servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agents import Proposal, RepairAgent, Stopped, Task
from agents.repair import Settings
from tests.agents.repair.folder import FolderWorkspace, opened
from tests.verifier.language.doubles import double
from verifier import (
    Diagnostic,
    FileEdit,
    Fix,
    ForkServers,
    Found,
    Languages,
    LanguageSession,
    Position,
    ScriptedSession,
    Severity,
    Span,
    TextEdit,
)

CODE = "def area(radius):\n    return math.pi * radius**2\n"
TEST = """\
import unittest

from m import area


class Areas(unittest.TestCase):
    def test_area(self):
        assert 3.1 < area(1) < 3.2
"""
FILES = {"m.py": CODE, "test_m.py": TEST}
FAILING = ("test_m.Areas.test_area",)
SHORT = Settings(batch=1, further_at_least=0, further=0.0, most_candidates=12)
START = Span(Position(1, 0), Position(1, 0))


def serve(workspace: FolderWorkspace) -> None:
    """Give a workspace a server that knows what is missing."""

    def find(path: str, text: str) -> tuple[Diagnostic, ...]:
        said = Diagnostic(path, Span(Position(2, 11), Position(2, 15)), Severity.ERROR, "`math` is not defined")
        return () if "import" in text else (said,)

    def start(found: Found) -> LanguageSession:
        fix = Fix("import math", (FileEdit("m.py", (TextEdit(START, "import math\n"),)),), True)
        return ScriptedSession(find, workspace.files, offers=(fix,), server=found.server.name)

    workspace.languages = Languages([double("well")], start, workspace.read)


class _StopsAfter(FolderWorkspace):
    """Is stopped at its second batch, as by `kill`."""

    def note(self, kind: str, data: Mapping[str, object], *, progress: str = "") -> None:
        super().note(kind, data, progress=progress)
        self.stopped |= kind == "batch"


def test_a_second_life_searches_by_the_hints_of_the_first(tmp_path: Path) -> None:
    with opened(tmp_path, FILES, "unittest") as (workspace, suite):
        task = Task("", suite, FAILING)
        stopping = _StopsAfter(tmp_path, workspace.sandbox, suite)
        serve(stopping)
        with pytest.raises(Stopped):
            RepairAgent(ForkServers(), SHORT).work(task, stopping)
        again = FolderWorkspace(tmp_path, workspace.sandbox, suite, stopping.journal())
        result = RepairAgent(ForkServers(), SHORT).work(task, again)
    assert isinstance(result, Proposal), result
    assert again.files["m.py"].decode() == f"import math\n{CODE}"
    assert "quick fix of a language server" in result.explanation
    assert [step.kind for step in again.journal()].count("note:hints") == 1
