"""Which names hold secrets."""

from __future__ import annotations

import pytest

from shadowfs.secrets import hiding


@pytest.mark.parametrize(
    "path",
    [b".env", b"a/b/.env", b".env.production", b".netrc", b".git-credentials", b".pypirc", b"x/id_rsa", b"id_ed25519"],
)
def test_some_names_are_hidden_tracked_or_not(path: bytes) -> None:
    assert hiding()(path, True) and hiding()(path, False)


@pytest.mark.parametrize("path", [b"tls/server.key", b"a.p12", b"a.pfx", b"pw.kdbx", b"web-key.pem"])
def test_others_only_where_untracked_and_no_package_brings_them(path: bytes) -> None:
    assert hiding()(path, False)
    assert not hiding()(path, True)
    assert not hiding()(b"venv/lib/python3.11/site-packages/x/" + path, False)
    assert not hiding()(b"node_modules/x/" + path, False)


@pytest.mark.parametrize(
    "path",
    [
        b".env.example",
        b".env.sample",
        b".env.template",
        b".env.dist",
        b".envrc.py",
        b"environment",
        b"id_rsa.pub",
        b"cert.pem",
    ],
)
def test_examples_and_public_parts_are_not_hidden(path: bytes) -> None:
    assert not hiding()(path, False)


def test_further_patterns_are_of_names_or_of_paths() -> None:
    hidden = hiding(("*.secret", "deploy/*.yaml"))
    assert hidden(b"a/b.secret", True)
    assert hidden(b"deploy/prod.yaml", True)
    assert not hidden(b"prod.yaml", True)
    assert not hidden(b"other/deploy/prod.yaml", True)
    assert not hidden(b"caf\xe9.txt", False)
