"""The model pool: engines kept up on this machine, and one OpenAI-compatible address in front of them. Imports no engine."""

from orchestrator.pool.errors import PoolError
from orchestrator.pool.keys import new_key
from orchestrator.pool.ledger import Spent, read_spent
from orchestrator.pool.located import located
from orchestrator.pool.memory import check_memory
from orchestrator.pool.spec import PoolFile, local_pool, read_pool
from orchestrator.pool.status import Folder, ModelStatus, PoolStatus, ReplicaStatus
from orchestrator.pool.warming import Warming

__all__ = [
    "Folder",
    "ModelStatus",
    "PoolError",
    "PoolFile",
    "PoolStatus",
    "ReplicaStatus",
    "Spent",
    "check_memory",
    "Warming",
    "local_pool",
    "located",
    "new_key",
    "read_pool",
    "read_spent",
]
