"""Images are made once for what they depend on, by a real engine; what does not build is told, and no secret stays."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import Command, DockerDriver, Policy, Recipe, Root, SandboxError, SourceFile
from tests.sandbox.dockerimage import containers, docker_driver, engine, the_image

FILES = (
    SourceFile("requirements.txt", 0o100644, b"one\n"),
    SourceFile("tool/run", 0o100755, b"#!/bin/sh\necho ran\n"),
    SourceFile("link", 0o120000, b"requirements.txt"),
)


def files() -> Iterable[SourceFile]:
    return FILES


@pytest.fixture
def driver(tmp_path: Path) -> DockerDriver:
    return docker_driver(tmp_path / "scratch")


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    """Return a recipe that no other run has made."""
    return Recipe(files, tmp_path / "project", (uuid.uuid4().bytes,), base=the_image())


Make = Callable[[Recipe], str]


@pytest.fixture
def make(driver: DockerDriver) -> Iterator[Make]:
    """Return a function that makes an image; all of them are removed at the end."""
    names: list[str] = []

    def made(recipe: Recipe) -> str:
        names.extend((recipe.name, f"{recipe.name}-base"))
        return driver.build(recipe)

    yield made
    with engine() as client:
        for name in names:
            if client.images(name=name):
                client.remove_image(name, force=True)


def told(driver: DockerDriver, image: str, tree: Path, script: str) -> bytes:
    tree.mkdir(exist_ok=True)
    with driver.open(Root(tree, tree), Policy(image=image)) as sandbox:
        completed = sandbox.run(Command(("sh", "-c", script)))
    assert completed.ok, completed
    return completed.stdout


def test_an_image_that_needs_nothing_is_taken_as_it_is(driver: DockerDriver, recipe: Recipe) -> None:
    assert driver.build(recipe) == recipe.base


def test_a_set_up_runs_once_where_the_files_are_with_secrets_that_do_not_stay(
    driver: DockerDriver, recipe: Recipe, make: Make, tmp_path: Path
) -> None:
    setup = 'mkdir -p /opt; tool/run > /opt/ran; cat link >> /opt/ran; printf "%s" "$TOKEN" | wc -c >> /opt/ran; id -u >> /opt/ran; date +%N > /opt/when'
    recipe = replace(recipe, setup=setup, secrets={"TOKEN": "a-secret-value"})
    image = make(recipe)
    assert told(driver, image, tmp_path / "tree", "cat /opt/ran") == b"ran\none\n14\n0\n"
    when = told(driver, image, tmp_path / "tree", "cat /opt/when")
    # Another value of the secret is no other image; what it depends on is.
    assert driver.build(replace(recipe, secrets={"TOKEN": "another"})) == image
    assert told(driver, image, tmp_path / "tree", "cat /opt/when") == when
    assert replace(recipe, depends=(b"changed",)).name != image != replace(recipe, setup="true").name
    with engine() as client:
        everything = json.dumps(client.inspect_image(image)) + json.dumps(client.history(image))  # type: ignore[no-untyped-call]
    assert "a-secret-value" not in everything
    assert containers(tmp_path) == {}


def test_a_dockerfile_is_built_in_its_context(driver: DockerDriver, recipe: Recipe, make: Make, tmp_path: Path) -> None:
    text = f"FROM {the_image()}\nARG WORD\nCOPY . /opt/tool\nRUN /opt/tool/run > /opt/ran && echo $WORD >> /opt/ran\n"
    recipe = replace(
        recipe, base=None, dockerfile=text, context="tool", arguments={"WORD": "given"}, setup="echo set up >> /opt/ran"
    )
    image = make(recipe)
    assert (
        told(driver, image, tmp_path / "tree", "cat /opt/ran; ls /opt/tool")
        == b"ran\ngiven\nset up\nDockerfile.nightcrew\nrun\n"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"setup": "echo before; echo it broke >&2; exit 7; echo after"}, r"set-up failed with status 7: before \| it broke"),
        ({"base": None, "dockerfile": "FROM IMAGE\nRUN echo it broke; exit 7\n"}, r"does not build: .*it broke.*returned a non-zero code: 7"),
        ({"base": None, "dockerfile": "FROM\n"}, "could not build the image"),
        ({"base": "no-such-image:1", "setup": "true"}, "there is no image 'no-such-image:1'"),
    ],
)  # fmt: skip
def test_what_does_not_build_is_told_and_nothing_is_left(
    recipe: Recipe, make: Make, change: dict[str, str | None], said: str
) -> None:
    if change.get("dockerfile"):
        change = {**change, "dockerfile": str(change["dockerfile"]).replace("IMAGE", the_image())}
    recipe = replace(recipe, **change)  # type: ignore[arg-type]
    with pytest.raises(SandboxError, match=said):
        make(recipe)
    with engine() as client:
        assert not client.images(name=recipe.name)
