"""Signing in at an issuer: the authorization code flow of OpenID Connect with PKCE, bound to the browser that began it, and good once."""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from orchestrator.forges.payload import Payload
from orchestrator.plain import one_line
from orchestrator.web.guard import Rate
from orchestrator.web.identities import Identities, Identity
from orchestrator.web.idtoken import NotBelieved, believed
from orchestrator.web.issuer import Issuer
from orchestrator.web.people import Person
from orchestrator.web.problems import Problem

BACK = "/enter/oidc/callback"
SIGN_IN_S = 600
_TEXT_CHARACTERS = 4_096


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a browser goes to sign in, and what it must bring back in a cookie."""

    location: str
    cookie: str
    lasts_s: int


class SignIn:
    """Signs people in at one issuer. `address` is the one by which browsers reach this server.

    What a sign-in is known by (state, nonce, PKCE's verifier) is made of the browser's cookie with a key of this process: none of it is
    kept, and none of it can be made elsewhere.
    """

    def __init__(
        self, issuer: Issuer, identities: Identities, address: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._issuer = issuer
        self._identities = identities
        self.address = address
        self.beginning = Rate(1.0, 20)
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._used: dict[str, float] = {}

    @property
    def name(self) -> str:
        """Return what the issuer is called on the page."""
        return self._issuer.client.name

    @property
    def host(self) -> str:
        """Return the name by which this server is asked for when somebody signs in."""
        return urlsplit(self.address).netloc

    @property
    def cookie(self) -> str:
        """Return the cookie's name: where there is TLS, one that no neighbouring host can set."""
        return "__Host-nightcrew-oidc" if self.secure else "nightcrew-oidc"

    @property
    def secure(self) -> bool:
        """Say whether browsers speak TLS with this server."""
        return self.address.startswith("https:")

    async def begin(self) -> Begun:
        """Begin a sign-in. Raises `Problem`."""
        told, client = await self._issuer.metadata(), self._issuer.client
        cookie = f"{int(self._clock())}.{secrets.token_urlsafe(32)}"
        asked = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": self.address + BACK,
            "scope": " ".join(dict.fromkeys(("openid", *client.scopes))),
            "state": self._made("state", cookie),
            "nonce": self._made("nonce", cookie),
            "code_challenge": _text(sha256(self._made("verifier", cookie).encode()).digest()),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(told.authorization).query else "?"
        return Begun(f"{told.authorization}{joint}{urlencode(asked)}", cookie, SIGN_IN_S)

    async def identity(self, cookie: str, said: Mapping[str, str]) -> Identity:
        """Return whom the issuer says a browser is of, by its cookie and what it was sent back with. Raises `Problem`."""
        self._take(cookie, said.get("state", ""))
        told, client = await self._issuer.metadata(), self._issuer.client
        if said.get("iss", client.issuer if not told.names_itself else "") != client.issuer:
            raise self._not_believed("the answer is of another issuer")
        if "error" in said or not 0 < len(said.get("code", "")) <= _TEXT_CHARACTERS:
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "issuer-refused",
                f"{client.issuer} did not sign you in: {one_line(said.get('error', ''), 100) or 'it sent no code'}",
                "begin again, or ask there",
            )
        tokens = await self._issuer.exchange(said["code"], self._made("verifier", cookie), self.address + BACK)
        try:
            nonce = self._made("nonce", cookie)
            claims = believed(tokens.id, await self._issuer.keys(), client.issuer, client.client_id, nonce)
        except NotBelieved as error:
            raise self._not_believed(str(error)) from error
        return client.policy.identity(client.issuer, await self._whole(claims, tokens.access))

    def admit(self, who: Identity) -> Person:
        """Return the user that somebody is here. Raises `Problem` for whoever may not come in."""
        return self._identities.admit(who, self._issuer.client.policy.role(who))

    def _take(self, cookie: str, state: str) -> None:
        """Take a sign-in that was begun: by this browser, in the last minutes, and for the first time. Raises `Problem`."""
        at = cookie.partition(".")[0]
        now = self._clock()
        self._used = {used: until for used, until in self._used.items() if until > now}
        mine = hmac.compare_digest(self._made("state", cookie).encode(), state.encode("utf-8", "surrogatepass"))
        # Whose state is right has a cookie of ours, which begins with a number.
        if not mine or now - int(at) > SIGN_IN_S or state in self._used:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "sign-in-over",
                "this sign-in was not begun in this browser, took too long, or was used before",
                "begin again at /enter",
            )
        self._used[state] = now + SIGN_IN_S

    async def _whole(self, claims: Payload, access: str) -> Payload:
        """Return claims with those that the issuer tells elsewhere, where any is missing that somebody may be let in by."""
        policy = self._issuer.client.policy
        wanted = ["email", "email_verified", *([policy.claim] if policy.roles else [])]
        if all(claims.has(each) for each in wanted):
            return claims
        more = await self._issuer.userinfo(access)
        if not more:
            return claims
        if more.text("sub") != claims.text("sub"):
            raise self._not_believed("it tells of somebody else")
        assert isinstance(more.value, dict) and isinstance(claims.value, dict)
        return Payload({**more.value, **claims.value})

    def _made(self, what: str, cookie: str) -> str:
        return _text(hmac.digest(self._key, f"{what} {cookie}".encode("utf-8", "surrogatepass"), "sha256"))

    def _not_believed(self, why: str) -> Problem:
        return Problem(
            HTTPStatus.BAD_GATEWAY,
            "issuer-not-believed",
            f"what {self._issuer.client.issuer} said is not believed: {one_line(why, 200)}",
            "begin again at /enter; where it stays so, tell whoever administers this server",
        )


def _text(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
