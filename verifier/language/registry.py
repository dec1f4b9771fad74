"""The servers that are known, and which of them are there: in the project's environment, else on the path. None is ever installed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from verifier.language.server import Found, Says, Server, Tier

_FAST = frozenset({Tier.FAST})
_THOROUGH = frozenset({Tier.THOROUGH})
_BOTH = frozenset({Tier.FAST, Tier.THOROUGH})
_PYTHON = frozenset({"python"})
_SCRIPT = frozenset({"typescript", "typescriptreact", "javascript", "javascriptreact"})
_RUST = {"checkOnSave": False, "cachePriming": {"enable": False}, "diagnostics": {"experimental": {"enable": True}}}

SERVERS: tuple[Server, ...] = (
    Server(
        "ruff", "ruff", ("server",), _PYTHON, Says.LINT, _BOTH, runs_code=False, shares_shown=True, one_file=True,
        get="pip install ruff",
    ),
    Server(
        "ty", "ty", ("server",), _PYTHON, Says.TYPES, _FAST, runs_code=False, shares_shown=True, one_file=True,
        missing_codes=frozenset({"import-not-found", "unresolved-import"}),
        get="pip install ty",
    ),
    Server(
        "zuban", "zuban", ("server",), _PYTHON, Says.TYPES, _FAST, runs_code=True, one_file=True,
        missing_codes=frozenset({"import-not-found", "import-untyped"}),
        get="pip install zuban",
    ),
    Server(
        "pyrefly", "pyrefly", ("lsp",), _PYTHON, Says.TYPES, _THOROUGH, runs_code=True, one_file=True,
        settings={"python": {"pyrefly": {"displayTypeErrors": "force-on"}}},
        missing_codes=frozenset({"missing-import", "missing-source", "untyped-import"}),
        get="pip install pyrefly",
    ),
    Server(
        "basedpyright", "basedpyright-langserver", ("--stdio",), _PYTHON, Says.TYPES, _THOROUGH, runs_code=True,
        missing_codes=frozenset({"reportMissingImports", "reportMissingModuleSource", "reportMissingTypeStubs"}),
        get="pip install basedpyright",
    ),
    Server(
        "typescript", "typescript-language-server", ("--stdio",), _SCRIPT, Says.TYPES, _BOTH, runs_code=True,
        # Types of packages are not to be fetched; one process is enough for one who does not wait for colours.
        options={"disableAutomaticTypingAcquisition": True, "tsserver": {"useSyntaxServer": "never"}},
        settle_s=0.25,
        missing_codes=frozenset({"2307", "7016"}),
        get="npm install --save-dev typescript-language-server typescript",
    ),
    Server(
        "clangd", "clangd", (), frozenset({"c", "cpp"}), Says.TYPES, _BOTH, runs_code=False,
        missing_codes=frozenset({"pp_file_not_found"}),
        get="apt-get install clangd",
    ),
    Server(
        "gopls", "gopls", (), frozenset({"go"}), Says.TYPES, _BOTH, runs_code=True,
        get="go install golang.org/x/tools/gopls@latest",
    ),
    Server(
        "rust-analyzer", "rust-analyzer", (), frozenset({"rust"}), Says.TYPES, _BOTH, runs_code=True, tells_ready=True,
        # What it finds by itself, and not what a build finds: that reads the disk, where a shown text is not.
        settings={"rust-analyzer": _RUST}, options=_RUST,
        get="rustup component add rust-analyzer",
    ),
)  # fmt: skip
"""The servers that are known; of those that say the same of a language, the first that is there is used."""


@dataclass(frozen=True, slots=True)
class ServerPlaces:
    """Where servers are looked for, in this order: the project's interpreter's environment, the repository, PATH."""

    repository: Path
    search_path: str
    python: str | None = None

    def directories(self) -> Iterator[Path]:
        """Yield the directories that hold programs."""
        if self.python is not None:
            yield Path(self.python).parent
        yield from (self.repository / place for place in (".venv/bin", "venv/bin", "node_modules/.bin"))
        yield from (Path(entry) for entry in self.search_path.split(":") if entry.startswith("/"))


def known_servers(off: Collection[str] = (), settings: Mapping[str, Mapping[str, Any]] = {}) -> tuple[Server, ...]:
    """Return the servers that are known, those named in `off` left out, with the user's `settings` by server over ours."""
    on = (server for server in SERVERS if server.name not in off)
    return tuple(replace(server, settings={**server.settings, **settings.get(server.name, {})}) for server in on)


def find_servers(places: ServerPlaces, known: Iterable[Server] = SERVERS) -> tuple[Found, ...]:
    """Return those of the `known` servers that are there."""
    found = []
    directories = [str(directory) for directory in dict.fromkeys(places.directories()) if directory.is_dir()]
    for server in known:
        program = _program(server.program, directories)
        if program is not None:
            python = places.python if "python" in server.languages else None
            environment = {**server.environment, **_environment(python)}
            found.append(Found(replace(server, environment=environment), str(program), python))
    return tuple(found)


def _environment(python: str | None) -> dict[str, str]:
    """Return the variable by which Python's servers find the environment whose packages are imported."""
    prefix = Path(python).parent.parent if python is not None else None
    return {"VIRTUAL_ENV": str(prefix)} if prefix is not None and (prefix / "pyvenv.cfg").is_file() else {}


def chosen_servers(found: Iterable[Found], language: str, tier: Tier) -> tuple[Found, ...]:
    """Return which servers are asked of a language in a tier: at most one that lints, and one that checks types."""
    first: dict[Says, Found] = {}
    for each in found:
        if language in each.server.languages and tier in each.server.tiers:
            first.setdefault(each.server.says, each)
    return tuple(first.values())


def _program(name: str, directories: Iterable[str]) -> Path | None:
    for directory in directories:
        # Most are not there.
        if os.access(f"{directory}/{name}", os.X_OK):
            program = Path(directory, name)
            if program.is_file() and not _is_empty_proxy(program):
                return program
    return None


def _is_empty_proxy(program: Path) -> bool:
    """Say whether a program is rustup's stand-in for one that no toolchain has."""
    if not program.is_symlink() or program.resolve().name != "rustup":
        return False
    toolchains = program.parent.parent.parent / ".rustup" / "toolchains"
    return not any(toolchains.glob(f"*/bin/{program.name}"))
