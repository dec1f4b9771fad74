"""Secrets of a set-up: only those that the machine's file allows, masked in what is kept of the output, and looked for in what was made."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from orchestrator.checkouts.errors import SetupRefused
from orchestrator.checkouts.plan import Plan

MASK = b"***"
_CHUNK_BYTES = 1 << 20
_SHORTEST = 4
"""What is shorter stands everywhere by chance."""


def granted(plan: Plan, allowed: tuple[str, ...], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that a plan asks for, with their values. Raises `SetupRefused` for one that is not allowed, or not set."""
    asked = plan.asks_for
    refused = [name for name in asked if name not in allowed]
    if refused:
        raise SetupRefused(
            f"its set-up ({plan.source}) asks for {', '.join(refused)}, which config.toml does not allow it: if it may have that, add the"
            " name to `secrets` of its forge, else take it out there"
        )
    unset = [name for name in asked if not environ.get(name)]
    if unset:
        raise SetupRefused(f"its set-up needs {', '.join(unset)}, which is not set where nightcrew works: export it")
    return {name: environ[name] for name in asked}


def forms(secrets: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the secrets in the ways in which tools write them, the longest first."""
    found = {form for value in secrets.values() if len(value) >= _SHORTEST for form in _forms(value)}
    return tuple(sorted(found, key=len, reverse=True))


def _forms(value: str) -> Iterator[bytes]:
    data = os.fsencode(value)
    yield from (data, os.fsencode(quote(value, safe="", errors="surrogateescape")))
    yield json.dumps(value)[1:-1].encode()
    yield base64.b64encode(data)


def masked(output: bytes, known: tuple[bytes, ...]) -> bytes:
    """Return an output without the secrets."""
    for form in known:
        if form:
            output = output.replace(form, MASK)
    return output


def holding(folder: Path, known: tuple[bytes, ...]) -> Iterator[Path]:
    """Yield the files below a folder that have a secret in them as it is, or in one of the ways in which tools write it."""
    if not known:
        return
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place, name)
            if path.is_file() and not path.is_symlink() and _holds(path, known):
                yield path


def _holds(path: Path, known: tuple[bytes, ...]) -> bool:
    longest = max(map(len, known))
    with path.open("rb") as file:
        rest = b""
        while data := file.read(_CHUNK_BYTES):
            window = rest + data
            if any(form and form in window for form in known):
                return True
            rest = window[-longest:]
    return False
