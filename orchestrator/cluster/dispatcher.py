"""The dispatcher: has as many messages wait at the broker, for those who can do it, as there are jobs to begin.

It alone sends, and keeps no account: messages that were lost (a broker that restarted empty, a worker that died with one in its
hand) are missed in the count and sent again; one too many finds nothing to do. So several may run side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from orchestrator.cluster.broker import Broker
from orchestrator.dispatch.gate import Gate
from orchestrator.store import Store

LOOK_S = 1.0
"""How often the store is asked while nobody says that there is something to do."""
_MOST = 500
"""How many messages wait at most: what is filed later may be wanted more."""


class Dispatcher:
    """Between a store and a broker. `known` returns what its workers can do (None: what all that the store was told of can)."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        gate: Gate = Gate(),
        known: Callable[[], Sequence[frozenset[str]]] | None = None,
    ) -> None:
        self._store = store
        self._broker = broker
        self._gate = gate
        self._known = known or store.abilities

    def step(self) -> int:
        """Send what is missing; return how much it was. Raises `BrokerAway`, `StoreAway`."""
        known, terms = self._known(), self._gate.terms(self._store)
        wanted: dict[str, list[int]] = {}
        # For each kind of worker: what one cannot do is not to keep what it can from being seen.
        ready = [self._store.ready(_MOST, replace(terms, can=can)) for can in known or (frozenset[str](),)]
        for number, needs in {number: needs for each in ready for number, needs in each.items()}.items():
            wanted.setdefault(rarest(needs, known), []).append(number)
        return sum(self._send(ability, numbers) for ability, numbers in wanted.items())

    def _send(self, ability: str, numbers: Sequence[int]) -> int:
        missing = numbers[self._broker.waiting(ability) : _MOST]
        for number in missing:
            self._broker.send(number, ability)
        return len(missing)


def rarest(needs: frozenset[str], known: Sequence[frozenset[str]]) -> str:
    """Return by which ability the workers for a job are woken: of those that it needs what the fewest kinds of them have; "" for none."""
    return min(sorted(needs), key=lambda each: sum(each in can for can in known), default="")
