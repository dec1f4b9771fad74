"""An issuer on loopback that says what a test has it say, and lies as it is told."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

Handler = BaseHTTPRequestHandler
CLIENT_ID = "nightcrew"


@cache
def key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return a key, the same one for the same number."""
    del number
    return rsa.generate_private_key(65537, bits)


def public_jwk(public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> dict[str, Any]:
    """Return a public key as a JWK."""
    kind = jwt.algorithms.RSAAlgorithm if isinstance(public, rsa.RSAPublicKey) else jwt.algorithms.ECAlgorithm
    written: dict[str, Any] = json.loads(kind.to_jwk(public))  # type: ignore[arg-type]
    return written


def jwk(number: int = 0, bits: int = 2048, **more: object) -> dict[str, Any]:
    """Return the public half of a key as a JWK."""
    return {**public_jwk(key(number, bits).public_key()), "kid": f"key {number}", "use": "sig", "alg": "RS256", **more}


@dataclass
class Hostile:
    """What it says: documents by path, or what writes the answer itself; `claims` and `sign` make the ID token."""

    url: str
    nonce: str = ""
    claims: dict[str, object] = field(default_factory=dict)
    keys: list[dict[str, Any]] = field(default_factory=lambda: [jwk()])
    sign: Callable[[dict[str, object]], str] = lambda claims: signed(claims)
    said: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def metadata(self) -> dict[str, object]:
        """Return what it says of itself."""
        where = {
            "authorization_endpoint": "auth",
            "token_endpoint": "token",
            "jwks_uri": "keys",
            "userinfo_endpoint": "me",
        }
        return {"issuer": self.url, **{name: f"{self.url}/{path}" for name, path in where.items()}}

    def token(self) -> str:
        """Return an ID token for the sign-in of the present nonce."""
        now = time.time()
        own: dict[str, object] = {"iss": self.url, "aud": CLIENT_ID, "sub": "1", "nonce": self.nonce}
        own |= {"iat": int(now), "exp": int(now) + 300, "email": "ann@example.org", "email_verified": True}
        return self.sign({name: value for name, value in {**own, **self.claims}.items() if value is not None})

    def answer(self, handler: Handler) -> None:
        """Answer a request."""
        path = handler.path.rpartition("/")[2]
        self.asked.append(path)
        own: dict[str, Callable[[], object]] = {
            "openid-configuration": self.metadata,
            "keys": lambda: {"keys": self.keys},
            "token": lambda: {"id_token": self.token(), "access_token": "a", "token_type": "Bearer"},
            "me": lambda: {"sub": "1"},
        }
        told = self.said[path] if path in self.said else own[path]()
        if callable(told):
            told(handler)
        else:
            reply(handler, 200, told if isinstance(told, bytes) else json.dumps(told).encode())


def signed(
    claims: dict[str, object], number: int = 0, bits: int = 2048, algorithm: str = "RS256", **header: str
) -> str:
    """Return a token, signed."""
    return jwt.encode(claims, key(number, bits), algorithm, {"kid": f"key {number}", **header})


def reply(handler: Handler, status: int, body: bytes, **headers: str) -> None:
    """Send a whole answer."""
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def lying(tls: ssl.SSLContext | None = None) -> Iterator[Hostile]:
    """Run one for as long as the block lasts."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # Who asks may have had enough of it.
            with suppress(ConnectionError):
                issuer.answer(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    issuer = Hostile(f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield issuer
    finally:
        issuer.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
