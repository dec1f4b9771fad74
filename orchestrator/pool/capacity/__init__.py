"""How many replicas a crew needs, and what limits it first: calculated, before anybody buys a GPU."""

from orchestrator.pool.capacity.given import PlanFile, Replica, Traffic, read_plan
from orchestrator.pool.capacity.hardware import CARDS, Weights, read_weights, replica_on
from orchestrator.pool.capacity.load import Load, loaded
from orchestrator.pool.capacity.plan import Plan, planned

__all__ = [
    "CARDS",
    "Load",
    "Plan",
    "PlanFile",
    "Replica",
    "Traffic",
    "Weights",
    "loaded",
    "planned",
    "read_plan",
    "read_weights",
    "replica_on",
]
