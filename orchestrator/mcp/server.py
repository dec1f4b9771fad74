"""The protocol, on standard input and output. The only module that imports `mcp`; it runs in a thread of its own, so that the work is done
where Ctrl-C arrives, as for every other command.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from types import FrameType
from typing import Any

from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import (
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from agents import RefusedCall, ToolCall, arguments_of
from orchestrator.mcp.answers import refused, safe
from orchestrator.mcp.desk import Answer, Desk
from orchestrator.mcp.tools import INSTRUCTIONS, OFFERS, TOOLS, Offer

_Context = ServerRequestContext[Any, Any]


def opened() -> Desk:
    """Serve the protocol in a thread of its own and return the desk at which its calls arrive. Call this from the main thread."""
    main = threading.main_thread().ident
    assert main is not None
    signal.signal(signal.SIGTERM, _interrupt)
    desk = Desk(lambda: signal.pthread_kill(main, signal.SIGTERM))
    threading.Thread(target=_serve, args=(desk,), name="protocol", daemon=True).start()
    return desk


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    """End as Ctrl-C does, once: a client that left terminates the server a moment later, and that must not cut off what keeps the work."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def _serve(desk: Desk) -> None:
    try:
        asyncio.run(_converse(desk))
    finally:
        desk.leave()


async def _converse(desk: Desk) -> None:
    async def listed(_: _Context, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[_shown(offer) for offer in OFFERS])

    async def called(context: _Context, params: CallToolRequestParams) -> CallToolResult:
        return _result(await _answered(desk, context, params.name, params.arguments or {}))

    server = Server(
        "nightcrew",
        version=version("nightcrew"),
        title="nightcrew",
        instructions=INSTRUCTIONS,
        on_list_tools=listed,
        on_call_tool=called,
    )
    # It takes both descriptors for itself: what else prints goes to standard error, and no child reads the client's calls.
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def _answered(desk: Desk, context: _Context, name: str, arguments: Mapping[str, object]) -> Answer:
    # Clients send null for what they leave out.
    given = {key: value for key, value in arguments.items() if value is not None}
    checked = arguments_of(ToolCall("", name, json.dumps(given)), TOOLS)
    if isinstance(checked, RefusedCall):
        return refused(checked.why)
    if name == "status":
        return _status(desk)
    loop, count = asyncio.get_running_loop(), itertools.count(1)

    def progress(text: str) -> None:
        # Where the loop has ended by now, nobody listens.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(
                lambda: loop.create_task(context.session.report_progress(next(count), message=text))
            )

    return await asyncio.wrap_future(desk.hand_in(name, checked, progress))


def _status(desk: Desk) -> Answer:
    """Return how things stand; this asks nobody, so it is answered whatever else is going on."""
    standing, busy = desk.standing, desk.in_hand
    data = {
        "ticket": standing.ticket or None,
        "busy_with": busy.name if busy else None,
        "latest": standing.latest,
        "seconds_left": standing.seconds_left(),
        "shadows": list(standing.shadows),
        "last": dict(standing.last.data, text=standing.last.text) if standing.last else None,
    }
    if not standing.ticket:
        text = "No ticket is open: `begin` one." + (
            f" The last one ended so: {standing.last.text}" if standing.last else ""
        )
        return Answer(text, data)
    left = f", {data['seconds_left']:g} seconds are left" if data["seconds_left"] is not None else ""
    doing = f"`{busy.name}` is being done: {standing.latest}" if busy else "nothing is being done"
    return Answer(f"Ticket {standing.ticket} is open{left}; {doing}.", data)


def _shown(offer: Offer) -> Tool:
    hints = ToolAnnotations(
        title=offer.title,
        read_only_hint=offer.reads,
        destructive_hint=offer.ends,
        idempotent_hint=offer.reads,
        open_world_hint=False,
    )
    return Tool(
        name=offer.name,
        title=offer.title,
        description=offer.tool.description,
        input_schema=dict(offer.tool.parameters),
        output_schema=dict(offer.output),
        annotations=hints,
    )


def _result(answer: Answer) -> CallToolResult:
    content = [TextContent(type="text", text=str(safe(answer.text)))]
    if answer.refused:
        return CallToolResult(content=list(content), is_error=True)
    return CallToolResult(content=list(content), structured_content=safe(answer.data))
