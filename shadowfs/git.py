"""The one adapter to the git program: every call has neutral configuration and a scrubbed environment."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shadowfs.errors import DepotError, NoSpace, TooLarge

# What a repository, its owner or its attributes could make git run or fetch, and what would make answers depend on them.
_NEUTRAL = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.quotePath=false",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.compression=1",
    "core.logAllRefUpdates=false",
    "diff.external=",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
    "commit.gpgSign=false",
    "index.sparse=false",
    "advice.detachedHead=false",
)
_OPTIONS = tuple(option for setting in _NEUTRAL for option in ("-c", setting))
_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
_UNCONFIGURED = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
_IDENTITY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "nightcrew"), ("EMAIL", "nightcrew@localhost"))
}


def run(
    args: Sequence[str | bytes | Path],
    *,
    git_dir: Path,
    work_tree: Path | None = None,
    index: Path | None = None,
    objects: Path | None = None,
    alternates: Iterable[Path] = (),
    input: bytes | IO[bytes] = b"",
    extra: Mapping[str, str] | None = None,
    fine: tuple[int, ...] = (0,),
) -> bytes:
    """Run git on `git_dir` and return its standard output.

    `objects` replaces the git directory's object store, `alternates` are stores read besides it, `extra` adds variables. It may exit with
    one of `fine`.
    Raises `NoSpace` when the disk is full, `DepotError` with git's own message when it fails otherwise.
    """
    env = environment(git_dir, work_tree=work_tree, index=index, objects=objects, alternates=alternates)
    done = _spawn(command(args), env | dict(extra or {}), work_tree or git_dir, input)
    if done.returncode not in fine:
        raise failure(f"git {os.fsdecode(args[0])} in {git_dir}", done.stderr)
    return done.stdout


_BLOCK_BYTES = 512
_CHUNK_BYTES = 1 << 16
_LOOK_S = 0.2
_LIMITED = ("/bin/sh", "-c", 'ulimit -f "$1" && shift && exec "$@"', "sh")


@dataclass(frozen=True, slots=True)
class Bound:
    """What a git call may take: seconds, and bytes of any file that it writes. `stopping` is called all the while, and may raise."""

    seconds: float
    file_bytes: int
    stopping: Callable[[], None] = lambda: None


def run_bounded(args: Sequence[str], bound: Bound, *, git_dir: Path, extra: Mapping[str, str] | None = None) -> bytes:
    """Run git as `run` does, within `bound`; it ends with all that it started."""
    words = [*_LIMITED, str(max(1, bound.file_bytes // _BLOCK_BYTES)), *command(args)]
    env = environment(git_dir) | dict(extra or {})
    ends = time.monotonic() + bound.seconds
    with subprocess.Popen(
        words,
        env=env,
        cwd=git_dir,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            out, said = _waited(process, bound, ends, f"git {args[0]}")
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode == 0:
        return out
    raise failure(f"git {args[0]} in {git_dir}", said)


def lines(args: Sequence[str], *, git_dir: Path, most_bytes: int) -> Iterator[bytes]:
    """Yield what git prints, cut at each NUL. Raises `TooLarge` where that is more than `most_bytes`."""
    with subprocess.Popen(
        command(args), env=environment(git_dir), cwd=git_dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            rest, total = b"", 0
            while data := process.stdout.read(_CHUNK_BYTES):
                total += len(data)
                if total > most_bytes:
                    raise TooLarge(f"git {args[0]} lists more than {most_bytes:,} bytes")
                *whole, rest = (rest + data).split(b"\0")
                yield from whole
        finally:
            process.kill()
        said = process.stderr.read()
    if said:
        raise failure(f"git {args[0]} in {git_dir}", said)


def _waited(process: subprocess.Popen[bytes], bound: Bound, ends: float, doing: str) -> tuple[bytes, bytes]:
    while True:
        bound.stopping()
        try:
            return process.communicate(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            if time.monotonic() > ends:
                raise DepotError(f"{doing}: fatal: it took more than {bound.seconds:.0f} s") from None


def look(args: Sequence[str], directory: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[bytes]:
    """Ask git, from inside a directory of the user's, as the user would; only for questions that run and write nothing.

    The user's own configuration counts here: whether the directory is safe, and where ignore files are.
    """
    own = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    search = _search_path(own.get("PATH", os.defpath))
    return _spawn(["git", *args], {**_home(), **own, **_ENVIRONMENT, "PATH": search}, directory, b"")


def command(args: Iterable[str | bytes | Path]) -> list[str | bytes | Path]:
    """Return the argument vector of a git call with neutral configuration."""
    return ["git", *_OPTIONS, *args]


def environment(
    git_dir: Path,
    *,
    work_tree: Path | None = None,
    index: Path | None = None,
    objects: Path | None = None,
    alternates: Iterable[Path] = (),
) -> dict[str, str]:
    """Return the whole environment of a git call."""
    env = {**_home(), **_ENVIRONMENT, **_UNCONFIGURED, **_IDENTITY, "GIT_DIR": str(git_dir)}
    given = {"GIT_WORK_TREE": work_tree, "GIT_INDEX_FILE": index, "GIT_OBJECT_DIRECTORY": objects}
    env |= {name: str(path) for name, path in given.items() if path is not None}
    stores = ":".join(quoted(path) for path in alternates)
    return env | {"GIT_ALTERNATE_OBJECT_DIRECTORIES": stores} if stores else env


def quoted(path: Path | str) -> str:
    """Return a path as git reads it from lists: in C quotes where a character of it would end or disguise the entry."""
    text = str(path)
    if not text.startswith(('"', "#")) and not set(text) & set('\n:"\\'):
        return text
    escapes = {"\n": "\\n", '"': '\\"', "\\": "\\\\"}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'


def failure(doing: str, stderr: bytes) -> DepotError | NoSpace:
    """Return the error for a git call that failed, with git's own words."""
    lines = stderr.decode(errors="replace").strip().splitlines()
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines or ["it ended without a message"]
    message = f"{doing}: {told[-1]}"
    if any("No space left on device" in line or "Disk quota exceeded" in line for line in lines):
        return NoSpace(f"{message}; free some space and try again")
    return DepotError(message)


def _search_path(path: str) -> str:
    """Return a search path without its relative entries: they would find programs in whatever tree git is run in."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if os.path.isabs(entry))  # noqa: PTH117


def _home() -> dict[str, str]:
    return {"PATH": _search_path(os.environ.get("PATH", os.defpath)), "HOME": str(Path.home())}


def _spawn(
    argv: list[str | bytes | Path], env: Mapping[str, str], cwd: Path, input: bytes | IO[bytes]
) -> subprocess.CompletedProcess[bytes]:
    try:
        if isinstance(input, bytes):
            return subprocess.run(argv, env=env, cwd=cwd, input=input, capture_output=True, check=False)
        return subprocess.run(argv, env=env, cwd=cwd, stdin=input, capture_output=True, check=False)
    except FileNotFoundError as error:
        if not cwd.is_dir():
            raise
        raise DepotError("the git program was not found: install git (Debian: apt-get install git)") from error
