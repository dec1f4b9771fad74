"""The configured entries: tables of config.toml, and the variables that they name, become records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import BadConfig
from orchestrator.forges.records import Entry

if TYPE_CHECKING:
    from orchestrator.config import ForgeTable, MachineConfig, TrackerTable

_HOMES = {
    "github": "https://github.com",
    "gitlab": "https://gitlab.com",
    "linear": "https://linear.app",
    "slack": "https://slack.com",
}
_APIS = {
    "https://github.com": "https://api.github.com",
    "https://linear.app": "https://api.linear.app",
    "https://slack.com": "https://slack.com/api",
}
_BELOW = {"github": "/api/v3", "gitlab": "/api/v4", "gitea": "/api/v1", "linear": "", "slack": "/api"}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def read_entries(machine: MachineConfig, environ: Mapping[str, str], home: Path) -> dict[str, Entry]:
    """Return all forges and trackers by name. Raises `BadConfig`."""
    both = machine.forges.keys() & machine.trackers.keys()
    if both:
        raise BadConfig(f"config.toml has a forge and a tracker called {sorted(both)[0]!r}: rename one of them")
    forges = {name: _forge(name, table, environ, home) for name, table in machine.forges.items()}
    return forges | {name: _tracker(name, table, environ, home) for name, table in machine.trackers.items()}


def _forge(name: str, table: ForgeTable, environ: Mapping[str, str], home: Path) -> Entry:
    where = f"config.toml: `forges.{name}`"
    repositories = {each: _path(where, path, home) for each, path in table.repositories.items()}
    folded = [each.casefold() for each in repositories]
    for each in repositories:
        if "/" not in each.strip("/") or folded.count(each.casefold()) > 1:
            raise BadConfig(f"{where} has the repository {each!r}: name each one once, as OWNER/NAME")
    url, api = _addresses(where, table.kind, table.url, table.api)
    return Entry(
        _named(name),
        table.kind,
        url,
        api,
        repositories,
        table.allow,
        table.mention,
        table.label,
        table.rounds,
        table.token_env,
        table.secret_env,
        environ.get(table.token_env, "").strip(),
        environ.get(table.secret_env, "").strip(),
    )


def _tracker(name: str, table: TrackerTable, environ: Mapping[str, str], home: Path) -> Entry:
    where = f"config.toml: `trackers.{name}`"
    url, api = _addresses(where, table.kind, "", table.api)
    return Entry(
        _named(name),
        table.kind,
        url,
        api,
        {"": _path(where, table.repository, home)},
        table.allow,
        table.mention,
        table.label,
        0,
        table.token_env,
        table.secret_env,
        environ.get(table.token_env, "").strip(),
        environ.get(table.secret_env, "").strip(),
    )


def _addresses(where: str, kind: str, url: str, api: str) -> tuple[str, str]:
    url = (url or _HOMES.get(kind, "")).rstrip("/")
    api = (api or _APIS.get(url, "") or (url + _BELOW[kind] if url else "")).rstrip("/")
    for each in (url, api):
        if not each.startswith(("https://", "http://")):
            raise BadConfig(
                f'{where} has the address {each!r}: name one with https://, as in url = "https://git.example.org"'
            )
        if "@" in each:
            raise BadConfig(
                f"{where} has an address with a name or a password in it: put the token into the variable of `token_env`"
            )
    return url, api


def _path(where: str, path: str, home: Path) -> Path:
    found = Path(f"{home}{path[1:]}" if path.startswith("~/") else path)
    if not found.is_absolute():
        raise BadConfig(f"{where} has the working tree {path!r}: name its full path, or one that begins with ~/")
    return found


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise BadConfig(
            f"config.toml calls a forge or tracker {name!r}: use letters, digits, `-` and `_`, as it is part of an address"
        )
    return name
