"""A language server as it is known (`Server`), and as it was found (`Found`): the program, and how to run it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sandbox import Command

# No shell that every system calls `sh` can redirect from a descriptor of two digits, as the channel's is.
_ON_CHANNEL = 'exec "$@" <&"$NIGHTCREW_CHANNEL" >&"$NIGHTCREW_CHANNEL"'


class Says(StrEnum):
    """What a server is asked for. Of those that say the same of a language, the first that is there is used."""

    LINT = "lint"
    TYPES = "types"


class Tier(StrEnum):
    """When a server is asked."""

    FAST = "fast"
    """After every edit."""
    THOROUGH = "thorough"
    """Once, before the verdict."""


@dataclass(frozen=True, slots=True)
class Server:
    """A kind of server: which program it is, what it speaks, and what is to be known about it.

    `program` is looked for, `arguments` follow it. `settings` answer `workspace/configuration` by section (a dotted
    name), `options` go with `initialize`. `runs_code` says that it may run code of the repository (plugins, build
    scripts, its interpreter). `shares_shown` says that a text which is shown for one file is what all others see of it, as
    if it were on the disk; `one_file` that its program is one that needs nothing but a C library; `tells_ready` that it finds nothing until it has
    told (by rust-analyzer's `experimental/serverStatus`) that the project is loaded. A server that pushes findings without
    their version is believed once it has said nothing new for `settle_s`.
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    languages: frozenset[str]
    says: Says
    tiers: frozenset[Tier]
    runs_code: bool
    settings: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    shares_shown: bool = False
    one_file: bool = False
    tells_ready: bool = False
    missing_codes: frozenset[str] = frozenset()
    """Codes of findings that say no more than that a package is not installed where the server looks."""
    settle_s: float = 0.5
    memory_bytes: int = 4 << 30
    get: str = ""
    """The command that installs it."""

    @property
    def leasable(self) -> bool:
        """Say whether it may serve one shadow after another, on a tree that none of them writes to."""
        return self.shares_shown and not self.runs_code


@dataclass(frozen=True, slots=True)
class Found:
    """A server that is there: the absolute path of its program, and the project's interpreter where it has one."""

    server: Server
    program: str
    python: str | None = None

    def command(self) -> Command:
        """Return the command that runs it with its standard input and output on the channel."""
        words = (self.program, *self.server.arguments)
        return Command(("bash", "-c", _ON_CHANNEL, "bash", *words), environment=self.server.environment)

    def setting(self, section: object) -> object:
        """Return the user's settings of a section, None where there are none."""
        if not isinstance(section, str) or not section:
            return self.server.settings
        value: object = self.server.settings
        for part in section.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return self._python_setting(section, value)

    def _python_setting(self, section: str, value: object) -> object:
        if self.python is None or section != "python":
            return value
        return {**(value if isinstance(value, Mapping) else {}), "pythonPath": self.python}


def language_of(path: str) -> str | None:
    """Return the protocol's name of a file's language, None for one that is not known."""
    name = path.rpartition("/")[2]
    return LANGUAGES.get(name) or LANGUAGES.get("." + name.rpartition(".")[2] if "." in name else "")


LANGUAGES: Mapping[str, str] = {
    ".py": "python",
    ".pyi": "python",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "typescriptreact",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascriptreact",
    ".c": "c",
    ".h": "cpp",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cxx": "cpp",
    ".hh": "cpp",
    ".hpp": "cpp",
    ".hxx": "cpp",
    ".go": "go",
    ".rs": "rust",
}
"""The language of a file by the end of its name."""
