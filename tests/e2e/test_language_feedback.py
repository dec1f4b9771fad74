"""A fix from end to end in TypeScript and in C++: the agent's first edit is wrong, the language server says so, its second is right."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agents import NoFix, Proposal, Result, Task, Workspace
from orchestrator.crew import Crew
from orchestrator.records import Order, Status
from orchestrator.wiring import real_engines
from tests.e2e.library import commit_all
from tests.orchestrator import project
from tests.verifier.language.doubles import written
from tests.verifier.language.repository import node_packages
from verifier import ServerPlaces, Suite, find_servers


@dataclass(frozen=True, slots=True)
class Told:
    """A repository in one language: its files, its suite, a first edit that is wrong and a second that is right."""

    files: dict[str, str]
    suite: str
    path: str
    bug: str
    wrong: str
    right: str
    said: str


TYPESCRIPT = Told(
    files={
        ".gitignore": "node_modules\nout\n",
        "tsconfig.json": '{"compilerOptions": {"strict": true, "types": []}, "include": ["src"]}\n',
        "src/age.ts": "export function oldEnough(age: number, limit: number): boolean {\n    return age > limit;\n}\n",
        "check.js": (
            "const made = require('typescript').transpile(require('fs').readFileSync('src/age.ts', 'utf8'));\n"
            "new Function('exports', made)(exports);\nprocess.exit(exports.oldEnough(18, 18) ? 0 : 1);\n"
        ),
        "check.sh": "node check.js\n",
    },
    suite="check.sh",
    path="src/age.ts",
    bug="age > limit",
    wrong="agee >= limit",
    right="age >= limit",
    said="Cannot find name 'agee'",
)
CPP = Told(
    files={
        "age.h": "inline bool old_enough(int age, int limit) {\n    return age > limit;\n}\n",
        "test.cpp": '#include "age.h"\n\nint main() {\n    return old_enough(18, 18) ? 0 : 1;\n}\n',
        "check.sh": "g++ -o /tmp/test test.cpp && /tmp/test\n",
    },
    suite="check.sh",
    path="age.h",
    bug="age > limit",
    wrong="agee >= limit",
    right="age >= limit",
    said="undeclared identifier 'agee'",
)


@dataclass(frozen=True, slots=True)
class Listener:
    """An agent that takes its first edit back when the language server has something against it."""

    told: Told
    name: str = "listener"

    def work(self, task: Task, workspace: Workspace) -> Result:
        """Edit, read the journal, edit again."""
        del task
        text = workspace.read(self.told.path).decode()
        workspace.write(self.told.path, text.replace(self.told.bug, self.told.wrong).encode())
        said = workspace.journal()[-1]
        if said.kind != "diagnose" or self.told.said not in str(said.data["introduced"]):
            return NoFix(f"nobody said that it is wrong: {said.kind} {dict(said.data)}")
        workspace.write(self.told.path, text.replace(self.told.bug, self.told.right).encode())
        return Proposal(workspace.change(), "The limit is old enough", "An age equal to the limit is old enough.")


@pytest.mark.parametrize(("told", "server"), [(TYPESCRIPT, "typescript"), (CPP, "clangd")], ids=["typescript", "c++"])
def test_an_agent_that_listens_to_the_language_server_repairs(tmp_path: Path, told: Told, server: str) -> None:
    repository = written(tmp_path / "repository", told.files)
    node = node_packages() if server == "typescript" else None
    if node is not None:
        shutil.copytree(node, repository / "node_modules", symlinks=True, copy_function=os.link)
    commit_all(repository)
    path = f"{Path(sys.prefix) / 'bin'}:{os.environ.get('PATH', os.defpath)}"
    servers = tuple(each for each in find_servers(ServerPlaces(repository, path)) if each.server.name == server)
    if not servers or (server == "clangd" and shutil.which("g++") is None):
        pytest.skip(f"there is no {server}, or no g++, here")
    state = tmp_path / "state"
    suite = Suite("command", ("sh", told.suite))
    settings = project.settings(state, suite=suite, servers=servers)
    engines = replace(real_engines(state), agent=lambda *_: Listener(told))
    with closing(Crew(state, settings, engines=engines)) as crew, closing(engines):
        report = crew.fix(Order("18 is not old enough for 18", repository, failing=("sh check.sh",)))
        steps = crew.steps(report.ticket.id)
    assert report.status is Status.VERIFIED, report
    assert report.verdict is not None
    rung = report.verdict.rung("diagnostics")
    assert rung is not None
    assert (rung.status, server in rung.why) == ("pass", True)
    judged = [step.outcome for step in steps if step.kind == "diagnose"]
    assert [told.said in str(outcome) for outcome in judged] == [True, False]
    assert f"+    return {told.right}" in project.git(repository, "show", report.branch or "")
