"""A model that is larger than the memory that is free is refused before anything starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.pool.memory import memory_trouble
from orchestrator.pool.spec import ModelTable, PoolFile
from orchestrator.pool.weights import weight_bytes

GB = 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with 3 GB of weights, of which the disk has nothing."""
    for name, size in (("config.json", 2), ("a.safetensors", GB), ("b.safetensors", 2 * GB), ("a.bin", 9 * GB)):
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, size)
    return tmp_path


def trouble(free: int, *tables: tuple[str, dict[str, Any]]) -> str:
    models = {f"m{at}": ModelTable(engine=engine, **more) for at, (engine, more) in enumerate(tables)}  # type: ignore[arg-type]
    return memory_trouble(PoolFile(models=models), free)


def test_weights_are_as_long_as_all_their_files(folder: Path) -> None:
    assert weight_bytes(folder) == 3 * GB and weight_bytes(folder / "none") == 0
    for name in ("m-00001-of-00002.gguf", "m-00002-of-00002.gguf", "n-00001-of-00002.gguf", "m.gguf"):
        (folder / name).write_bytes(b"gguf")
    assert weight_bytes(folder / "m-00001-of-00002.gguf") == 8 and weight_bytes(folder / "m.gguf") == 4


def test_what_fits_is_started(folder: Path) -> None:
    model = {"model": str(folder)}
    assert trouble(3 * GB, ("vllm", model)) == ""
    assert trouble(6 * GB, ("vllm", {**model, "replicas": 2})) == ""
    assert trouble(3 * GB, ("vllm", {**model, "replicas": 2, "least": 1})) == ""
    assert trouble(9 * GB, ("llama", {"model": str(folder / "a.bin"), "replicas": 4})) == ""
    assert trouble(3 * GB, ("vllm", model), ("vllm", {**model, "least": 0})) == ""
    assert trouble(0, ("command", {"command": ("x",), **model}), ("vllm", {"model": "none"})) == ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([{}], "m0: the weights of its replicas have 3.0 GB, and 2.9 GB of memory are free here"),
        ([{"least": 0}], "m0: the weights of its replicas have 3.0 GB, and 2.9 GB"),
        ([{"replicas": 4}], "m0: the weights of its replicas have 12.0 GB, and 2.9 GB"),
        ([{}, {"replicas": 2}], "m1: the weights of its replicas have 6.0 GB, those of all models 9.0 GB, and 2.9 GB"),
    ],
    ids=["one", "none", "four", "all"],
)
def test_what_does_not_is_named_with_what_to_do(more: list[dict[str, Any]], said: str, folder: Path) -> None:
    told = trouble(int(2.9 * GB), *(("vllm", {"model": str(folder), **each}) for each in more))
    assert said in told and "take a smaller or a quantised one" in told
