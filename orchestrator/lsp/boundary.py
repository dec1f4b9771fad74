"""The boundary: whatever goes wrong becomes a message with its hint, and ends neither the server nor what else goes on."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from orchestrator.cli.failure import internal_failure, known_failure
from orchestrator.lsp.client import Client

Result = TypeVar("Result")


async def guarded(client: Client, work: Awaitable[Result]) -> Result | None:
    """Return what comes of some work; None where it fails, which the client is told."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - the protocol's boundary
        client.tell(wording(error), warn=True)
        return None


def wording(error: Exception) -> str:
    """Return what is to be said of an error: its message, and what to do."""
    failure = known_failure(error) or internal_failure(error)
    return f"nightcrew: {failure.message}" + (f"\n{failure.hint}" if failure.hint else "")
