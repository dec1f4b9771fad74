"""The files that edits are drifted on: released libraries in several languages, fetched with pip, npm and apt at run time."""

from __future__ import annotations

import ast
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.repair_libraries import Library, sources

CACHE = Path(__file__).parent.parent.parent / ".bench" / "model"
SUFFIXES = {".py": "Python", ".js": "JavaScript", ".ts": "TypeScript", ".go": "Go", ".rs": "Rust", ".c": "C", ".h": "C"}
Unpack = Callable[[Path, Path], None]
_LINES = (60, 2000)
_PASSED_OVER = ("test", "example", "dist", "min.js", ".d.ts", "bundle", "docs", "esm", "/cjs", "setup.py", "conf.py")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Libraries of one use: sdists by name and version, npm packages, Debian packages of sources."""

    sdists: tuple[tuple[str, str], ...]
    npm: tuple[str, ...]
    debian: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a library, as text of `\\n` lines."""

    library: str
    path: str
    language: str
    text: str


DEVELOPMENT = Corpus(
    (("funcy", "2.1"), ("toolz", "1.2.0"), ("semver", "3.1.1"), ("parse", "1.22.4"), ("lz4", "4.4.5")),
    ("rxjs@7.8.2", "express@5.3.0", "async@3.2.6"),
    ("golang-github-spf13-cobra-dev", "golang-github-gorilla-mux-dev", "librust-semver-dev", "librust-indexmap-dev"),
)
"""What thresholds were tuned on."""

REPORTED = Corpus(
    (("boltons", "26.2.0"), ("sqlparse", "0.6.1"), ("voluptuous", "0.16.0"), ("tabulate", "0.10.0"), ("cachetools", "8.0.1"), ("hiredis", "3.3.0")),
    ("zod@4.6.7", "commander@14.0.3", "fastify@5.12.8", "underscore@1.13.7"),
    ("golang-github-spf13-pflag-dev", "golang-github-sirupsen-logrus-dev", "golang-github-burntsushi-toml-dev", "librust-regex-dev", "librust-itertools-dev"),
)  # fmt: skip
"""What is reported: nothing was tuned on these."""


def files(corpus: Corpus) -> tuple[list[SourceFile], list[str]]:
    """Return the corpus's files, in a fixed order, and which libraries could not be fetched here."""
    found, missing = [], []
    for name, folder in _folders(corpus):
        if folder is None:
            missing.append(name)
        else:
            found += list(_of(name, folder))
    return found, missing


def _folders(corpus: Corpus) -> Iterator[tuple[str, Path | None]]:
    for name, version in corpus.sdists:
        yield name, sources(Library(name, version, ()))
    for package in corpus.npm:
        yield package, _fetched(package, ["npm", "pack", "-s", package], _untar)
    for package in corpus.debian:
        yield package, _fetched(package, ["apt-get", "download", "-qq", package], _undeb)


def _fetched(name: str, command: list[str], unpack: Unpack) -> Path | None:
    """Return an unpacked package, fetched once; None where its registry's client is not here or has it not."""
    target = CACHE / "sources" / name
    if target.is_dir():
        return target
    if shutil.which(command[0]) is None:
        return None
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        if subprocess.run(command, cwd=scratch, capture_output=True, timeout=300, check=False).returncode:
            return None
        archive = next(path for path in Path(scratch).iterdir() if path.is_file())
        unpacked = Path(scratch) / "unpacked"
        unpacked.mkdir()
        unpack(archive, unpacked)
        unpacked.rename(target)
    return target


def _untar(archive: Path, target: Path) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")


def _undeb(archive: Path, target: Path) -> None:
    subprocess.run(["dpkg-deb", "-x", archive, target], check=True, capture_output=True, timeout=60)


def _of(library: str, folder: Path) -> Iterator[SourceFile]:
    seen = set()
    for path in sorted(folder.rglob("*")):
        inner = str(path.relative_to(folder))
        language = SUFFIXES.get(path.suffix)
        if not language or not path.is_file() or any(word in inner.casefold() for word in _PASSED_OVER):
            continue
        data = path.read_bytes()
        digest = hashlib.sha256(data).digest()
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        lines = text.count("\n")
        if (
            "\ufffd" in text
            or not _LINES[0] <= lines <= _LINES[1]
            or digest in seen
            or max(map(len, text.split("\n"))) > 400
        ):
            continue
        seen.add(digest)
        if language != "Python" or parses(text):
            yield SourceFile(library, inner, language, text)


def parses(text: str) -> bool:
    """Say whether a Python text parses."""
    try:
        with warnings.catch_warnings(action="ignore"):
            ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
