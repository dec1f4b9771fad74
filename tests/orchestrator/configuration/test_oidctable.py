"""The table `[oidc]`: what it takes, what it refuses, and that a secret stands in no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.configuration.config import MachineConfig, read_machine
from orchestrator.errors import BadConfig
from orchestrator.web.identities import Policy
from orchestrator.web.oidccheck import issuer_checks
from orchestrator.web.people import Role
from tests.orchestrator.web.hostile_issuer import lying

LEAST = 'issuer = "https://id.example.org/realm"\nclient_id = "nightcrew"\n'


def machine(folder: Path, text: str) -> MachineConfig:
    (folder / "nightcrew").mkdir(parents=True, exist_ok=True)
    (folder / "nightcrew" / "config.toml").write_text(text, "utf-8")
    return read_machine({"XDG_CONFIG_HOME": str(folder)}, folder)


def test_without_the_table_nobody_is_signed_in(tmp_path: Path) -> None:
    assert machine(tmp_path, "").oidc.client({}) is None


def test_the_least_lets_nobody_in(tmp_path: Path) -> None:
    client = machine(tmp_path, f"[oidc]\n{LEAST}").oidc.client({})
    assert client is not None
    assert (client.name, client.secret, client.policy) == ("id.example.org", "", Policy())


def test_roles_are_given_by_claims_mail_addresses_and_subjects(tmp_path: Path) -> None:
    roles = 'roles = { night = "review" }\nemails = { "Ann@Example.org" = "administer" }\nsubjects = { "7" = "file" }\n'
    told = 'claim = "roles"\nname = "Example"\nscopes = ["roles"]\nclient_secret_env = "SECRET"\n'
    client = machine(tmp_path, f"[oidc]\n{LEAST}{told}{roles}").oidc.client({"SECRET": "hidden"})
    assert client is not None
    assert (client.name, client.secret, client.scopes) == ("Example", "hidden", ("roles",))
    assert client.policy == Policy(
        "roles", {"night": Role.REVIEW}, {"ann@example.org": Role.ADMINISTER}, {"7": Role.FILE}
    )
    assert "hidden" not in repr(client)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{LEAST}client_secret = 'x'\n", "`oidc.client_secret` is no key"),
        (f"{LEAST}role = {{}}\n", "did you mean `oidc.roles`"),
        (f"{LEAST}roles = {{ a = 'root' }}\n", "`oidc.roles.a` is 'root'"),
        (f"{LEAST}emails = ['ann@example.org']\n", "`oidc.emails`"),
        ("issuer = 'https://id.example.org'\n", "needs `issuer` and `client_id`"),
        ("roles = { a = 'file' }\n", "needs `issuer` and `client_id`"),
        ("issuer = 'http://id.example.org'\nclient_id = 'a'\n", "an issuer is an https address"),
        ("issuer = 'https://id.example.org/?a'\nclient_id = 'a'\n", "an issuer is an https address"),
        ("issuer = 'https://a:b@id.example.org'\nclient_id = 'a'\n", "an issuer is an https address"),
        ("issuer = 'https://'\nclient_id = 'a'\n", "an issuer is an https address"),
        ("issuer = 'https://[::1'\nclient_id = 'a'\n", "`oidc.issuer`"),
    ],
)
def test_what_is_unknown_or_wrong_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadConfig) as raised:
        machine(tmp_path, f"[oidc]\n{text}")
    assert told in str(raised.value)


def test_a_secret_that_is_not_set_is_named(tmp_path: Path) -> None:
    table = machine(tmp_path, f"[oidc]\n{LEAST}client_secret_env = 'SECRET'\n").oidc
    with pytest.raises(BadConfig, match="names SECRET, which is not set"):
        table.client({})


def test_the_doctor_tells_whether_the_issuer_answers(tmp_path: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert list(issuer_checks(environ, tmp_path)) == []
    with lying() as issuer:
        machine(tmp_path, f"[oidc]\nissuer = '{issuer.url}'\nclient_id = 'a'\n")
        (check,) = issuer_checks(environ, tmp_path)
        assert (check.works, check.why) == (True, f"{issuer.url} answers, and has 1 keys")
        issuer.said["openid-configuration"] = {**issuer.metadata(), "issuer": "https://other.example"}
        (check,) = issuer_checks(environ, tmp_path)
        assert (check.works, "'https://other.example'" in check.why) == (False, True)
        assert check.instead and check.get
    (check,) = issuer_checks(environ, tmp_path)
    assert (check.works, "cannot be reached" in check.why) == (False, True)
    machine(tmp_path, f"[oidc]\n{LEAST}client_secret_env = 'SECRET'\n")
    (check,) = issuer_checks(environ, tmp_path)
    assert "SECRET" in check.why
