"""Make this process look as it would under `python -m pytest` or `python -m unittest` in the project's directory."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

_kept: list[ModuleType] = []


def leave_no_trace(own_path: str, cwd: str) -> None:
    """Take our file off the import path and put the directory there that `python -m` puts."""
    sys.path[:] = [entry for entry in sys.path if entry != own_path]
    sys.path_importer_cache.pop(own_path, None)
    if not getattr(sys.flags, "safe_path", False):
        sys.path.insert(0, cwd)


def stand_in(name: str, arguments: list[str]) -> None:
    """Give `__main__` and `sys.argv` the look of `python -m name arguments`."""
    spec = importlib.util.find_spec(name + ".__main__")
    main = ModuleType("__main__")
    main.__spec__ = spec
    main.__package__ = name
    main.__file__ = spec.origin if spec is not None else None
    # The module that started us is kept: its globals would be emptied under our feet.
    _kept.append(sys.modules["__main__"])
    sys.modules["__main__"] = main
    sys.argv = [main.__file__ or name, *arguments]
