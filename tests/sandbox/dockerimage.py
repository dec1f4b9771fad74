"""An image for the tests of the docker sandbox, made in seconds of this machine's own Debian packages: nothing is downloaded.

It has a shell, git, Debian's Python and pytest.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

from sandbox import DockerDriver, SandboxUnavailable

OWN_ENGINE = "unix:///var/run/docker.sock"
IMAGES_PYTHON = "/usr/bin/python3"
_PACKAGES = ("python3", "git")
_PURE = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
_LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|perl|lintian|bug)/|/(dev|proc|sys|run|tmp)/|__pycache__")
_USERS = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_GROUPS = b"root:x:0:\nnogroup:x:65534:\n"
_RECIPE = "2"


def the_image() -> str:
    """Return the image's name; skips the test where there is none."""
    name = made_image()
    if not isinstance(name, str):
        pytest.skip(str(name))
    return name


def docker_driver(scratch: Path) -> DockerDriver:
    """Return a driver on the tests' image; skips the test where there is no engine, or no Debian to make the image of."""
    return DockerDriver(the_image(), scratch)


@contextmanager
def remote_driver(scratch: Path, below: Path) -> Iterator[DockerDriver]:
    """Yield a driver that takes the same engine for another machine's; what that keeps of trees below a path goes with it."""
    yield DockerDriver(the_image(), scratch, remote=True)
    remove_volumes(below)


def remove_volumes(below: Path, address: str | None = None) -> None:
    """Remove what an engine that was taken for another machine's keeps of trees below a path."""
    with engine(address) as client:
        for label in ("nightcrew.cache", "nightcrew.scratch"):
            for volume in client.volumes(filters={"label": [label]})["Volumes"] or ():
                if volume["Labels"][label].startswith(str(below)):
                    client.remove_volume(volume["Name"], force=True)


@contextmanager
def engine(address: str | None = None) -> Iterator[docker.APIClient]:
    """Yield the engine itself, to see what is there."""
    client = docker.APIClient(address, timeout=600)
    try:
        yield client
    finally:
        client.close()


def containers(scratch: Path | None = None) -> dict[str, str]:
    """Return the owners of all containers, or of those of a scratch root, by id; those that are about to go are left out."""
    with engine() as client:
        found = client.containers(all=True, filters={"label": ["nightcrew.owner"]})
    stay = [each for each in found if each["State"] != "removing"]
    below = [each for each in stay if each["Labels"].get("nightcrew.scratch", "").startswith(str(scratch or ""))]
    return {str(each["Id"]): each["Labels"]["nightcrew.owner"] for each in below}


def containers_of(pid: int) -> list[str]:
    """Return the ids of the containers that a process made."""
    return [each for each, owner in containers().items() if owner.startswith(f"{pid}-")]


@functools.cache
def made_image() -> str | SandboxUnavailable | FileNotFoundError:
    """Return the name of the image, which is made where the engine does not have it, or why there is none."""
    try:
        packages = _closure()
        client = docker.APIClient(timeout=600)
    except FileNotFoundError as error:
        return error
    except DockerException as error:
        return SandboxUnavailable(f"no Docker engine answers: {error}")
    try:
        told = "\0".join((_RECIPE, *packages, *map(importlib.metadata.version, _PURE)))
        tag = hashlib.sha256(told.encode()).hexdigest()[:16]
        try:
            client.inspect_image(f"nightcrew-test:{tag}")  # type: ignore[no-untyped-call]
        except ImageNotFound:
            with tempfile.NamedTemporaryFile() as file:
                _pack(file, packages)
                file.flush()
                client.import_image_from_file(file.name, repository="nightcrew-test", tag=tag)
    finally:
        client.close()
    return f"nightcrew-test:{tag}"


def _output(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}).stdout


def _closure() -> list[str]:
    """Return the installed packages that the image's need, the essential ones included, as `name=version`."""
    form = "${db:Status-Abbrev}|${Package}|${Version}|${Essential}\n"
    listed = [line.split("|") for line in _output("dpkg-query", "-W", "-f", form).splitlines()]
    installed = {name: version for status, name, version, _ in listed if status.startswith("ii")}
    wanted = [*_PACKAGES, *(name for _, name, _, essential in listed if essential == "yes")]
    no = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    words = ("apt-cache", "depends", "--recurse", "--installed", *(f"--no-{kind}" for kind in no))
    needed = set(_output(*words, *wanted).splitlines()) & installed.keys()
    return [f"{name}={installed[name]}" for name in sorted(needed)]


def _pack(file: IO[bytes], packages: list[str]) -> None:
    """Write the image's files as a tar archive."""
    with tarfile.open(fileobj=file, mode="w") as archive:
        for top in ("bin", "sbin", "lib", "lib64"):
            if Path("/", top).is_symlink():
                archive.add(f"/{top}", top)
        for path in sorted(set(_files(packages))):
            archive.add(path, path.lstrip("/"), recursive=False)
        for name, content in (("etc/passwd", _USERS), ("etc/group", _GROUPS)):
            with tempfile.NamedTemporaryFile() as temporary:
                temporary.write(content)
                temporary.flush()
                Path(temporary.name).chmod(0o644)
                archive.add(temporary.name, name)
        for distribution in _PURE:
            for part in importlib.metadata.files(distribution) or ():
                if ".." not in part.parts and "__pycache__" not in part.parts:
                    archive.add(part.locate(), f"usr/lib/python3/dist-packages/{part}")


def _files(packages: list[str]) -> Iterator[str]:
    for line in _output("dpkg-query", "-L", *(package.partition("=")[0] for package in packages)).splitlines():
        path = re.sub(r"^/(s?bin|lib(?:32|64|x32)?)(?=/)", r"/usr/\1", line) if Path("/bin").is_symlink() else line
        top = path.count("/") == 1 and Path(path).is_symlink()
        if path.startswith("/") and len(path) > 2 and not top and not _LEFT_OUT.search(path) and os.path.lexists(path):
            yield path
