"""Remove the containers that killed nightcrews left at an engine: told by the owner in their label."""

from __future__ import annotations

from contextlib import closing

from sandbox.dockerengine import OWNER, Engine
from sandbox.errors import SandboxError
from sandbox.owner import lives


def sweep_containers(address: str) -> bool:
    """Remove every container whose owner has died; False when the engine does not answer."""
    try:
        with closing(Engine(address)) as engine:
            for container, labels in engine.labelled(OWNER).items():
                if labels[OWNER] and not lives(labels[OWNER]):
                    engine.remove(container)
    except SandboxError:
        return False
    return True
