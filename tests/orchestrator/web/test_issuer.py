"""Asking an issuer: over TLS that is checked, and not at all more than is needed."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from orchestrator.web.identities import Client
from orchestrator.web.issuer import Issuer
from orchestrator.web.problems import Problem
from tests.orchestrator.web.hostile_issuer import jwk, key, lying


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Return a certificate of this machine that it signed itself, with its key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key().public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(here, critical=False)
        .sign(key(), hashes.SHA256())
    )
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key().private_bytes(encoding, form, serialization.NoEncryption())
    path = tmp_path / "certificate.pem"
    path.write_bytes(secret + made.public_bytes(encoding))
    return path


def test_an_issuer_is_believed_over_tls_of_an_authority_alone(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with lying(context) as issuer:
        client = Client(issuer.url, "nightcrew")
        with pytest.raises(Problem, match=r"cannot be reached .*certificate verify failed"):
            asyncio.run(Issuer(client).keys())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert asyncio.run(Issuer(client).keys()).value == {"keys": [jwk()]}
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_name("none")))
        with pytest.raises(Problem, match="cannot be reached"):
            asyncio.run(Issuer(client).keys())


def test_an_issuer_over_tls_names_no_plain_address() -> None:
    secure = Issuer(Client("https://id.example.org", "nightcrew"))
    assert secure._sound("https://keys.example.net/x?y=z")
    for address in ("http://id.example.org/token", "//id.example.org", "https://", "https://a b/", "https://[a/", "é"):
        assert not secure._sound(address), address


def test_what_an_issuer_says_of_itself_is_asked_for_again_after_minutes() -> None:
    now = [0.0]
    with lying() as issuer:
        asking = Issuer(Client(issuer.url, "nightcrew"), ticks=lambda: now[0])

        async def several() -> None:
            for at in (0.0, 299.0, 301.0):
                now[0] = at
                await asking.metadata()

        asyncio.run(several())
        assert issuer.asked == ["openid-configuration"] * 2
