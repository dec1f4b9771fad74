"""Which image the docker sandbox's containers are made of: the one that is named, else what the repository says how to build."""

from __future__ import annotations

import json
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from orchestrator.devcontainer import DEVCONTAINERS, creation_commands, read_devcontainer
from orchestrator.settings import Container
from sandbox import Recipe, SandboxUnavailable, SourceFile
from shadowfs import Entry, Snapshot

MANIFESTS = (
    *(
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "poetry.lock",
        "uv.lock",
        "Pipfile",
        "Pipfile.lock",
        ".python-version",
    ),
    *(
        "package.json",
        "package-lock.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "Cargo.toml",
        "Cargo.lock",
        "go.mod",
        "go.sum",
    ),
    *("Gemfile", "Gemfile.lock", "CMakeLists.txt", "environment.yml", ".dockerignore"),
)
"""Files that say what a project needs, wherever they lie: when one changes, it is another image."""
_REQUIREMENTS = re.compile(r"(?:[\w.-]*requirements[\w.-]*|constraints[\w.-]*)\.(?:txt|in)$")
_MOST_BYTES = 256 << 20
_PYTHON = "3.12"


@dataclass(frozen=True, slots=True)
class _Source:
    """The pinned files of a repository."""

    snapshot: Snapshot
    entries: Mapping[str, Entry]

    def text(self, path: str) -> str | None:
        """Return a file's text, None where there is none."""
        entry = self.entries.get(path)
        return None if entry is None else self.snapshot.depot.read(entry.blob).decode("utf-8", "replace")

    def needed(self, path: str) -> str:
        """Return the text of a file that was named. Raises `SandboxUnavailable`."""
        text = self.text(path)
        if text is None:
            raise SandboxUnavailable(
                f"there is no {path} in the repository: correct [sandbox] or the devcontainer.json"
            )
        return text

    def files(self) -> Iterator[SourceFile]:
        """Yield every file. Raises `SandboxUnavailable` where they are too large to make an image with."""
        total = 0
        for path, entry in self.entries.items():
            if stat.S_IFMT(entry.mode) not in (stat.S_IFREG, stat.S_IFLNK):
                continue
            data = self.snapshot.depot.read(entry.blob)
            total += len(data)
            if total > _MOST_BYTES:
                raise SandboxUnavailable(
                    f"the repository has more than {_MOST_BYTES >> 20} MB, too much to make an image with: build one"
                    " yourself and name it as `image` under [sandbox] in nightcrew.toml"
                )
            yield SourceFile(path, entry.mode, data)

    def depends(self) -> tuple[bytes, ...]:
        """Return the names and contents of the files that say what the project needs."""
        found = [path for path in sorted(self.entries) if is_manifest(path)]
        return tuple(path.encode() + b"\0" + self.snapshot.depot.read(self.entries[path].blob) for path in found)


def recipe(snapshot: Snapshot, container: Container, environ: Mapping[str, str]) -> Recipe:
    """Return how the image is made: named, by a named Dockerfile, a devcontainer.json, a Dockerfile, or what is found.

    Raises `SandboxUnavailable` where nothing says how, and where a secret that is named is not in `environ`.
    """
    source = _Source(snapshot, snapshot.depot.entries(snapshot.tree))
    missing = [name for name in container.secrets if name not in environ]
    if missing:
        raise SandboxUnavailable(
            f"the image's set-up needs {', '.join(missing)}: export it, or take it out of `secrets`"
        )
    made = Recipe(
        source.files,
        snapshot.repository,
        source.depends(),
        setup=container.setup,
        secrets={name: environ[name] for name in container.secrets},
    )
    if container.image is not None:
        return replace(made, base=container.image)
    if container.dockerfile is not None:
        return replace(made, dockerfile=source.needed(container.dockerfile))
    for path in DEVCONTAINERS:
        if path in source.entries:
            return _devcontainer(made, source, path)
    if "Dockerfile" in source.entries:
        return replace(made, dockerfile=source.needed("Dockerfile"))
    return replace(made, dockerfile=_detected(source))


def _devcontainer(made: Recipe, source: _Source, path: str) -> Recipe:
    """Return the recipe that a devcontainer.json tells: its image or build, and the commands that it runs on creation."""
    try:
        told = read_devcontainer(source.needed(path))
    except ValueError as error:
        raise SandboxUnavailable(f"{path} cannot be read: {error}") from error
    for unknown in ("features", "dockerComposeFile"):
        if told.get(unknown):
            raise SandboxUnavailable(
                f"{path} has `{unknown}`, which nightcrew does not build: name an `image` under [sandbox]"
            )
    setup = made.setup or " && ".join(creation_commands(told)) or None
    build = told.get("build")
    build = build if isinstance(build, dict) else {}
    dockerfile = build.get("dockerfile") or told.get("dockerFile")
    if dockerfile is None:
        if not isinstance(told.get("image"), str):
            raise SandboxUnavailable(f"{path} names neither an image nor a Dockerfile")
        return replace(made, base=told["image"], setup=setup)
    folder = PurePosixPath(path).parent
    context = _inside(folder / str(build.get("context") or told.get("context") or "."))
    return replace(
        made,
        dockerfile=source.needed(_inside(folder / str(dockerfile))),
        context=context,
        arguments={str(name): str(value) for name, value in (build.get("args") or {}).items()},
        target=build.get("target"),
        setup=setup,
    )


def _inside(path: PurePosixPath) -> str:
    """Return a repository path without `..` and `.`."""
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and not parts:
            raise SandboxUnavailable(f"{path} lies outside of the repository, whose files alone an image is made with")
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts) or "."


def _detected(source: _Source) -> str:
    """Return the text of a Dockerfile for a Python project: its version, its requirements, itself so that edits count."""
    top = [path for path in sorted(source.entries) if "/" not in path]
    requirements = [
        path for path in top if _REQUIREMENTS.match(path) and path.endswith(".txt") and "constraints" not in path
    ]
    package = [path for path in top if path in ("pyproject.toml", "setup.py")]
    if not requirements and not package and not any(path.endswith(".py") for path in source.entries):
        raise SandboxUnavailable(
            "nothing says what image the tests run in: name one as `image` under [sandbox] in nightcrew.toml, or add a Dockerfile"
        )
    wanted = re.match(r"\d+\.\d+", source.text(".python-version") or "")
    where = shlex.quote(str(source.snapshot.repository))
    words = [f"-r {shlex.quote(path)}" for path in requirements] + ["-e ."] * bool(package) + ["pytest"]
    return (
        f"FROM python:{wanted.group() if wanted else _PYTHON}\n"
        f"COPY {json.dumps(['.', str(source.snapshot.repository)])}\n"
        f"RUN cd {where} && pip install --no-cache-dir {' '.join(words)}\n"
    )


def is_manifest(path: str) -> bool:
    """Say whether a file says what a project needs: when it changes, so does the environment."""
    name = path.rpartition("/")[2]
    named = name in MANIFESTS or name.startswith("Dockerfile") or path in DEVCONTAINERS
    return named or _REQUIREMENTS.match(name) is not None
