"""The queue beyond one process: a broker that wakes workers, on this machine and others."""

from orchestrator.cluster.broker import Broker, BrokerAway, MemoryBroker
from orchestrator.cluster.dispatcher import Dispatcher

__all__ = ["Broker", "BrokerAway", "Dispatcher", "MemoryBroker"]
