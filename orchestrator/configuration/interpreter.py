"""Find the project's own interpreter by reading pyvenv.cfg and links; no interpreter is ever started for it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_BINARY = (b"\x7fELF", b"\xcf\xfa\xed\xfe")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """An interpreter: its path, where it was found (`.venv`, `activated`, `uv`, `poetry`, `conda`, `system` …), `3.11` or empty."""

    path: Path
    source: str
    version: str = ""

    def has(self, distribution: str) -> bool:
        """Say whether a package is installed for it, in its environment or where Debian puts the system's."""
        return any((place / distribution).is_dir() for place in self._libraries())

    def _libraries(self) -> Iterator[Path]:
        environment = self.path.parent.parent
        yield from environment.glob("lib/python3*/site-packages")
        if _shares_system(environment):
            base = self.path.resolve().parent.parent
            yield from base.glob("lib/python3*/site-packages")
            yield from base.glob("lib/python3/dist-packages")
            yield from base.glob("local/lib/python3*/dist-packages")


def find_interpreter(
    repository: Path, environ: Mapping[str, str], home: Path, own_prefix: Path | None = None
) -> tuple[Interpreter | None, list[str]]:
    """Return the project's interpreter, None where there is none, and what was wrong with those that were passed over."""
    problems: list[str] = []
    for source, environment in _environments(repository, environ, home):
        if own_prefix is not None and environment == own_prefix and not environment.is_relative_to(repository):
            continue
        python = environment / "bin" / "python"
        if python.exists():
            return Interpreter(python, source, _version(environment)), problems
        if python.is_symlink():
            problems.append(
                f"{python} points to an interpreter that is gone ({python.readlink()}): make the environment again "
                f"with `python3 -m venv --clear {environment}` and install the project's requirements into it"
            )
    system = _system_python(environ)
    return (Interpreter(system, "system") if system else None), problems


def named_interpreter(path: Path) -> Interpreter:
    """Return the interpreter somebody named; what is known of it is read, not asked."""
    return Interpreter(path, "named", _version(path.parent.parent))


def _environments(repository: Path, environ: Mapping[str, str], home: Path) -> Iterator[tuple[str, Path]]:
    for name in (".venv", "venv", "env"):
        if (repository / name / "pyvenv.cfg").is_file():
            yield name, repository / name
    if environ.get("VIRTUAL_ENV"):
        yield "activated", Path(environ["VIRTUAL_ENV"])
    if environ.get("UV_PROJECT_ENVIRONMENT"):
        yield "uv", repository / environ["UV_PROJECT_ENVIRONMENT"]
    for environment in _poetry(repository, environ, home):
        yield "poetry", environment
    conda = environ.get("CONDA_PREFIX")
    if conda and (Path(conda) / "conda-meta").is_dir():
        yield "conda", Path(conda)


def _poetry(repository: Path, environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Yield the environments that Poetry keeps for this directory: it names them by project and a hash of the path."""
    try:
        declared = re.search(
            r'^\s*name\s*=\s*"([^"]+)"', (repository / "pyproject.toml").read_text("utf-8"), re.MULTILINE
        )
    except (OSError, UnicodeDecodeError):
        return
    if declared is None or not (repository / "poetry.lock").is_file():
        return
    cache = Path(environ.get("POETRY_CACHE_DIR") or home / ".cache" / "pypoetry")
    name = re.sub(r'[ $`!*@"\\\r\n\t]', "_", declared.group(1).lower())[:42]
    digest = base64.urlsafe_b64encode(hashlib.sha256(str(repository.resolve()).encode()).digest()).decode()[:8]
    yield from sorted((cache / "virtualenvs").glob(f"{name}-{digest}-py*"), reverse=True)


def _version(environment: Path) -> str:
    found = re.search(r"^version(?:_info)?\s*=\s*(\d+\.\d+)", _config(environment), re.MULTILINE)
    return found.group(1) if found else ""


def _shares_system(environment: Path) -> bool:
    config = _config(environment)
    return not config or bool(
        re.search(r"^include-system-site-packages\s*=\s*true", config, re.MULTILINE | re.IGNORECASE)
    )


def _config(environment: Path) -> str:
    try:
        return (environment / "pyvenv.cfg").read_text("utf-8", "replace")
    except OSError:
        return ""


def _system_python(environ: Mapping[str, str]) -> Path | None:
    """Return the first real interpreter on the path: a version manager's shim is a script that looks elsewhere."""
    for directory in environ.get("PATH", "/usr/bin:/bin").split(":"):
        python = Path(directory) / "python3"
        if directory.startswith("/") and python.is_file():
            with python.open("rb") as file:
                if file.read(4) in _BINARY:
                    return python
    return None
