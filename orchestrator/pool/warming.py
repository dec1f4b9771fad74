"""Warmth: a ticket's stable prefix, sent ahead with room for one token, finds its replica and fills that one's cache while a sandbox is built."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from orchestrator.pool.asked import TICKET

_WAIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Warming:
    """Warms at a pool's address (`http://…/v1`), with a key where it takes one. What goes wrong costs warmth alone."""

    base_url: str
    model: str
    key: str = ""
    wait_s: float = _WAIT_S

    def warm(
        self, ticket: str, messages: Sequence[Mapping[str, object]], tools: Sequence[Mapping[str, object]] = ()
    ) -> bool:
        """Send what all requests of a ticket will begin with; say whether a replica took it."""
        body: dict[str, object] = {"model": self.model, "messages": list(messages), "max_tokens": 1}
        if tools:
            body["tools"] = list(tools)
        at = urlsplit(self.base_url)
        kind = http.client.HTTPSConnection if at.scheme == "https" else http.client.HTTPConnection
        connection = kind(at.hostname or "", at.port, timeout=self.wait_s)
        headers = {"Content-Type": "application/json", TICKET: ticket}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        try:
            connection.request("POST", f"{at.path.rstrip('/')}/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        return answer.status == 200

    def begin(
        self, ticket: str, messages: Sequence[Mapping[str, object]], tools: Sequence[Mapping[str, object]] = ()
    ) -> threading.Thread:
        """Warm beside whatever else is done."""
        thread = threading.Thread(target=self.warm, args=(ticket, messages, tools), daemon=True)
        thread.start()
        return thread
