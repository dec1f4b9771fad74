"""A job on a managed checkout: it begins at what the forge has, keeps what it began with, and says what its set-up did."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agents import ScriptedAgent
from agents.scripted import Action
from orchestrator.checkouts.errors import SetupRefused
from orchestrator.checkouts.homes import home_of
from orchestrator.checkouts.standing import settings_of
from orchestrator.crew import Crew
from orchestrator.forges.checkup import forge_checks
from orchestrator.records import Event, Order, Remark, Status
from orchestrator.settings import Container, Managed, Settings
from orchestrator.wiring import GitRepositories, real_engines
from tests.orchestrator import project
from tests.orchestrator.checkouts.lair import Lair, checkouts_at, lair
from tests.orchestrator.crews import FIX, order

SETUP = '[setup]\nrun = ["mkdir -p build; echo made > build/made"]\n'


@contextmanager
def crew_at(at: Lair, *scripts: Sequence[Action]) -> Iterator[Crew]:
    """Open a crew that works on the lair's checkouts, whose agents play scripts."""
    left = list(scripts)
    engines = replace(
        real_engines(at.state),
        checkouts=lambda: at.checkouts,
        repositories=GitRepositories(at.state, os.environ, lambda: at.checkouts),
        agent=lambda *_: ScriptedAgent(left.pop(0)),
    )
    filed = Settings(managed=Managed(), agent="command:true", seconds=300.0)
    with Crew(at.state, filed, engines=engines) as crew:
        yield crew
    engines.close()


def asked(at: Lair) -> Order:
    return order(at.home)


def test_a_job_begins_at_what_the_forge_has_and_stays_with_it(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": SETUP})
        with crew_at(at, [FIX], [FIX], [FIX]) as crew:
            first, second = crew.file(asked(at)), crew.file(asked(at))
            assert crew.store.settings(first.id).suite is None
            began = at.push({"more.txt": "more\n"})
            told: list[Event] = []
            report = crew.work_next(told.append)
            assert report is not None and report.status is Status.VERIFIED, report
            job = crew.store.job_of(first.id)
            assert job.snapshot is not None
            assert (job.snapshot.head, job.snapshot.branch, job.snapshot.dirty) == (began, "main", False)
            tree = job.snapshot.repository
            assert (tree / "build/made").read_text() == "made\n"
            assert project.branches(tree) == [report.branch]
            assert any(event.kind == "checkout" for event in told)
            assert settings_of(crew.store, first.id).suite == project.UNITTEST
            (step,) = [step for step in crew.steps(first.id) if step.kind == "checkout"]
            assert step.outcome is not None and Path(str(step.outcome["log"])).exists()
            # Another ticket moves the working tree; what somebody says of the first goes on from where that began.
            moved = at.push({"other.txt": "x\n"})
            assert crew.work_next() is not None
            later = crew.store.job_of(second.id).snapshot
            assert later is not None and (later.head, later.repository) == (moved, tree)
            crew.comment(first.id, [Remark("rather so")], agent="command:true")
            again = crew.work_next()
            assert again is not None and again.ticket.id == first.id
            assert again.status is Status.VERIFIED, again.why
            assert project.git(tree, "rev-parse", f"{again.branch}~1") == began


def test_a_set_up_that_fails_ends_the_job_and_it_can_be_resumed(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": '[setup]\nrun = ["exit 3"]\n'})
        with crew_at(at, [FIX]) as crew:
            ticket = crew.file(asked(at))
            report = crew.work_next()
            assert report is not None and report.status is Status.FAILED
            assert "exited with 3. Its output is in" in report.why
            at.push({"nightcrew.toml": SETUP})
            assert crew.resume(ticket.id).status is Status.VERIFIED


def test_a_job_is_stopped_while_its_set_up_runs(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        at.push({"nightcrew.toml": '[setup]\nrun = ["sleep 1000"]\n'})
        with crew_at(at) as crew:
            ticket = crew.file(asked(at))

            def stop(event: Event) -> None:
                if event.text == "sleep 1000":
                    crew.stop(ticket.id)

            report = crew.work_next(stop)
            assert report is not None and report.status is Status.STOPPED
        assert not list((at.home / "trees").glob("*"))


def test_a_commit_is_reviewed_against_the_branch_that_it_goes_into(tmp_path: Path) -> None:
    with lair(tmp_path) as at:
        project.git(at.work, "push", "--quiet", str(at.fake.git_dir), "HEAD:stable")
        commit = at.push({"sums.py": project.FIXED, "nightcrew.toml": '[setup]\nrun = ["exit 1"]\n'})
        at.checkouts.fetcher(at.home).fetch("refs/heads/main")
        with crew_at(at) as crew:
            filed = Settings(managed=Managed("stable"), seconds=300.0)
            ticket = crew.file_review(order(at.home), commit, filed)
            report = crew.work_next()
            assert report is not None and report.ticket.id == ticket.id
            assert sorted(report.files) == ["nightcrew.toml", "sums.py"]
        # What it would have the set-up do is not done: that is the branch's to say.
        assert not (at.home / "logs").exists()


def test_an_image_gets_no_variable_that_is_not_allowed(tmp_path: Path) -> None:
    checkouts = checkouts_at("http://127.0.0.1:9", tmp_path, container=Container(secrets=("FORGE_TOKEN",)))
    with pytest.raises(SetupRefused, match=r"asks for FORGE_TOKEN, which config\.toml does not allow"):
        checkouts.settings(home_of(tmp_path, "hub", "team/sums"), Order("x", tmp_path))


def test_the_doctor_names_variables_that_set_ups_may_ask_for_and_that_are_not_set(tmp_path: Path) -> None:
    config = tmp_path / "nightcrew/config.toml"
    config.parent.mkdir()
    config.write_text('[forges.hub]\nkind = "github"\nmanaged = ["a/b"]\nsecrets = { "a/b" = ["KEY"] }\n')
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    checks = {check.name: check for check in forge_checks(environ, tmp_path, tmp_path)}
    assert "KEY" in checks["set-up of a/b"].why
    assert "set-up of a/b" not in {each.name for each in forge_checks({**environ, "KEY": "x"}, tmp_path, tmp_path)}
