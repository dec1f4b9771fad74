"""The configured entries: tables of config.toml, and the variables that they name, become records."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.checkouts.homes import home_of
from orchestrator.errors import BadConfig
from orchestrator.forges.records import Entry

if TYPE_CHECKING:
    from orchestrator.configuration.config import ForgeTable, MachineConfig, TrackerTable

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
_MANAGED = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)+", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


def read_entries(machine: MachineConfig, environ: Mapping[str, str], home: Path, state: Path) -> dict[str, Entry]:
    """Return all forges and trackers by name; managed checkouts lie below `state`. Raises `BadConfig`."""
    both = machine.forges.keys() & machine.trackers.keys()
    if both:
        raise BadConfig(f"config.toml has a forge and a tracker called {sorted(both)[0]!r}: rename one of them")
    forges = {name: _forge(name, table, environ, home, state) for name, table in machine.forges.items()}
    entries = forges | {name: _tracker(name, table, environ, home) for name, table in machine.trackers.items()}
    _check_secrets(tuple(entries.values()))
    return entries


def _forge(name: str, table: ForgeTable, environ: Mapping[str, str], home: Path, state: Path) -> Entry:
    where = f"config.toml: `forges.{name}`"
    named = [*table.repositories, *table.managed]
    repositories = {each: _path(where, path, home) for each, path in table.repositories.items()}
    folded = [each.casefold() for each in named]
    for each in named:
        if "/" not in each.strip("/") or folded.count(each.casefold()) > 1:
            raise BadConfig(f"{where} has the repository {each!r}: name each one once, as OWNER/NAME")
    managed = _managed(where, table)
    repositories |= {each: home_of(state, _named(name), each) for each in managed}
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
        managed,
        table.checkout_mb << 20,
    )


def _managed(where: str, table: ForgeTable) -> dict[str, tuple[str, ...]]:
    """Return the variables that the set-up of each managed repository may ask for. Raises `BadConfig`."""
    for each in table.managed:
        if not _MANAGED.fullmatch(each) or each.endswith(".git"):
            raise BadConfig(f"{where} manages the repository {each!r}: name it as its address does, as in OWNER/NAME")
    for each in table.secrets:
        if each not in table.managed:
            raise BadConfig(f"{where} has secrets of {each!r}, which it does not manage: add it to `managed`")
    return {each: tuple(table.secrets.get(each, ())) for each in table.managed}


def _check_secrets(entries: Sequence[Entry]) -> None:
    """Keep the keys to forges from what repositories run. Raises `BadConfig`."""
    own = {name for entry in entries for name in (entry.token_env, entry.secret_env) if name}
    for entry in entries:
        for repository, names in entry.managed.items():
            if given := own.intersection(names):
                raise BadConfig(
                    f"config.toml: `forges.{entry.name}` lets {repository} ask for {sorted(given)[0]}, which is a forge's own: make"
                    " another token for what its set-up does"
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
