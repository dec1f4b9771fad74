"""Which directories out of a sandbox's sight a project's tools need: read from links and settings, nothing is ever run for it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.environment import SYSTEM_PATH
from sandbox.hidden import GONE

_LINKS = 40


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What a project's tools need: host paths to show read-only, and variables (PATH with their directories first).

    Iterating over it yields the paths.
    """

    readonly: tuple[Path, ...] = ()
    path: tuple[Path, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Path]:
        return iter(self.readonly)


@dataclass(frozen=True, slots=True)
class _Known:
    """A tool that installs itself under home: its directory, the variable that moves it, and what of it to show."""

    directory: str
    variable: str = ""
    shown: tuple[str, ...] = ("",)
    """Relative to the directory; credentials and settings that may hold some are left out."""


_KNOWN = (
    _Known(".pyenv", "PYENV_ROOT"),
    _Known(".local/share/uv/python", "UV_PYTHON_INSTALL_DIR"),
    _Known(".local/share/mise", "MISE_DATA_DIR", ("installs", "shims")),
    _Known(".asdf", "ASDF_DATA_DIR"),
    _Known(".nvm", "NVM_DIR", ("versions", "alias")),
    _Known(".volta", "VOLTA_HOME", ("bin", "tools")),
    _Known(".bun", "BUN_INSTALL", ("bin", "install/global")),
    _Known(".deno", "DENO_INSTALL", ("bin",)),
    _Known(".rustup", "RUSTUP_HOME", ("toolchains", "settings.toml")),
    _Known(".cargo", "CARGO_HOME", ("bin", "registry", "git")),
    _Known("go", "GOPATH", ("bin", "pkg/mod")),
    _Known(".sdkman", "SDKMAN_DIR", ("candidates",)),
    _Known(".rbenv", "RBENV_ROOT", ("bin", "libexec", "shims", "versions")),
)
_TOGETHER = {".cargo": ".rustup", ".rustup": ".cargo"}
"""cargo's programs are links to rustup's proxy, which looks for the toolchain in rustup's directory."""


def toolchain_paths(python: Path | None, home: Path, environ: Mapping[str, str]) -> Toolchain:
    """Return what the interpreter or environment directory `python`, and the tools on `environ`'s PATH, need of `home`.

    Only what lies under `home`, or in another place that sandboxes leave out (`/srv`, `/tmp`), is named, all else
    being visible already; never `home` itself, a top-level directory, or one that holds several tools' things (`~/.local`).
    """
    home = home.absolute()
    shown: list[Path] = []
    entries: list[Path] = []
    if python is not None:
        interpreter = _interpreter(python.absolute())
        entries.append(interpreter.parent)
        shown += _interpreter_needs(interpreter, home)
    variables: dict[str, str] = {}
    for known in _used(home, environ):
        directory = _directory(known, home, environ)
        shown += (directory / part if part else directory for part in known.shown)
        if known.variable and directory.is_dir():
            variables[known.variable] = str(directory)
    readonly = _outermost(path for path in shown if _unseen(path, home) and os.path.lexists(path))
    entries += _kept(environ.get("PATH", ""), readonly)
    path = tuple(dict.fromkeys(entries))
    variables["PATH"] = ":".join([*map(str, path), SYSTEM_PATH])
    return Toolchain(readonly, path, variables)


def _unseen(path: Path, home: Path) -> bool:
    return path.is_relative_to(home) or (len(path.parts) > 2 and path.parts[1] in GONE)


def _interpreter(python: Path) -> Path:
    if not python.is_dir():
        return python
    return next((found for name in ("python", "python3") if os.path.lexists(found := python / "bin" / name)), python)


def _interpreter_needs(interpreter: Path, home: Path) -> Iterator[Path]:
    """Yield an interpreter's environment, its base's installation, and every link on the way to it."""
    prefix = interpreter.parent.parent
    yield from _installation(interpreter, home)
    base = _base(prefix)
    for path in (interpreter, *([] if base is None else [base / interpreter.name, base / "python3"])):
        if os.path.lexists(path):
            links, real = _resolved(path)
            yield from links
            yield from _installation(real, home)


def _installation(interpreter: Path, home: Path) -> Iterator[Path]:
    """Yield the directory that an interpreter is installed in, or the file alone where that directory is not its own."""
    prefix = interpreter.parent.parent
    shared = prefix in (home, home / ".local") or home.is_relative_to(prefix) or len(prefix.parts) < 3
    # Whoever names a program that is not there, as in `~/.ssh/bin/python`, is shown nothing by it.
    shared = shared or not interpreter.is_file()
    yield interpreter if shared or interpreter.parent.name != "bin" else prefix


def _base(prefix: Path) -> Path | None:
    """Return the directory of the base interpreter that a virtual environment names."""
    try:
        text = (prefix / "pyvenv.cfg").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key.strip().lower() == "home":
            return Path(value.strip())
    return None


def _resolved(path: Path) -> tuple[list[Path], Path]:
    """Follow `path` to its end; return every link that lies on the way, and the end."""
    links: list[Path] = []
    current = Path(path.anchor)
    waiting = list(path.parts[:0:-1])
    while waiting and len(links) <= _LINKS:
        part = waiting.pop()
        current = current.parent if part == ".." else current / part
        if current.is_symlink():
            links.append(current)
            aim = current.readlink()
            current = Path(aim.anchor) if aim.is_absolute() else current.parent
            waiting += [step for step in reversed(aim.parts) if step != aim.anchor]
    return links, current


def _used(home: Path, environ: Mapping[str, str]) -> Iterator[_Known]:
    """Yield the known tools that PATH reaches, with the ones they need."""
    entries = [Path(entry) for entry in environ.get("PATH", "").split(":") if entry.startswith("/")]
    above = {directory for entry in entries for directory in (entry, *entry.parents)}
    reached = {known.directory for known in _KNOWN if _directory(known, home, environ) in above}
    reached |= {_TOGETHER[name] for name in reached & _TOGETHER.keys()}
    return (known for known in _KNOWN if known.directory in reached)


def _directory(known: _Known, home: Path, environ: Mapping[str, str]) -> Path:
    named = environ.get(known.variable, "") if known.variable else ""
    # A variable that names home itself, or what holds it, would show all of it.
    if not named.startswith("/") or home.is_relative_to(named):
        return home / known.directory
    return Path(named)


def _kept(search_path: str, readonly: Iterable[Path]) -> Iterator[Path]:
    shown = set(readonly)
    for entry in map(Path, filter(None, search_path.split(":"))):
        if not shown.isdisjoint((entry, *entry.parents)):
            yield entry


def _outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    kept: list[Path] = []
    for path in sorted(set(paths)):
        inside = any(path.is_relative_to(other) and not other.is_symlink() for other in kept)
        if not inside:
            kept.append(path)
    return tuple(kept)
