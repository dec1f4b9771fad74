"""A fix from end to end in the docker sandbox: the image's interpreter runs the tests, and nothing is left of it."""

from __future__ import annotations

import os
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.command import NIGHTCREW, clean_environment, nightcrew
from tests.e2e.project import FAILING, TICKET, fix, fixed, make_project
from tests.e2e.traces import added_by_delivery_only, digest, left_behind
from tests.sandbox.dockerimage import containers, engine, the_image

CONFIG = """\
[test]
command = "pytest tests"
python = "no/such/python"
seconds = 60

[sandbox]
image = "{image}"
"""


@pytest.fixture
def mark() -> Iterator[str]:
    """Return a label for images, which go at the end."""
    name = f"test-{uuid.uuid4().hex}"
    yield name
    with engine() as client:
        for image in client.images(filters={"label": name}):
            client.remove_image(image["Id"], force=True)


def test_a_bug_is_fixed_in_containers_of_the_repositorys_own_dockerfile(tmp_path: Path, mark: str) -> None:
    dockerfile = f"FROM {the_image()}\nLABEL {mark}=\nCOPY shop /shop\n"
    config = CONFIG.replace('image = "{image}"', "setup = \"test -f shop/total.py && python3 -c 'import pytest'\"")
    repository = make_project(tmp_path / "shop", {"nightcrew.toml": config, "Dockerfile": dockerfile})
    before = digest(repository)
    answer = fix(repository, tmp_path / "state", "--sandbox", "docker")
    assert (answer.status, answer.document["status"]) == (0, "verified"), answer
    assert (answer.document["sandbox"]["driver"], answer.document["shadow"]["driver"]) == ("docker", "fuse")
    assert answer.document["without"] == []
    assert fixed(repository, answer.document["branch"])
    assert added_by_delivery_only(before, digest(repository))
    assert left_behind(tmp_path / "state") == []
    assert containers(tmp_path / "state") == {}
    assert not list((tmp_path / "state" / "sandboxes").iterdir())


def test_an_image_that_does_not_build_is_told_and_nothing_runs(tmp_path: Path) -> None:
    dockerfile = f"FROM {the_image()}\nRUN echo it broke; exit 7\n"
    config = CONFIG.replace('[sandbox]\nimage = "{image}"', "")
    repository = make_project(tmp_path / "shop", {"nightcrew.toml": config, "Dockerfile": dockerfile})
    before = digest(repository)
    answer = fix(repository, tmp_path / "state", "--sandbox", "docker")
    assert answer.status == 2, answer
    assert "the image does not build" in str(answer.document)
    assert "it broke" in str(answer.document)
    assert digest(repository) == before
    assert left_behind(tmp_path / "state") == []


def test_an_image_that_is_missing_is_told_and_nothing_else_is_used(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "shop", {"nightcrew.toml": CONFIG.format(image="no-such-image:1")})
    the_image()
    before = digest(repository)
    answer = fix(repository, tmp_path / "state", "--sandbox", "docker")
    assert answer.status == 2, answer
    assert "there is no image 'no-such-image:1'" in str(answer.document)
    assert digest(repository) == before
    assert left_behind(tmp_path / "state") == []


def test_where_no_engine_answers_nothing_runs(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "shop", {"nightcrew.toml": CONFIG.format(image="any")})
    away = {"DOCKER_HOST": f"unix://{tmp_path}/no.sock"}
    answer = fix(repository, tmp_path / "state", "--sandbox", "docker", environ=away)
    assert answer.status == 2, answer
    assert "no Docker engine answers" in str(answer.document)
    remote = fix(repository, tmp_path / "state", "--sandbox", "docker", environ={"DOCKER_HOST": "tcp://127.0.0.1:1"})
    assert remote.status == 2, remote
    assert "no Docker engine answers at tcp://127.0.0.1:1" in str(remote.document)


def test_what_a_killed_nightcrew_left_is_gone_after_the_next_command(tmp_path: Path) -> None:
    repository = make_project(tmp_path / "shop", {"nightcrew.toml": CONFIG.format(image=the_image())})
    state = tmp_path / "state"
    begin = f"command:sh -c 'echo begun > begun; kill -STOP -1; sleep 300.{os.getpid()}'"
    words: list[str | Path] = [
        NIGHTCREW,
        "fix",
        TICKET,
        "--failing",
        FAILING,
        "--repo",
        repository,
        "--state",
        state,
        "--sandbox",
        "docker",
    ]
    with subprocess.Popen([*words, "--agent", begin], env=clean_environment(), stderr=subprocess.DEVNULL) as killed:
        while not any(state.glob("shadows/*/mnt/begun")):
            assert killed.poll() is None
        (made,) = containers(state)
        killed.send_signal(signal.SIGKILL)
    with engine() as client:
        client.wait(made, timeout=20, condition="removed")
    assert nightcrew("list", state=state).status == 0
    assert left_behind(state) == []
    assert not list((state / "sandboxes").iterdir())
    assert not list((state / "shadows").iterdir())
