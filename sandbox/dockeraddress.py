"""Where a Docker engine answers, and how it is reached."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

_DEFAULT = "unix:///var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine answers, as `DOCKER_HOST` has it; the directory of the certificates, where it takes some (TLS)."""

    url: str = _DEFAULT
    certificates: str | None = None
    verify: bool = True
    shared: bool = False
    """Whether other machines may use it too."""

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Self:
        """Read `DOCKER_HOST`, `DOCKER_CERT_PATH` and `DOCKER_TLS_VERIFY`, as Docker's own programs do."""
        verify = bool(environ.get("DOCKER_TLS_VERIFY"))
        certificates = environ.get("DOCKER_CERT_PATH") or (f"{environ.get('HOME', '')}/.docker" if verify else None)
        return cls(environ.get("DOCKER_HOST") or _DEFAULT, certificates, verify)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the address that `text` wrote."""
        return cls(**json.loads(text)) if text.startswith("{") else cls(text)

    @property
    def text(self) -> str:
        """The address as text; it holds no secret."""
        return json.dumps(asdict(self))

    @property
    def away(self) -> bool:
        """Whether it is no Unix socket, and so another machine's, or might be."""
        return not self.url.startswith("unix://")

    @property
    def certified(self) -> bool:
        """Whether it is reached with certificates."""
        return self.certificates is not None and not self.url.startswith(("unix://", "ssh://"))
