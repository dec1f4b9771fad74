"""The tables `[docker.NAME]` of the machine's file: hosts with a Docker engine, among which sandboxes are spread."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from orchestrator.configuration.closed import Closed

if TYPE_CHECKING:
    from sandbox import DockerHost

_ADDRESS = re.compile(r"(unix:///|tcp://|ssh://|https?://)[^\s]+")


class DockerTable(Closed):
    """A host with a Docker engine. The machine's file alone has these: what is worked on goes there."""

    address: str
    """Where its engine answers, as `DOCKER_HOST` has it."""
    certificates: str | None = None
    """The directory of `ca.pem`, `cert.pem` and `key.pem`, as `DOCKER_CERT_PATH` names it."""
    sandboxes: int | None = Field(default=None, ge=1)
    """How many it may have at once, of all machines; by its processors and memory where not given."""

    @field_validator("address")
    @classmethod
    def _readable(cls, value: str) -> str:
        if _ADDRESS.fullmatch(value) is None:
            raise ValueError(
                "write it as DOCKER_HOST has it: unix:///run/docker.sock, tcp://host:2376, ssh://user@host"
            )
        if re.match(r"[^/]*//[^/@]*:[^/@]*@", value):
            raise ValueError("a password stands in no file: give ssh a key that needs none")
        return value


def docker_hosts(tables: Mapping[str, DockerTable], home: Path) -> tuple[DockerHost, ...]:
    """Return the hosts that these tables name."""
    from sandbox import Address, DockerHost

    return tuple(
        DockerHost(name, Address(table.address, _expanded(table.certificates, home)), table.sandboxes)
        for name, table in tables.items()
    )


def _expanded(path: str | None, home: Path) -> str | None:
    return str(home) + path[1:] if path is not None and path.startswith("~/") else path
