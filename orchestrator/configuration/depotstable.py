"""The table `[depots]` of the machine's file: how machines that share a store, and no volume, exchange what their depots have."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from orchestrator.configuration.closed import Closed
from orchestrator.directories import hub_url

if TYPE_CHECKING:
    from orchestrator.cluster.carrying import Exchange


class DepotsTable(Closed):
    """Where several machines, each with a state directory of its own, leave what they made for the others."""

    url: str | None = None
    """A bare git repository that all of them reach: a path, `ssh://host/path`, `https://host/path`."""
    token_env: str = ""
    """The environment variable that holds the token for `https://`."""
    common: tuple[str, ...] = Field(default=(), strict=False)
    """Directories that are the same on all machines: jobs of repositories below them may be worked on by any."""
    keep_mb: int = Field(default=20_480, gt=0)
    """What depots may take here before those go that were not used for longest; they are fetched again."""

    @field_validator("url")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        if value is not None and "@" in value.partition("://")[2].partition("/")[0] and value.startswith("http"):
            raise ValueError("a password stands in no file: name the variable that holds it as `token_env`")
        return value

    def exchange(self, environ: Mapping[str, str], home: Path) -> Exchange | None:
        """Return how depots are exchanged, None where all machines share one directory, or there is one alone."""
        url = hub_url(environ, self.url)
        if url is None:
            return None
        # Most commands look at this machine's store alone.
        from orchestrator.cluster.carrying import Exchange
        from shadowfs import Hub

        common = tuple(Path(str(home) + each[1:] if each.startswith("~/") else each) for each in self.common)
        hub = Hub(url, environ.get(self.token_env, "") if self.token_env else "", environ)
        return Exchange(hub, common, self.keep_mb << 20)
