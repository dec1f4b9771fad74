"""An issuer of OpenID Connect, asked over HTTP: within a time and a size, and never led elsewhere. Alone in here imports the HTTP client."""

from __future__ import annotations

import asyncio
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from urllib.parse import quote_plus, urlsplit

import httpx2

from orchestrator.forges.payload import Payload, read_json
from orchestrator.plain import one_line
from orchestrator.web.identities import Client
from orchestrator.web.problems import Problem

ANSWER_S = 10.0
_REPLY_BYTES = 512 << 10
_KNOWN_S = 300.0
_URL_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where an issuer is asked for what, and how it wants to be asked (OpenID Connect Discovery 1.0)."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    posts_secret: bool
    """Whether it takes the secret in the body alone."""
    names_itself: bool
    """Whether its answers say whose they are (RFC 9207)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a code is exchanged for; good for the sign-in alone, and kept nowhere."""

    id: str = field(repr=False)
    access: str = field(repr=False)


class Issuer:
    """Asks an issuer. All raise `Problem` where it is away, or talks nonsense."""

    def __init__(self, client: Client, answer_s: float = ANSWER_S, ticks: Callable[[], float] = time.monotonic) -> None:
        self.client = client
        self._answer_s = answer_s
        self._ticks = ticks
        self._known: tuple[float, Metadata] | None = None

    async def metadata(self) -> Metadata:
        """Return where it is asked for what, as it said in the last minutes."""
        if self._known is None or self._ticks() - self._known[0] > _KNOWN_S:
            address = f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration"
            said = await self._ask("GET", address)
            self._known = self._ticks(), self._metadata(said)
        return self._known[1]

    async def keys(self) -> Payload:
        """Return its keys, as they are now: they change."""
        return await self._ask("GET", (await self.metadata()).keys)

    async def exchange(self, code: str, verifier: str, redirect: str) -> Tokens:
        """Return the tokens that a code is good for."""
        told = await self.metadata()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier,
        }
        headers = {}
        client = self.client
        if client.secret and not told.posts_secret:
            pair = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client.client_id} | ({"client_secret": client.secret} if client.secret else {})
        said = await self._ask("POST", told.token, headers, form)
        return Tokens(said.text("id_token"), said.text("access_token"))

    async def userinfo(self, access: str) -> Payload:
        """Return what it says of whoever a token is of; nothing where it says nothing there."""
        address = (await self.metadata()).userinfo
        if not address or not access.isascii() or not access.isprintable():
            return Payload({})
        return await self._ask("GET", address, {"Authorization": f"Bearer {access}"})

    def problem(self, why: str) -> Problem:
        """Return what is said of an issuer that cannot be asked, or understood."""
        return Problem(
            HTTPStatus.BAD_GATEWAY,
            "issuer-failed",
            f"{self.client.issuer} {why}",
            "try again in a minute; `nightcrew doctor` tells whoever administers this server what is in the way",
        )

    @cached_property
    def _authorities(self) -> ssl.SSLContext:
        # Reading them takes longer than all else, and a plain address needs none.
        plain = self.client.issuer.startswith("http://")
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else httpx2.create_ssl_context()

    def _metadata(self, said: Payload) -> Metadata:
        named = said.text("issuer")
        if named != self.client.issuer:
            raise self.problem(f"calls itself {one_line(named)!r}: config.toml must name it as it does itself")
        authorization, token, keys = (
            self._address(said, name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")
        )
        userinfo = said.text("userinfo_endpoint")
        ways = [each.text() for each in said.each("token_endpoint_auth_methods_supported")]
        return Metadata(
            authorization,
            token,
            keys,
            userinfo if self._sound(userinfo) else "",
            posts_secret="client_secret_post" in ways and "client_secret_basic" not in ways,
            names_itself=said.flag("authorization_response_iss_parameter_supported"),
        )

    def _address(self, said: Payload, name: str) -> str:
        address = said.text(name)
        if not self._sound(address):
            raise self.problem(f"names no {name} that can be used")
        return address

    def _sound(self, address: str) -> bool:
        """Say whether an address may be asked: over TLS, unless the issuer itself is a plain one of this machine."""
        if not address or len(address) > _URL_CHARACTERS or not address.isascii() or not address.isprintable():
            return False
        try:
            parts = urlsplit(address)
            httpx2.URL(address)
        except (ValueError, httpx2.InvalidURL):
            return False
        schemes = ("https", urlsplit(self.client.issuer).scheme)
        return parts.scheme in schemes and bool(parts.hostname) and not parts.fragment and " " not in address

    async def _ask(
        self, method: str, address: str, headers: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
    ) -> Payload:
        try:
            async with asyncio.timeout(self._answer_s):
                status, body = await self._answer(method, address, headers, form)
        except TimeoutError:
            raise self.problem(f"took more than {self._answer_s:g} s for an answer") from None
        # Authorities that cannot be read are an `OSError`.
        except (httpx2.HTTPError, OSError) as error:
            raise self.problem(f"cannot be reached ({one_line(str(error) or type(error).__name__, 200)})") from None
        said = read_json(body)
        if status != HTTPStatus.OK or said is None or not isinstance(said.value, dict):
            word = one_line(said.text("error")) if said is not None else ""
            raise self.problem(f"answered {urlsplit(address).path} with {status}" + (f" ({word})" if word else ""))
        return said

    async def _answer(
        self, method: str, address: str, headers: Mapping[str, str] | None, form: Mapping[str, str] | None
    ) -> tuple[int, bytes]:
        # Nothing packed: a small reply would unpack to one without end.
        own = {"User-Agent": "nightcrew", "Accept": "application/json", "Accept-Encoding": "identity"}
        async with (
            httpx2.AsyncClient(
                headers=own, verify=self._authorities, timeout=self._answer_s, follow_redirects=False
            ) as client,
            client.stream(method, address, headers=dict(headers or {}), data=dict(form) if form else None) as response,
        ):
            read = bytearray()
            async for piece in response.aiter_raw():
                read += piece
                if len(read) > _REPLY_BYTES:
                    raise self.problem(f"answered with more than {_REPLY_BYTES >> 10} KB")
            return response.status_code, bytes(read)
