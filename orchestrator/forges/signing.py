"""Signatures of webhooks. Every comparison takes the same time, wherever two differ."""

from __future__ import annotations

import hashlib
import hmac


def hmac_sha256(secret: str, message: bytes) -> str:
    """Return a message's signature in hexadecimal digits."""
    return hmac.new(_bytes(secret), message, hashlib.sha256).hexdigest()


def signed(secret: str, message: bytes, signature: str) -> bool:
    """Say whether a signature is that of a message. Without a secret none is."""
    return bool(secret) and alike(hmac_sha256(secret, message), signature)


def alike(known: str, given: str) -> bool:
    """Compare two texts in constant time. Headers may hold anything, so bytes are compared."""
    return hmac.compare_digest(_bytes(known), _bytes(given))


def _bytes(text: str) -> bytes:
    # What comes from a header or a variable may be no Unicode.
    return text.encode("utf-8", "surrogatepass")
