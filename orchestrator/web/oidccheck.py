"""What the doctor says of the configured issuer of OpenID Connect."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.configuration.config import read_machine
from orchestrator.doctor import Check
from orchestrator.errors import BadConfig

_NAME = "sign-in"
_INSTEAD = "links and keys"


def issuer_checks(environ: Mapping[str, str], home: Path) -> Iterator[Check]:
    """Yield whether the issuer answers, and has keys; nothing where none is configured."""
    try:
        table = read_machine(environ, home).oidc
    except BadConfig:
        # What asks about models tells it.
        return
    if not table.issuer:
        return
    missing = next((name for name in ("fastapi", "httpx2", "jwt") if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        get = "uv tool install 'nightcrew[serve,oidc]'"
        yield Check(_NAME, False, f"the package {missing} is not installed", instead=_INSTEAD, get=get)
        return
    from orchestrator.web.issuer import Issuer
    from orchestrator.web.problems import Problem

    try:
        client = table.client(environ)
        assert client is not None
        keys = asyncio.run(Issuer(client).keys())
    except (BadConfig, Problem) as error:
        yield Check(_NAME, False, str(error), instead=_INSTEAD, get="correct [oidc] in config.toml, or the issuer")
        return
    yield Check(_NAME, True, f"{client.issuer} answers, and has {len(keys.each('keys'))} keys")
