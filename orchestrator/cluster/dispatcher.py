"""The dispatcher: has as many messages wait at the broker as there are jobs to begin.

It alone sends, and keeps no account: messages that were lost (a broker that restarted empty, a worker that died with one in its
hand) are missed in the count and sent again; one too many finds nothing to do. So several may run side by side.
"""

from __future__ import annotations

from orchestrator.cluster.broker import Broker
from orchestrator.gate import Gate
from orchestrator.store import Store

LOOK_S = 1.0
"""How often the store is asked while nobody says that there is something to do."""
_MOST = 500
"""How many messages wait at most: what is filed later may be wanted more."""


class Dispatcher:
    """Between a store and a broker."""

    def __init__(self, store: Store, broker: Broker, gate: Gate = Gate()) -> None:
        self._store = store
        self._broker = broker
        self._gate = gate

    def step(self) -> int:
        """Send what is missing; return how much it was. Raises `BrokerAway`, `StoreAway`."""
        ready = self._store.ready(_MOST, self._gate.among(self._store))
        missing = ready[self._broker.waiting() :] if ready else ()
        for number in missing:
            self._broker.send(number)
        return len(missing)
