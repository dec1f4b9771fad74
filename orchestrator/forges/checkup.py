"""What the doctor says of each configured forge and tracker."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.configuration.config import read_machine
from orchestrator.doctor import Check
from orchestrator.errors import BadConfig, OrchestratorError
from orchestrator.forges.entries import read_entries
from orchestrator.forges.records import Entry

_ANSWER_S = 10.0
_INSTEAD = "its branches stay here, as local branches, patches and bundles"


def forge_checks(environ: Mapping[str, str], home: Path, state: Path) -> Iterator[Check]:
    """Yield whether each entry answers, and knows its token. One without a token, or a secret, is not asked."""
    try:
        entries = read_entries(read_machine(environ, home), environ, home, state)
    except BadConfig as error:
        yield Check("forges", False, str(error), instead=_INSTEAD, get="correct config.toml")
        return
    for entry in entries.values():
        yield _check(entry)
        yield from _setups(entry, environ)


def _check(entry: Entry) -> Check:
    name = f"forge {entry.name}"
    if importlib.util.find_spec("httpx2") is None:
        return Check(
            name,
            False,
            "the extra `forges` is not installed",
            instead=_INSTEAD,
            get="uv tool install 'nightcrew[forges]'",
        )
    for what, value, variable in (("token", entry.token, entry.token_env), ("secret", entry.secret, entry.secret_env)):
        if not value:
            get = (
                f"set {variable}"
                if variable
                else f"name a variable as `{what}_env` of its entry in config.toml, and set it"
            )
            return Check(name, False, f"there is no {what} for {entry.url}", instead=_INSTEAD, get=get)
    there = (path for name, path in entry.repositories.items() if name not in entry.managed)
    gone = next((path for path in there if not (path / ".git").exists()), None)
    if gone is not None:
        return Check(name, False, f"{gone} is no working tree", instead=_INSTEAD, get=f"git clone {entry.url}/… {gone}")
    return _asked(name, entry)


def _setups(entry: Entry, environ: Mapping[str, str]) -> Iterator[Check]:
    """Yield which variables that set-ups may ask for are not set."""
    for repository, names in entry.managed.items():
        unset = [name for name in names if not environ.get(name)]
        if unset:
            why = f"{', '.join(unset)}, which it may ask for, is not set"
            yield Check(
                f"set-up of {repository}", False, why, instead="one that asks for nothing", get=f"set {unset[0]}"
            )


def _asked(name: str, entry: Entry) -> Check:
    from orchestrator.forges.calls import Caller
    from orchestrator.forges.wiring import adapter_of, headers_of

    try:
        with Caller(entry.name, entry.api_url, headers_of(entry), token=entry.token, timeout_s=_ANSWER_S) as caller:
            who = adapter_of(entry, caller).look()
    except OrchestratorError as error:
        return Check(
            name, False, str(error), instead=_INSTEAD, get=f"look at its entry in config.toml, and at {entry.token_env}"
        )
    return Check(name, True, f"{entry.url} answers, and knows us as {who or 'nobody in particular'}")
