"""What image a repository's containers are made of, and where that is told; the engine that builds it is not needed here."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from orchestrator.places.image import recipe
from orchestrator.settings import Container
from sandbox import Recipe, SandboxUnavailable
from shadowfs import pin
from tests.orchestrator import project


def made(
    tmp_path: Path, container: Container = Container(), files: dict[str, str] | None = None, **environ: str
) -> Recipe:
    """Return the recipe of a repository with these files."""
    repository = tmp_path / "repo"
    for name, text in {"main.c": "int main;\n", **(files or {})}.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text)
    project.git(repository, "init", "--quiet")
    project.git(repository, "add", ".")
    project.git(repository, "commit", "--quiet", "--message=first")
    return recipe(pin(repository, tmp_path / "state"), container, environ)


def test_a_named_image_wins_and_a_set_up_follows_it(tmp_path: Path) -> None:
    container = Container(image="mine:1", setup="make tools", secrets=("TOKEN",))
    found = made(tmp_path, container, {"Dockerfile": "FROM other\n"}, TOKEN="secret", OTHER="x")
    assert (found.base, found.dockerfile, found.setup, found.secrets) == (
        "mine:1",
        None,
        "make tools",
        {"TOKEN": "secret"},
    )
    assert found.directory == tmp_path / "repo"


def test_a_secret_that_is_not_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="TOKEN: export it"):
        made(tmp_path, Container(image="mine:1", secrets=("TOKEN",)))


def test_a_named_dockerfile_comes_before_those_that_are_found(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM found\n", "ci/Dockerfile": "FROM named\n", ".devcontainer.json": '{"image": "dev"}'}
    assert made(tmp_path, Container(dockerfile="ci/Dockerfile"), files).dockerfile == "FROM named\n"
    with pytest.raises(SandboxUnavailable, match="no missing/Dockerfile"):
        made(tmp_path, Container(dockerfile="missing/Dockerfile"), files | {"x": ""})


DEVCONTAINER = """
{
  // what developers use, with "quotes"
  "build": { "dockerfile": "Dockerfile.dev", "context": "..", "args": { "VERSION": 3 }, "target": "dev", },
  /* commands */ "onCreateCommand": "make // tools", "postCreateCommand": { "a": ["npm", "install it"], "b": "b" },
}
"""


def test_a_devcontainer_tells_its_build_and_its_commands(tmp_path: Path) -> None:
    files = {
        ".devcontainer/devcontainer.json": DEVCONTAINER,
        ".devcontainer/Dockerfile.dev": "FROM dev\n",
        "Dockerfile": "FROM x\n",
    }
    found = made(tmp_path, files=files)
    assert (found.dockerfile, found.context, found.arguments, found.target) == (
        "FROM dev\n",
        ".",
        {"VERSION": "3"},
        "dev",
    )
    assert found.setup == "( make // tools ) && npm 'install it' && ( b )"


def test_a_devcontainer_tells_its_image(tmp_path: Path) -> None:
    assert made(tmp_path, files={".devcontainer.json": '{"image": "dev:2"}'}).base == "dev:2"


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "no object"),
        ("{}", "neither an image nor a Dockerfile"),
        ('{"image": "x", "features": {"a": {}}}', "`features`"),
        ('{"build": {"dockerfile": "../../Dockerfile"}}', "outside of the repository"),
        ('{"build": {"dockerfile": "Dockerfile"}}', "no .devcontainer/Dockerfile"),
    ],
)
def test_a_devcontainer_that_cannot_be_followed_is_told(tmp_path: Path, told: str, said: str) -> None:
    with pytest.raises(SandboxUnavailable, match=said):
        made(tmp_path, files={".devcontainer/devcontainer.json": told})


def test_a_dockerfile_at_the_top_is_built(tmp_path: Path) -> None:
    found = made(tmp_path, files={"Dockerfile": "FROM x\n", "run": "#!/bin/sh\n"})
    assert (found.dockerfile, found.context) == ("FROM x\n", ".")
    files = {file.path: file for file in found.files()}
    assert set(files) == {"Dockerfile", "main.c", "run"}
    assert (files["run"].data, stat.S_ISREG(files["run"].mode)) == (b"#!/bin/sh\n", True)


def test_a_python_project_gets_its_requirements_and_itself(tmp_path: Path) -> None:
    files = {
        "requirements.txt": "a\n",
        "requirements-dev.txt": "b\n",
        "constraints.txt": "c\n",
        "pyproject.toml": "",
        ".python-version": "3.10.4\n",
    }
    text = made(tmp_path, files=files).dockerfile
    assert text is not None
    place = tmp_path / "repo"
    assert text.splitlines() == [
        "FROM python:3.10",
        f"COPY {json.dumps(['.', str(place)])}",
        f"RUN cd {place} && pip install --no-cache-dir -r requirements-dev.txt -r requirements.txt -e . pytest",
    ]


def test_where_nothing_says_what_is_needed_one_message_does(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable, match="name one as `image` under"):
        made(tmp_path)


def test_an_edit_of_the_code_is_no_other_image_and_one_of_the_requirements_is(tmp_path: Path) -> None:
    files = {"Dockerfile": "FROM x\n", "requirements.txt": "a\n", "code.py": "1\n"}
    first = made(tmp_path, files=files).name
    assert made(tmp_path, files=files | {"code.py": "2\n"}).name == first
    assert made(tmp_path, files=files | {"requirements.txt": "b\n"}).name != first
    assert made(tmp_path, files=files | {"Dockerfile": "FROM y\n"}).name != first
