"""Prepare real libraries for end-to-end tests: their sdist as a git repository with its own virtual environment. Cached below `.bench/`."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cases import Bug

CACHE = Path(__file__).parent.parent.parent / ".bench" / "e2e"
REQUIREMENTS = (
    "pytest>=8.2,<10",
    "freezegun",
    "pretend",
    "pytest-benchmark",
    "python-dateutil",
    "sortedcontainers",
    "whatever",
)
"""What the suites of all libraries import."""


@contextmanager
def alone() -> Iterator[None]:
    """Keep the other test processes from filling the cache at the same time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sdist(library: str, version: str) -> Path:
    """Return the unpacked source distribution, downloaded once."""
    target = CACHE / "sdists" / f"{library}-{version}"
    with alone():
        if not target.is_dir():
            incoming = CACHE / "incoming" / target.name
            shutil.rmtree(incoming, ignore_errors=True)
            pip("download", "--no-deps", "--no-binary", library, "--dest", str(incoming), f"{library}=={version}")
            with tarfile.open(next(incoming.glob("*.tar.gz"))) as archive:
                archive.extractall(incoming / "unpacked", filter="data")
            target.parent.mkdir(parents=True, exist_ok=True)
            next((incoming / "unpacked").iterdir()).rename(target)
    return target


def requirements() -> Path:
    """Return a directory with what the suites import, installed once."""
    target = CACHE / f"site-{sys.version_info.major}.{sys.version_info.minor}"
    with alone():
        if not target.is_dir():
            incoming = CACHE / "incoming" / target.name
            shutil.rmtree(incoming, ignore_errors=True)
            pip("install", "--target", str(incoming), *REQUIREMENTS)
            incoming.rename(target)
    return target


def pip(*words: str) -> None:
    """Run pip; fail with what it said."""
    done = subprocess.run([sys.executable, "-m", "pip", "-q", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def prepare(bug: Bug, repository: Path) -> Path:
    """Make `repository` the library with its bug, committed, with an environment that has what its suite needs."""
    shutil.copytree(sdist(bug.library, bug.version), repository)
    if bug.seed is not None:
        path = repository / bug.seed.path
        text = path.read_text("utf-8")
        assert text.count(bug.seed.right) == 1
        path.write_text(text.replace(bug.seed.right, bug.seed.wrong), "utf-8")
    environment(repository, bug.library, bug.version)
    commit_all(repository)
    return repository


def environment(repository: Path, library: str, version: str) -> None:
    """Make `.venv` in a repository, as if the library were installed into it for development."""
    subprocess.run([base_python(), "-m", "venv", "--without-pip", repository / ".venv"], check=True)
    site = next((repository / ".venv").glob("lib/python3*/site-packages"))
    shutil.copytree(requirements(), site, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    told = site / f"{library.replace('-', '_')}-{version}.dist-info" / "METADATA"
    told.parent.mkdir()
    told.write_text(f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n", "utf-8")
    with (repository / ".gitignore").open("a", encoding="utf-8") as ignored:
        ignored.write("\n.venv/\n__pycache__/\n.pytest_cache/\n")


def base_python() -> str:
    """Return the interpreter that this environment was made from."""
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def commit_all(repository: Path) -> None:
    """Make a repository of a directory, with one commit of all its files."""
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "as released")


def git(repository: Path, *words: str) -> str:
    """Run git as a person would, with an identity of its own."""
    identity = ["-c", "user.name=A Developer", "-c", "user.email=developer@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *identity, *words], cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run_suite(repository: Path, checkout: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a test command in a checkout with the repository's interpreter, without nightcrew."""
    variables = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    if (checkout / "src").is_dir():
        variables["PYTHONPATH"] = str(checkout / "src")
    words = [str(repository / ".venv" / "bin" / "python"), "-m", *shlex.split(command), "-p", "no:cacheprovider"]
    return subprocess.run(words, cwd=checkout, env=variables, capture_output=True, text=True, check=False)
