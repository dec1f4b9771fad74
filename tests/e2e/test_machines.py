"""Three machines that share a store and no disk: one takes issues and pushes, one begins a job on a managed checkout, another ends it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import NIGHTCREW, clean_environment, until
from tests.e2e.library import base_python
from tests.e2e.project import TICKET, make_project
from tests.orchestrator.forges import webhooks
from tests.orchestrator.forges.fake import TOKEN, FakeForge, serving
from tests.orchestrator.forges.fakeapi import github
from tests.roomy import ROOM

TESTS = """\
import unittest

from shop.total import total


class Totals(unittest.TestCase):
    def test_nothing_costs_nothing(self):
        self.assertEqual(total([]), 0)

    def test_all_prices_count(self):
        self.assertEqual(total([3, 4, 5]), 12)
"""
SHOWN = 'mount --bind "$0" "$1" && shift && exec "$@"'
"""A machine has its own disk where every machine has one."""


@dataclass(frozen=True, slots=True)
class Machines:
    """Machines, each with its own state directory at the same path, and what they all reach."""

    folder: Path
    fake: FakeForge

    def start(self, name: str, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command on a machine."""
        disk, state = self.folder / name, self.folder / "state"
        disk.mkdir(exist_ok=True)
        state.mkdir(exist_ok=True)
        enter = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "--propagation", "private"]
        command = [*enter, "sh", "-c", SHOWN, disk, state, NIGHTCREW, *words, "--json", "--state", state]
        return subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def run(self, name: str, *words: str | Path) -> dict[str, Any]:
        """Run a command on a machine, and return what it printed."""
        process = self.start(name, *words)
        out, said = process.communicate(timeout=900)
        assert process.returncode == 0, (out, said)
        document: dict[str, Any] = json.loads(out)
        return document

    @property
    def environ(self) -> dict[str, str]:
        secrets = {"TEAM_TOKEN": TOKEN, "TEAM_SECRET": webhooks.SECRET}
        shared = {"NIGHTCREW_STORE": f"sqlite:///{self.folder}/store.db", "NIGHTCREW_DEPOTS": f"{self.folder}/hub.git"}
        return clean_environment({"XDG_CONFIG_HOME": str(self.folder / "config"), **secrets, **shared})


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    suite = f"[test]\ncommand = '{base_python()} -m unittest tests.test_total'\n"
    work = make_project(tmp_path / "elsewhere" / "sums", {"tests/test_total.py": TESTS, "nightcrew.toml": suite})
    with serving(FakeForge(tmp_path / "forge", work, github)) as fake:
        config = tmp_path / "config" / "nightcrew" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(
            f'[forges.team]\nkind = "github"\nurl = "{fake.url}"\napi = "{fake.url}/api"\ntoken_env = "TEAM_TOKEN"\n'
            f'secret_env = "TEAM_SECRET"\nallow = ["alice"]\nmanaged = ["team/sums"]\n' + ROOM
        )
        yield Machines(tmp_path, fake)


def test_an_issue_is_taken_begun_ended_and_pushed_on_three_machines(machines: Machines) -> None:
    machines.fake.issue(5, TICKET.partition(":")[0], TICKET)
    filed = machines.run("server", "file", "--from-issue", f"{machines.fake.url}/team/sums/issues/5")
    ticket = filed["ticket"]
    worker = machines.start("one", "work")
    until(worker, "verify")
    worker.send_signal(signal.SIGINT)
    (paused,) = json.loads(worker.communicate(timeout=300)[0])["jobs"]
    assert paused["status"] == "paused"
    ended = machines.run("two", "resume", ticket)
    assert ended["status"] == "verified"
    machines.run("server", "publish", ticket)
    (pull,) = machines.fake.pulls()
    assert machines.fake.tip(pull.head) == ended["commit"]
    assert machines.fake.git("diff", "--name-only", "main", pull.head).split() == ["shop/total.py"]
    kinds = [each["kind"] for each in machines.run("server", "logs", ticket)["steps"]]
    assert kinds.count("pin") == 1
    trees = [len(list((machines.folder / name).glob("checkouts/*/*/*/trees/*"))) for name in ("server", "one", "two")]
    assert trees == [0, 1, 1]
