"""Whether a model's files are there and whole: what a broken download leaves is found before an engine stumbles over it.

The formats say how long a file must be: safetensors (its header's offsets) and GGUF (its tensors' offsets). Nothing is loaded.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

from orchestrator.pool.gguf import gguf_bytes

_PARTIAL = (".incomplete", ".part", ".partial", ".tmp", ".crdownload", ".aria2")
_HEADER_BYTES = 100 << 20
_PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")
"""How the files of one that is split end."""
_POINTER = b"version https://git-lfs"


def trouble_of(path: Path) -> str:
    """Return what is wrong with a model, and what to do; "" where nothing is seen."""
    if not is_there(path):
        return f"there is no model at {path}: download it there, or correct `model`"
    if path.is_file():
        return _file_trouble(path)
    if not (path / "config.json").is_file():
        return f"{path} has no config.json, so it is no model: name the folder that has it"
    partial = next((each for each in sorted(path.iterdir()) if each.name.endswith(_PARTIAL)), None)
    if partial is not None:
        return f"{partial.name} of {path} was never downloaded to its end: download it again"
    wanted = _wanted(path) or {each.name for each in path.glob("*.safetensors")}
    missing = sorted(name for name in wanted if not (path / name).is_file())
    if missing:
        return f"{path} lacks {missing[0]} ({len(missing)} of {len(wanted)} files): download it again"
    troubles = (_file_trouble(path / name) for name in sorted(wanted))
    return next((trouble for trouble in troubles if trouble), "")


def is_there(path: Path) -> bool:
    """Say whether there is something at a path; a name may be too long for any file."""
    try:
        return path.exists()
    except OSError:
        return False


def weight_bytes(path: Path) -> int:
    """Return how long a model's weights are, all files together; 0 where there are none."""
    if path.is_dir():
        parts = [*path.glob("*.safetensors")] or [*path.glob("*.bin")]
    elif _PART.search(path.name):
        parts = [each for each in path.parent.iterdir() if _PART.sub("", each.name) == _PART.sub("", path.name)]
    else:
        parts = [path]
    return sum(each.stat().st_size for each in parts if each.is_file())


def _wanted(path: Path) -> set[str]:
    """Return the files that the folder's index names."""
    index = path / "model.safetensors.index.json"
    if not index.is_file():
        return set()
    try:
        named = json.loads(index.read_text("utf-8"))["weight_map"].values()
        # A name, not a path: what an index says leads nowhere else.
        return {Path(str(name)).name for name in named}
    except (ValueError, KeyError, TypeError, AttributeError, OSError, RecursionError):
        return {index.name + " (unreadable)"}


def _file_trouble(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if file.read(len(_POINTER)) == _POINTER:
                return f"{path} is a Git LFS pointer, not the model: fetch it with `git lfs pull`"
        size = path.stat().st_size
        needs = {".safetensors": _safetensors_bytes, ".gguf": gguf_bytes}.get(path.suffix, lambda _: 0)(path)
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError, struct.error) as error:
        return f"{path} cannot be read as a model ({error or type(error).__name__}): download it again"
    if size < needs:
        return f"{path} has {size} of {needs} bytes: its download broke off, download it again"
    return ""


def _safetensors_bytes(path: Path) -> int:
    """Return how long a file is by its header. Raises ValueError."""
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        if length > _HEADER_BYTES:
            raise ValueError("its header is too long")
        header = file.read(length)
    if len(header) < length:
        raise ValueError("it ends within its header")
    told = json.loads(header)
    if not isinstance(told, dict):
        raise ValueError("its header is no JSON object")
    ends = [each["data_offsets"][1] for name, each in told.items() if name != "__metadata__"]
    return 8 + int(length) + max(ends, default=0)
