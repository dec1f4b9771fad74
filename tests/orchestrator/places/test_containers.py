"""Several Docker hosts and a job: it goes where there is room, with its image, and on at another host when its own is lost."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from agents import NoFix, Proposal, Result, Task, Workspace
from orchestrator.cluster.checkup import examine_cluster
from orchestrator.crew import Crew
from orchestrator.errors import BadConfig
from orchestrator.places.containers import docker_driver, docker_hosts
from orchestrator.records import Order, Status
from orchestrator.settings import Container
from orchestrator.wiring import real_engines
from sandbox import Command, DockerDriver, DockerHosts
from tests.orchestrator import project
from tests.sandbox.dockerimage import IMAGES_PYTHON, OWN_ENGINE, containers, engine, remove_volumes, the_image
from tests.sandbox.secondengine import second_engine
from verifier import Suite


def environ_of(folder: Path, text: str) -> dict[str, str]:
    """Return an environment in which the machine's file says this."""
    file = folder / "config/nightcrew/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return {**os.environ, "XDG_CONFIG_HOME": str(folder / "config")}


def test_hosts_are_those_of_the_machines_file(tmp_path: Path) -> None:
    text = '[docker.far]\naddress = "tcp://far:2376"\ncertificates = "~/far"\nsandboxes = 3\n[docker.home]\naddress = "unix:///x"\n'
    environ = environ_of(tmp_path / "two", text)
    far, home = docker_hosts(environ, tmp_path)
    assert (far.name, far.address.url, far.sandboxes) == ("far", "tcp://far:2376", 3)
    assert (far.address.certificates, far.address.verify, home.sandboxes) == (f"{tmp_path}/far", True, None)
    assert isinstance(docker_driver(environ, tmp_path, tmp_path), DockerHosts)
    assert isinstance(docker_driver(environ_of(tmp_path / "none", ""), tmp_path, tmp_path), DockerDriver)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('address = "far:2376"', "write it as DOCKER_HOST has it"),
        ('address = "ssh://me:secret@far"', "a password stands in no file"),
        ('address = "tcp://far:1"\nsandboxes = 0', "greater than or equal to 1"),
        ('address = "tcp://far:1"\ncertificate = "x"', "did you mean `docker.NAME.certificates`"),
    ],
)
def test_a_table_that_is_wrong_is_told(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(BadConfig, match=told):
        docker_hosts(environ_of(tmp_path, f"[docker.far]\n{line}\n"), tmp_path)


class Traveller:
    """An agent that edits in two steps, and neither twice; between them, with a command running, `lose` is called."""

    name = "traveller"

    def __init__(self, lose: ExitStack) -> None:
        self.lose = lose
        self.at: list[bytes] = []

    def work(self, task: Task, workspace: Workspace) -> Result:
        del task
        done = {str(step.data["path"]) for step in workspace.journal() if step.kind == "write"}
        self.at.append(workspace.run(Command(("cat", "helper.py"))).stdout)
        if "helper.py" not in done:
            workspace.write("helper.py", b"START = 0\n")
            workspace.run(Command(("sleep", "300")), attend=lambda _: self.lose.close())
        workspace.write("sums.py", project.FIXED.encode())
        change = workspace.change()
        return Proposal(change, "Count all numbers", "The first one was left out.") if change else NoFix("nothing")


@pytest.fixture
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, ExitStack]]:
    """Yield the address of an engine of its own, and what kills it."""
    with ExitStack() as stack:
        yield stack.enter_context(second_engine(tmp_path_factory.mktemp("far"))), stack


def test_a_job_whose_host_is_lost_goes_on_at_another_and_does_nothing_twice(
    far: tuple[str, ExitStack], repository: Path, tmp_path: Path
) -> None:
    address, lose = far
    state, image = tmp_path / "state", the_image()
    hosts = (
        f'[docker.home]\naddress = "{OWN_ENGINE}"\nsandboxes = 1\n[docker.far]\naddress = "{address}"\nsandboxes = 4\n'
    )
    environ = environ_of(tmp_path, hosts)
    agent = Traveller(lose)
    engines = replace(real_engines(state, environ), agent=lambda *_: agent)
    order = Order("total() forgets a number", repository, failing=(project.FAILING,), agent="command:true")
    suite = Suite("unittest", ("tests.test_sums",), IMAGES_PYTHON)
    settings = project.settings(
        state, suite=suite, python=IMAGES_PYTHON, toolchains=(), driver="copy", sandbox="docker", environment={}
    )
    with engine() as client, Crew(state, replace(settings, container=Container(image)), engines=engines) as crew:
        # Somebody else's sandbox fills this one up until the other is lost.
        labels = {"nightcrew.owner": "1-1-m00000000", "nightcrew.scratch": "/elsewhere/sandbox-1-1-m00000000-y"}
        theirs = client.create_container(image, ["true"], labels=labels)["Id"]
        lose.callback(client.remove_container, theirs)
        hosts_seen: list[str] = []

        def watch(_: object) -> None:
            hosts_seen.extend(each.host for each in crew.store.attempts(1))

        report = crew.fix(order, watch)
        steps = crew.steps(report.ticket.id)
    remove_volumes(tmp_path)
    assert report.status is Status.VERIFIED, (report.why, [(step.kind, step.intent) for step in steps])
    assert list(dict.fromkeys(filter(None, hosts_seen))) == ["far", "home"]
    assert agent.at == [b"", b"START = 0\n"]
    writes = [step.intent["path"] for step in steps if step.kind == "write" and step.outcome is not None]
    assert writes == ["helper.py", "sums.py"]
    assert len([step for step in steps if step.kind == "again"]) == 1
    assert len(project.branches(repository)) == 1
    assert containers(state) == {}
    checks = {each.name: each for each in examine_cluster(state, None, None, hosts=docker_hosts(environ, tmp_path))}
    assert checks["docker home"].works and "0 of 1 sandboxes" in checks["docker home"].why
    assert not checks["docker far"].works and checks["docker far"].why.startswith("left out: could not")
