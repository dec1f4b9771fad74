"""Remove what killed nightcrews left at an engine: told by the owner and the directory in its labels."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from sandbox.dockeraddress import Address
from sandbox.dockerengine import OWNER, SCRATCH, Engine
from sandbox.errors import SandboxError
from sandbox.owner import lives


def sweep_containers(engine: str, scratch: Path) -> bool:
    """Remove the containers and volumes that belong to a directory of a dead process; False when the engine does not answer."""
    try:
        address = Address.read(engine)
        with closing(Engine(address)) as asked:
            mine = f"{SCRATCH}={scratch}"
            left = list(asked.labelled(mine))
            if not address.shared:
                # Elsewhere the owner may be another machine's process.
                left += [id for id, labels in asked.labelled(OWNER).items() if _is_orphan(labels[OWNER])]
            for container in left:
                asked.remove(container)
                asked.await_removal(container, _GONE_S)
            for volume in asked.volumes(mine):
                asked.remove_volume(volume)
    except SandboxError:
        return False
    return True


_GONE_S = 30


def _is_orphan(owner: str) -> bool:
    return bool(owner) and not lives(owner)
