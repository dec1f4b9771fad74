"""Servers in containers: those the image has, else this machine's own where they run there; each in a container, on the shadow."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.places.languages import languages_in
from orchestrator.places.place import Places
from orchestrator.places.warm import WarmPlace
from orchestrator.settings import Settings
from sandbox import DockerDriver, Root
from shadowfs import FuseDriver, pin
from tests.e2e.library import commit_all
from tests.sandbox.dockerimage import docker_driver, the_image
from tests.verifier.language.doubles import double, written
from tests.verifier.language.repository import FILES
from verifier import (
    SERVERS,
    Found,
    Server,
    ServerPlaces,
    Severity,
    carried,
    find_servers,
    known_servers,
    servers_within,
)

SCRIPT = "#!/bin/sh\n[ $# = 1 ] && [ $1 = --version ] && exit {}\n"


def server(name: str) -> Server:
    return replace(double("well").server, name=name, program=name, one_file=True)


def machines(*names: str) -> tuple[Found, ...]:
    """Return servers of this machine that containers can be shown."""
    here = carried(find_servers(ServerPlaces(Path("/nowhere"), f"{sys.prefix}/bin")))
    if set(names) - {found.server.name for found in here}:
        pytest.skip(f"not all of {names} are installed beside this interpreter")
    return tuple(found for found in here if found.server.name in names)


@pytest.fixture
def docker(tmp_path: Path) -> DockerDriver:
    return docker_driver(tmp_path / "scratch")


def test_an_image_is_asked_what_it_has_and_what_is_brought_must_run_there(docker: DockerDriver, tmp_path: Path) -> None:
    tree = written(tmp_path / "tree", {"node_modules/.bin/linked": SCRIPT.format(0)})
    brought = written(
        tmp_path / "brought", {"runs": SCRIPT.format(0), "breaks": SCRIPT.format(1), "git": SCRIPT.format(0)}
    )
    for program in (tree / "node_modules/.bin/linked", *brought.iterdir()):
        program.chmod(0o755)
    names = ("git", "linked", "runs", "breaks", "missing")
    known = tuple(server(name) for name in names)
    carried_along = [Found(each, str(brought / each.name)) for each in known if (brought / each.name).exists()]
    with docker.open(Root(tree, tree, readonly=(brought,))) as sandbox:
        found = {each.server.name: each for each in servers_within(sandbox, known, carried_along)}
        assert {name: each.program for name, each in found.items()} == {
            "git": "/usr/bin/git",
            "linked": f"{tree}/node_modules/.bin/linked",
            "runs": f"{brought}/runs",
        }
        assert found["git"].python == "/usr/bin/python3"
        assert servers_within(sandbox, known, (), python="no-such-python")[0].python is None


def test_what_is_brought_along_is_a_program_of_one_file(tmp_path: Path) -> None:
    script = written(tmp_path, {"ruff": "#!/bin/sh\n"}) / "ruff"
    ruff = next(each for each in SERVERS if each.name == "ruff")
    assert not carried([Found(ruff, str(script)), Found(ruff, "/nowhere/ruff")])
    assert not carried([Found(double("well").server, sys.executable)])
    (tmp_path / "linked").symlink_to(Path(sys.executable).resolve())
    (whole,) = carried([Found(ruff, str(tmp_path / "linked"), "/a/python")])
    assert (whole.program, whole.python) == (str(Path(sys.executable).resolve()), None)


def test_an_attempt_in_containers_has_its_findings(docker: DockerDriver, tmp_path: Path) -> None:
    brought = machines("ruff", "ty")
    repository = written(tmp_path / "repository", FILES)
    commit_all(repository)
    shown = tuple(Path(each.program) for each in brought)
    settings = Settings(
        sandbox="docker", servers=brought, image_servers=known_servers(off=("pyrefly",)), toolchains=shown
    )
    with closing(FuseDriver(tmp_path / "state")) as driver, closing(WarmPlace()) as warm:
        probe = driver.probe()
        if not probe.works:
            pytest.skip(probe.why)
        snapshot = pin(repository, tmp_path / "state")
        places = Places((driver,), {"docker": docker}, settings, lambda *_: the_image())

        def servers() -> tuple[Found, ...]:
            return places.servers(lambda: places.open(snapshot, snapshot.tree))

        assert [each.server.name for each in servers()] == ["ruff", "ty"]
        with (
            places.open(snapshot, snapshot.tree) as place,
            languages_in(
                place, snapshot.tree, servers(), stopping=lambda: None, remaining_s=lambda: 100.0,
                warm=lambda: warm.servers(snapshot, snapshot.tree, places.how, lambda: places.open(snapshot, snapshot.tree)),
            ) as languages,
        ):  # fmt: skip
            place.shadow.write("py/b.py", FILES["py/b.py"].replace("f(1)", "undefined_name").encode())
            findings = languages.diagnose("py/b.py")
            assert (findings.asked, findings.failures) == (("ruff", "ty"), ())
            errors = [each for each in findings.delta.introduced if each.severity is Severity.ERROR]
            assert [each.span.start.line for each in errors] == [5, 5]
            place.shadow.write("py/b.py", FILES["py/b.py"].encode())
            assert languages.diagnose("py/b.py").delta.introduced == ()
