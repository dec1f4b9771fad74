"""ID tokens: whether what one says is to be believed (OpenID Connect Core 1.0, 3.1.3.7). Alone imports the library for signatures."""

from __future__ import annotations

import jwt

from orchestrator.forges.payload import Payload

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""What a token may be signed with: never nothing, nor a secret that both sides know."""
_LEEWAY_S = 60.0
_CHARACTERS = 64 << 10
_KEYS = 100
_FAMILIES = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_PUBLIC = ("kty", "n", "e", "crv", "x", "y")


class NotBelieved(ValueError):
    """Raised when a token is not one of the issuer, for this server, for this sign-in, or not good now."""


def believed(token: str, keys: Payload, issuer: str, client_id: str, nonce: str) -> Payload:
    """Return what an ID token says; `keys` is the issuer's JWK Set. Raises `NotBelieved`."""
    if len(token) > _CHARACTERS:
        raise NotBelieved("it is too long")
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise NotBelieved("it is signed in a way that is not taken")
        said = _read(token, _key(keys, str(algorithm), header.get("kid")), issuer, client_id)
    # What is no JSON, or goes too deep, or has values that are no numbers, comes as one of the builtins.
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise error if isinstance(error, NotBelieved) else NotBelieved(str(error)) from error
    audience, party = said.get("aud"), said.get("azp")
    several = isinstance(audience, list) and len(audience) > 1
    if (party is not None or several) and party != client_id:
        raise NotBelieved("it is for another party")
    if said.get("nonce") != nonce:
        raise NotBelieved("it is of another sign-in")
    return Payload(said)


def _read(token: str, key: jwt.PyJWK, issuer: str, client_id: str) -> dict[str, object]:
    return jwt.decode(
        token,
        key,
        algorithms=[key.algorithm_name],
        audience=client_id,
        issuer=issuer,
        leeway=_LEEWAY_S,
        options={"require": ["exp", "iat", "iss", "aud", "sub"], "enforce_minimum_key_length": True},
    )


def _key(keys: Payload, algorithm: str, id: object) -> jwt.PyJWK:
    """Return the key that a token names; where it names none, the only one that fits. Raises `NotBelieved`."""
    family = _FAMILIES[algorithm[:2]]
    fitting = [
        each
        for each in keys.each("keys")[:_KEYS]
        if each.text("kty") == family
        and each.text("use") in ("", "sig")
        and each.text("alg") in ("", algorithm)
        and (id is None or each.text("kid") == id)
    ]
    if len(fitting) != 1:
        raise NotBelieved(
            "it does not say by which of the issuer's keys" if fitting else "none of the issuer's keys fits"
        )
    public = {name: fitting[0].text(name) for name in _PUBLIC if fitting[0].has(name)}
    return jwt.PyJWK(public, algorithm)
