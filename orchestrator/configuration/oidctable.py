"""The table `[oidc]` of the machine's file: an issuer of OpenID Connect, and whom it lets in. Pydantic stays in here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from orchestrator.configuration.closed import Closed
from orchestrator.errors import BadConfig

if TYPE_CHECKING:
    from orchestrator.web.identities import Client, Policy

RoleName = Literal["file", "review", "administer"]
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class OidcTable(Closed):
    """Who signs people in besides links and keys. Whoever nothing here names is not let in."""

    issuer: str = Field(default="", max_length=512)
    """Its address, as it writes it itself."""
    client_id: str = ""
    """As what it knows this server."""
    client_secret_env: str = ""
    """The environment variable that holds the secret; none for a public client."""
    name: str = Field(default="", max_length=60)
    """What the button says; the issuer's host where not given."""
    scopes: tuple[str, ...] = Field(default=("email", "profile"), strict=False)
    """What is asked for besides `openid`."""
    claim: str = Field(default="groups", min_length=1)
    """The claim whose values `roles` names."""
    roles: dict[str, RoleName] = {}
    """Roles, by values of the claim; of several the highest counts."""
    emails: dict[str, RoleName] = {}
    """Roles, by mail addresses that the issuer has verified."""
    subjects: dict[str, RoleName] = {}
    """Roles, by what the issuer calls people (`sub`)."""

    @field_validator("issuer")
    @classmethod
    def _safe(cls, value: str) -> str:
        if value:
            parts = urlsplit(value)
            plain = parts.scheme == "http" and parts.hostname in LOOPBACK
            if not (parts.scheme == "https" or plain) or not parts.hostname or set("?#@") & set(value):
                raise ValueError("an issuer is an https address and no more: https://id.example.org")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.model_fields_set and not (self.issuer and self.client_id):
            raise ValueError("it needs `issuer` and `client_id`")
        return self

    def client(self, environ: Mapping[str, str]) -> Client | None:
        """Return how the issuer knows this server, None where none is configured. Raises `BadConfig`."""
        if not self.issuer:
            return None
        # Most commands read this table and serve nothing.
        from orchestrator.web.identities import Client

        secret = environ.get(self.client_secret_env, "") if self.client_secret_env else ""
        if self.client_secret_env and not secret:
            raise BadConfig(
                f"`oidc.client_secret_env` names {self.client_secret_env}, which is not set: set it to the client's secret"
            )
        name = self.name or urlsplit(self.issuer).netloc
        return Client(self.issuer, self.client_id, secret, name, self.scopes, self.policy())

    def policy(self) -> Policy:
        """Return whom it lets in."""
        from orchestrator.web.identities import Policy
        from orchestrator.web.people import Role

        roles, emails, subjects = (
            {named: Role(role) for named, role in table.items()} for table in (self.roles, self.emails, self.subjects)
        )
        return Policy(self.claim, roles, {mail.casefold(): role for mail, role in emails.items()}, subjects)
