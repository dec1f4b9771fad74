"""ID tokens: the ones that are believed, and all the others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.forges.payload import Payload
from orchestrator.web.idtoken import NotBelieved, believed
from tests.orchestrator.web.hostile_issuer import jwk, key, public_jwk, signed

ISSUER, CLIENT, NONCE = "https://id.example.org", "nightcrew", "nonce"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


def claims(**more: object) -> dict[str, object]:
    now = int(time.time())
    own = {"iss": ISSUER, "aud": CLIENT, "sub": "1", "nonce": NONCE, "iat": now, "exp": now + 300, **more}
    return {name: value for name, value in own.items() if value is not None}


def read(token: str, *keys: dict[str, object]) -> Payload:
    return believed(token, Payload({"keys": list(keys or (jwk(),))}), ISSUER, CLIENT, NONCE)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def by_hand(header: dict[str, object], said: dict[str, object], secret: bytes | None) -> str:
    told = f"{part(header)}.{part(said)}"
    mac = b"" if secret is None else hmac.digest(secret, told.encode(), hashlib.sha256)
    return f"{told}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"


def public_pem() -> bytes:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key().public_key().public_bytes(serialization.Encoding.PEM, kind)


def test_what_the_issuer_signed_for_this_sign_in_is_believed() -> None:
    assert read(signed(claims())).text("sub") == "1"
    assert read(signed(claims(aud=[CLIENT]), algorithm="PS256"), jwk(alg="PS256")).text("sub") == "1"
    assert read(signed(claims(aud=[CLIENT, "other"], azp=CLIENT)), jwk(2), jwk()).text("sub") == "1"


def test_other_curves_are_taken_too() -> None:
    made = ec.generate_private_key(ec.SECP256R1())
    public = {**public_jwk(made.public_key()), "kid": "ec"}
    assert read(jwt.encode(claims(), made, "ES256", {"kid": "ec"}), jwk(), public).text("sub") == "1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": []},
        {"aud": None},
        {"aud": [CLIENT, "another"]},
        {"azp": "another"},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"exp": int(time.time()) - 120},
        {"exp": None},
        {"exp": "soon"},
        {"iat": int(time.time()) + 3600},
        {"iat": None},
        {"nbf": int(time.time()) + 3600},
        {"sub": None},
        {"sub": 1},
    ],
)
def test_a_token_that_says_something_else_is_not_believed(wrong: dict[str, object]) -> None:
    with pytest.raises(NotBelieved):
        read(signed(claims(**wrong)))


@pytest.mark.parametrize(
    "forge",
    [
        lambda: by_hand({"alg": "none"}, claims(), None),
        lambda: by_hand({"alg": "none", "kid": "key 0"}, claims(), None),
        lambda: by_hand({"alg": "HS256", "kid": "key 0"}, claims(), public_pem()),
        lambda: by_hand({"alg": "HS256", "kid": "key 0"}, claims(), json.dumps(jwk()).encode()),
        lambda: by_hand({"alg": "HS256"}, claims(), b""),
        lambda: by_hand({"alg": ["RS256"], "kid": "key 0"}, claims(), None),
        lambda: by_hand({"alg": "RS256", "kid": "key 0"}, claims(), None),
        lambda: signed(claims(), 1, kid="key 0"),
        lambda: signed(claims(), 1),
        lambda: signed(claims(), 1, jwk=jwk(1), kid="key 0"),  # type: ignore[arg-type]
        lambda: signed(claims(), algorithm="RS512"),
        lambda: signed(claims())[:-3],
        lambda: signed(claims()).rpartition(".")[0],
        lambda: signed(claims(padding="x" * 70_000)),
        lambda: "",
        lambda: "..",
        lambda: "é.é.é",
    ],
)
def test_a_token_that_the_issuer_did_not_sign_is_not_believed(forge: Callable[[], str]) -> None:
    with pytest.raises(NotBelieved):
        read(forge())


@pytest.mark.parametrize(
    "keys",
    [
        [{"kty": "oct", "k": "AAAA", "kid": "key 0"}],
        [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA", "kid": "key 0"}],
        [jwk(use="enc")],
        [jwk(), jwk()],
        [jwk(n="!")],
        [{"kty": "RSA", "kid": "key 0"}],
        [7, None, []],
        [],
    ],
)
def test_without_one_key_that_fits_nothing_is_believed(keys: list[object]) -> None:
    with pytest.raises(NotBelieved):
        believed(signed(claims()), Payload({"keys": keys}), ISSUER, CLIENT, NONCE)


def test_a_key_that_is_too_short_is_none() -> None:
    short = key(0, 1024)
    public = {**public_jwk(short.public_key()), "kid": "key 0"}
    with pytest.warns(match="below"):
        token = signed(claims(), 0, 1024)
    with pytest.raises(NotBelieved):
        read(token, public)


@given(JSON, JSON, JSON)
def test_nothing_that_anybody_writes_is_more_than_not_believed(header: object, said: object, keys: object) -> None:
    header = {"alg": "RS256", "kid": "key 0", **header} if isinstance(header, dict) else header
    for token in (f"{part(header)}.{part(said)}.AAAA", str(said)):
        with pytest.raises(NotBelieved):
            believed(token, Payload({"keys": [keys, {"kty": "RSA", "n": said, "e": "AQAB"}]}), ISSUER, CLIENT, NONCE)


def test_a_token_without_bottom_is_not_believed() -> None:
    deep = base64.urlsafe_b64encode(b'{"a":' * 9_000 + b"1" + b"}" * 9_000).rstrip(b"=").decode()
    with pytest.raises(NotBelieved):
        read(f"{deep}.{deep}.AAAA")
