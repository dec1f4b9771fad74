"""The program inside: one request comes over the channel, the suite is run or served, what happens goes back."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from . import channel, observe, plain, server


def main() -> None:
    """Answer the request on the channel that `NIGHTCREW_CHANNEL` names; ends the process."""
    link = channel.Channel(int(os.environ.pop("NIGHTCREW_CHANNEL")))
    plain.leave_no_trace(sys.path[0], os.getcwd())
    request = link.request()
    if request is None:
        sys.exit("the channel closed before a request came")
    status = _serve(request, link) if request["mode"] == "serve" else _run(request, link)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    # Threads and exit handlers of the tested code have had their time.
    os._exit(status)


def _run(request: dict[str, Any], link: channel.Channel) -> int:
    try:
        kind = importlib.import_module("_nightcrew_inside." + request["kind"] + "_kind")
    except ModuleNotFoundError as error:
        if error.name != request["kind"]:
            raise
        link.send({"t": "missing", "module": request["kind"], "python": sys.executable})
        return 1
    send = observe.Observation(request, link.send) if request.get("watch") else link.send
    status: int = kind.run(request, send)
    link.send({"t": "end", "status": status})
    return status


def _serve(request: dict[str, Any], link: channel.Channel) -> int:
    server.Hub(request, link).loop()
    return 0
