"""Where models of a pool's file lie that are named as the hub names them: engines are started on folders and files alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.errors import BadConfig
from orchestrator.pool.hubname import HubName, read_hub_name
from orchestrator.pool.spec import ModelTable, PoolFile


def located(
    file: PoolFile, environ: Mapping[str, str], command: str, say: Callable[[str], None], *, download: bool
) -> PoolFile:
    """Return a pool's file in which models of the hub are paths of its cache. Raises `BadConfig`.

    What is not there is fetched where `download` or the model's table says so; else `command`, which would fetch it, is named.
    """
    names = {name: _hub_name(table) for name, table in file.models.items()}
    # Each node of a cluster has a cache of its own.
    if file.place.ray or not any(names.values()):
        return file
    from orchestrator.pool.hub import Hub

    models = dict(file.models)
    for name, hub_name in names.items():
        if hub_name is None:
            continue
        table = file.models[name]
        hub = Hub({**environ, **table.environment}, say)
        path = hub.find(hub_name)
        if path is None:
            if not (download or table.download):
                raise BadConfig(
                    f"model {name}: there is no {hub_name} here, and none that is whole in {hub.cache}: "
                    f"`{command} --download` fetches it"
                )
            path = hub.fetch(hub_name)
        models[name] = table.model_copy(update={"model": str(path)})
    return file.model_copy(update={"models": models})


def _hub_name(table: ModelTable) -> HubName | None:
    name = read_hub_name(table.model)
    if name is None or (table.engine == "command" and not table.download):
        return None
    if table.engine == "llama" and not name.file:
        raise BadConfig(f"{name} is a folder of the hub: llama.cpp reads one file of it, {name}/FILE.gguf")
    return name
