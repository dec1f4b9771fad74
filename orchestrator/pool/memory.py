"""Whether a pool's weights fit into this machine's memory. Without a GPU what does not would take the machine along, so it is not started."""

from __future__ import annotations

from pathlib import Path

from orchestrator.errors import BadConfig
from orchestrator.pool.spec import PoolFile
from orchestrator.pool.weights import weight_bytes
from sandbox import headroom

_GPUS = tuple(Path("/dev") / name for name in ("nvidiactl", "kfd", "dri"))


def check_memory(file: PoolFile) -> None:
    """Look whether what a pool starts can be held, where it runs on this machine's processors. Raises `BadConfig`."""
    if not file.place.ray and not any(each.exists() for each in _GPUS):
        trouble = memory_trouble(file, headroom(Path()).memory_bytes)
        if trouble:
            raise BadConfig(trouble)


def memory_trouble(file: PoolFile, free_bytes: int) -> str:
    """Return what does not fit, and what to do; "" where the weights do. What else an engine needs comes on top, and is not known."""
    needed, at_first = {}, 0
    for name, table in file.models.items():
        if table.engine == "command":
            continue
        # llama.cpp's server maps its file: replicas have it together.
        copies = 1 if table.engine == "llama" else max(1, table.fewest)
        needed[name] = copies * weight_bytes(Path(table.model))
        at_first += needed[name] if table.fewest else 0
    largest = max(needed, key=lambda name: needed[name], default="")
    if max(at_first, needed.get(largest, 0)) <= free_bytes:
        return ""
    all_of_it = "" if at_first <= needed[largest] else f", those of all models {_gb(at_first)}"
    return (
        f"model {largest}: the weights of its replicas have {_gb(needed[largest])}{all_of_it}, and {_gb(free_bytes)} of memory are "
        "free here, where no GPU is seen: take a smaller or a quantised one, or fewer replicas, or end what holds memory"
    )


def _gb(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
