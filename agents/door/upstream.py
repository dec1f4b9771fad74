"""The model's server, asked with the bytes of a program's call and the real key. Nothing else imports the HTTP client."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2

from agents.door.limits import DoorLimits
from agents.door.refused import Refused
from agents.models import Endpoint
from agents.wording import plain

_ERROR_BYTES = 64 << 10
_QUOTED = 500
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError, httpx2.UnsupportedProtocol)
"""No connection was made: whatever else breaks off may have been read."""


class Upstream:
    """Asks one endpoint, over a connection for each call; as an async context manager it holds them."""

    def __init__(self, endpoint: Endpoint, limits: DoorLimits) -> None:
        self._endpoint = endpoint
        self._limits = limits
        bare = endpoint.base_url.startswith("http://")
        timeout = httpx2.Timeout(None, connect=limits.patience.connect_s)
        # Reading the authorities takes longer than all else, and a plain address needs none.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if bare else True
        # None is used twice: one that the server closes at that moment looks as if the call had been read, which costs.
        fresh = httpx2.Limits(max_keepalive_connections=0)
        self._client = httpx2.AsyncClient(verify=verify, timeout=timeout, limits=fresh)

    async def __aenter__(self) -> Upstream:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aclose()

    @asynccontextmanager
    async def ask(self, body: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send a call and give the pieces of its reply. Raises `Refused`, also while they come."""
        url = self._endpoint.base_url.rstrip("/") + "/chat/completions"
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "nightcrew"}
        headers |= self._endpoint.headers()
        if self._endpoint.key is not None:
            headers["Authorization"] = f"Bearer {self._endpoint.key.reveal()}"
        # In ASCII: a lone surrogate, which JSON can name, could not be sent otherwise.
        request = self._client.build_request("POST", url, content=json.dumps(body).encode(), headers=headers)
        response = await self._within(self._client.send(request, stream=True), self._limits.patience.first_s)
        try:
            if response.status_code != 200:
                raise await self._refusal(response)
            yield self._pieces(response)
        finally:
            await response.aclose()

    async def _within(self, work: Any, limit_s: float) -> Any:
        try:
            async with asyncio.timeout(limit_s):
                return await work
        except TimeoutError:
            raise Refused(504, "timeout", f"the model's server sent nothing for {limit_s:g} s") from None
        except httpx2.TransportError as error:
            said = self._said(str(error) or type(error).__name__)
            why = f"the model's server cannot be reached, or broke off ({said})"
            raise Refused(502, "unreachable", why, free=isinstance(error, _UNSENT)) from None

    async def _pieces(self, response: httpx2.Response) -> AsyncIterator[bytes]:
        pieces, come = response.aiter_bytes(), 0
        limit_s = self._limits.patience.first_s
        while piece := await self._within(anext(pieces, b""), limit_s):
            come += len(piece)
            if come > self._limits.reply_bytes:
                raise Refused(502, "too_long", f"the model's server sent more than {self._limits.reply_bytes} bytes")
            limit_s = self._limits.patience.idle_s
            yield piece

    async def _refusal(self, response: httpx2.Response) -> Refused:
        status = response.status_code
        if status in (401, 403):
            # Servers quote keys in part.
            return Refused(
                status,
                "invalid_api_key",
                "the model's server does not take nightcrew's key: whoever runs it can mend that",
                free=True,
            )
        said = b""
        # An error whose words do not come whole is one nevertheless.
        with suppress(Refused):
            async for piece in self._pieces(response):
                said += piece
                if len(said) > _ERROR_BYTES:
                    break
        words = f"the model's server answered {status}: {self._said(said.decode('utf-8', 'replace'))}"
        if status < 400:
            return Refused(502, "redirected", words, free=status >= 300)
        headers = {
            name: response.headers[name] for name in ("retry-after", "retry-after-ms") if name in response.headers
        }
        return Refused(status, "upstream", words, headers, free=True)

    def _said(self, words: str) -> str:
        said = " ".join(self._endpoint.scrub(plain(words)).split())
        return said if len(said) <= _QUOTED else f"{said[:_QUOTED]}…"
