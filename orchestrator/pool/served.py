"""The models of a pool as its address has them: names, the line in front of each, and the replicas that are up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from orchestrator.pool.hedging import Hedging
from orchestrator.pool.line import Line
from orchestrator.pool.upstream import Upstream


class Served:
    """A model that may be asked for by its name and by its roles."""

    def __init__(self, name: str, roles: tuple[str, ...], line: Line, reply_tokens: int = 8192) -> None:
        self.name = name
        self.roles = roles
        self.line = line
        self.reply_tokens = reply_tokens
        """The most of a reply that does not say so itself, where a budget binds."""
        self.hedging = Hedging()
        self.expects: Callable[[], bool] = lambda: False
        """Says whether a replica comes, or comes again, so that it is worth waiting for."""
        self.doubted: Callable[[str], None] = lambda _: None
        """Hears of a replica that broke off."""
        self._upstreams: dict[str, Upstream] = {}

    def open(self, replica: str, upstream: Upstream, at_once: int) -> None:
        """Let a replica take requests."""
        self._upstreams[replica] = upstream
        self.line.open(replica, at_once)

    def shut(self, replica: str) -> None:
        """Send nothing more to a replica; what it works on goes on."""
        self.line.shut(replica)
        upstream = self._upstreams.pop(replica, None)
        if upstream is not None:
            upstream.close()

    def upstream(self, replica: str) -> Upstream | None:
        """Return the way to a replica, None where it was shut meanwhile."""
        return self._upstreams.get(replica)


class Models:
    """All models of a pool."""

    def __init__(self, models: Iterable[Served] = ()) -> None:
        self.change(models)

    def change(self, models: Iterable[Served]) -> None:
        """Serve these from now on."""
        self._all = {model.name: model for model in models}
        self._named = {role: model for model in self._all.values() for role in model.roles} | self._all

    def __iter__(self) -> Iterator[Served]:
        return iter(self._all.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names that may be asked for."""
        return tuple(self._named)

    def find(self, name: str) -> Served | None:
        """Return the model with a name or a role."""
        return self._named.get(name)
