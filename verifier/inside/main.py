"""The program inside: one request comes over the channel, the suite is run or served, what happens goes back."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, Callable

from . import channel, plain

if TYPE_CHECKING:
    from .observe import Observation
    from .server import Hub


def main() -> None:
    """Answer the request on the channel that `NIGHTCREW_CHANNEL` names; ends the process."""
    link = channel.Channel(int(os.environ.pop("NIGHTCREW_CHANNEL")))
    request = link.request()
    if request is None:
        sys.exit("the channel closed before a request came")
    work = _work(request, link)
    plain.leave_no_trace(sys.path[0], os.getcwd())
    status = work()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # Threads and exit handlers of the tested code have had their time.
    os._exit(status)


def _work(request: dict[str, Any], link: channel.Channel) -> Callable[[], int]:
    """Return what to do, with what it takes imported while no module of the project's can be met instead of the standard library's.

    A run takes little of it: a suite is started many times for a ticket.
    """
    if request["mode"] == "serve":
        from .server import Hub

        return lambda: _serve(Hub, request, link)
    if request.get("watch"):
        from .observe import Observation

        return lambda: _run(request, link, Observation)
    return lambda: _run(request, link)


def _run(request: dict[str, Any], link: channel.Channel, observed: type[Observation] | None = None) -> int:
    try:
        kind = importlib.import_module("_nightcrew_inside." + request["kind"] + "_kind")
    except ModuleNotFoundError as error:
        if error.name != request["kind"]:
            raise
        link.send({"t": "missing", "module": request["kind"], "python": sys.executable})
        return 1
    status: int = kind.run(request, observed(request, link.send) if observed else link.send)
    link.send({"t": "end", "status": status})
    return status


def _serve(hub: type[Hub], request: dict[str, Any], link: channel.Channel) -> int:
    hub(request, link).loop()
    return 0
