"""The model pool: engines kept up on this machine or on a Ray cluster, and one OpenAI-compatible address in front of them. Imports no engine."""

from orchestrator.pool.errors import PoolError
from orchestrator.pool.keys import new_key
from orchestrator.pool.ledger import Spent, Taken, read_spent
from orchestrator.pool.located import located
from orchestrator.pool.memory import check_memory
from orchestrator.pool.report import Report, ask_report, report_of
from orchestrator.pool.spec import PoolFile, local_pool, read_pool
from orchestrator.pool.status import Folder, ModelStatus, PoolStatus, ReplicaStatus

__all__ = [
    "Folder",
    "ModelStatus",
    "PoolError",
    "PoolFile",
    "PoolStatus",
    "ReplicaStatus",
    "Report",
    "Spent",
    "Taken",
    "ask_report",
    "check_memory",
    "local_pool",
    "located",
    "new_key",
    "read_pool",
    "read_spent",
    "report_of",
]
