"""The libraries of the repair benchmark: released versions with their own suites, as their sdists have them, fetched with pip at run time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sandbox import LocalDriver, Policy, Root
from tests.agents.repair.folder import FolderWorkspace
from verifier import Suite

CACHE = Path(__file__).parent.parent.parent / ".bench" / "repair"
REQUIREMENTS = ("pytest>=8.2,<10", "freezegun", "python-dateutil")


@dataclass(frozen=True, slots=True)
class Library:
    """A library at a version, and what its tests are, for pytest."""

    name: str
    version: str
    tests: tuple[str, ...]


TUNED = (
    Library("funcy", "2.1", ("tests",)),
    Library("inflection", "0.5.1", ("test_inflection.py",)),
    Library("parse", "1.22.4", ("tests",)),
    Library("semver", "3.1.1", ("tests",)),
    Library("toolz", "1.2.0", ("toolz",)),
)
"""Looked at while the agent and `seed` were built, or used in end-to-end tests; humanize, packaging, portion and texttable too."""

REPORTED = (
    Library("aniso8601", "10.0.1", ("aniso8601",)),
    Library("boltons", "26.2.0", ("tests",)),
    Library("cachetools", "8.0.1", ("tests",)),
    Library("isodate", "0.7.2", ("tests",)),
    Library("itsdangerous", "2.2.0", ("tests",)),
    Library("rfc3986", "2.0.0", ("tests",)),
    Library("schema", "0.7.8", ("test_schema.py",)),
    Library("sqlparse", "0.6.1", ("tests",)),
    Library("tabulate", "0.10.0", ("test",)),
    Library("voluptuous", "0.16.0", ("voluptuous",)),
    Library("webcolors", "25.10.0", ("tests",)),
    Library("xmltodict", "1.0.4", ("tests",)),
)
"""What is reported: nothing was tuned on these."""


def sources(library: Library) -> Path:
    """Return the unpacked source distribution, fetched once."""
    target = CACHE / "sdists" / f"{library.name}-{library.version}"
    if not target.is_dir():
        incoming = CACHE / "incoming" / target.name
        shutil.rmtree(incoming, ignore_errors=True)
        wanted = f"{library.name}=={library.version}"
        _pip("download", "--no-deps", "--no-binary", library.name, "--dest", str(incoming), wanted)
        with tarfile.open(next(incoming.glob("*.tar.gz"))) as archive:
            archive.extractall(incoming / "unpacked", filter="data")
        target.parent.mkdir(parents=True, exist_ok=True)
        next((incoming / "unpacked").iterdir()).rename(target)
    return target


def environment(name: str = "venv", requirements: tuple[str, ...] = REQUIREMENTS) -> Path:
    """Return a virtual environment with what the suites need, or with other packages, made once."""
    target = CACHE / name
    if not (target / "ready").exists():
        subprocess.run([_base_python(), "-m", "venv", "--clear", "--without-pip", target], check=True)
        site = next(target.glob("lib/python3*/site-packages"))
        _pip("install", "--target", str(site), *requirements)
        (target / "ready").touch()
    return target


def suite(folder: Path, tests: tuple[str, ...]) -> Suite:
    """Return how a copy's tests are run."""
    variables = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(folder / "src" if (folder / "src").is_dir() else folder)}  # fmt: skip
    return Suite("pytest", ("-o", "addopts=", *tests), str(CACHE / "venv" / "bin" / "python"), ".", variables)


@contextmanager
def opened(folder: Path, budget_s: float = 600.0, shown: tuple[Path, ...] = ()) -> Iterator[FolderWorkspace]:
    """Open a workspace on a copy of a library, in a sandbox that is `shown` some directories more."""
    base = Path(os.path.realpath(sys.base_prefix))
    with LocalDriver(folder.parent / "scratch").open(
        Root(folder, folder, readonly=(Path(sys.base_prefix), base, environment(), *shown)), Policy()
    ) as sandbox:
        yield FolderWorkspace(folder, sandbox, suite(folder, ()), (), budget_s)


def _base_python() -> str:
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def _pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *words]
    subprocess.run(command, capture_output=True, check=True, timeout=300)
