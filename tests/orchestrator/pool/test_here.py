"""This machine as a place: GPUs are handed out among replicas, waited for, passed on by a change, and refused where there are too few."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from orchestrator.errors import BadConfig
from orchestrator.pool.here import Here
from orchestrator.pool.spec import ModelTable, PoolFile
from tests.orchestrator.pool.pools import Pool, pool, table
from tests.orchestrator.pool.test_devices import program


def wanting(gpus: int, replicas: int = 1, least: int | None = None) -> ModelTable:
    return ModelTable(engine="command", command=("sh",), gpus=gpus, replicas=replicas, least=least)


def test_gpus_pass_from_replica_to_replica_and_who_waits_for_one_says_so(tmp_path: Path) -> None:
    state = tmp_path / "state"
    late = table(state, "late", "gpus = 1\nleast = 0\n")
    both = table(state, more="gpus = 1\nreplicas = 2\n")
    statuses: list[int] = []
    with pool(tmp_path, 'gpus = ["4", "5"]\n' + both + late) as made:
        made.until(lambda: handed(made) == {"4", "5"})
        assert visible(made) == {"4", "5"} and "coder-1 on GPU 4" in made.run("status").stdout
        # There is no room for the new beside the old.
        made.file.write_text(made.file.read_text("utf-8").replace("--model", '--blocks", "64", "--model'), "utf-8")
        assert made.run("up", str(made.file)).returncode == 0
        made.until(lambda: handed(made) == {"4", "5"} and len(made.up()) == 2)

        caller = threading.Thread(target=lambda: statuses.append(made.ask("late")))
        caller.start()
        made.until(lambda: made.replicas("late") and made.replicas("late")[0]["state"] == "waiting")
        assert "it waits for 1 of 2 GPUs, of which 0 are free" in made.run("status").stdout
        made.file.write_text(made.file.read_text("utf-8").replace("replicas = 2", "replicas = 1"), "utf-8")
        assert made.run("up", str(made.file)).returncode == 0
        caller.join()
        assert statuses == [200]
        made.until(lambda: handed(made) | handed(made, "late") == {"4", "5"})

        # What is new waits for what those have that go.
        made.file.write_text('port = 0\ngpus = ["4", "5"]\n' + table(state, "other", "gpus = 2\n"), "utf-8")
        assert made.run("up", str(made.file)).returncode == 0
        made.until(lambda: handed(made, "other") == {"4", "5"})


def handed(made: Pool, model: str = "coder") -> set[str]:
    return {gpu for each in made.replicas(model) if each["state"] == "up" for gpu in each["gpus"]}


def visible(made: Pool) -> set[str]:
    """Return what engines see, and their keepers."""
    return {each.environ()["CUDA_VISIBLE_DEVICES"] for each in made.engines()}


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"big": wanting(4)}, "model big wants 4 GPUs for each replica, and there are 2"),
        ({"a": wanting(1, 2), "b": wanting(1)}, "there are 2 GPUs, and 3 are wanted (a 2 x 1, b 1 x 1)"),
    ],
    ids=["one", "all"],
)
def test_more_gpus_than_there_are_is_refused(models: dict[str, ModelTable], said: str, tmp_path: Path) -> None:
    program(tmp_path, "echo 0; echo 1")
    with pytest.raises(BadConfig) as raised:
        asyncio.run(Here({"PATH": str(tmp_path)}).prepare(PoolFile(models=models)))
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_a_model_that_wants_a_gpu_is_named_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="model big wants GPUs: nvidia-smi does not say which there are"):
        asyncio.run(Here({"PATH": str(tmp_path)}).prepare(PoolFile(models={"big": wanting(1)})))


def test_replicas_that_take_turns_may_want_more_gpus_than_there_are(tmp_path: Path) -> None:
    program(tmp_path, "echo 0; echo 1")
    asyncio.run(
        Here({"PATH": str(tmp_path)}).prepare(PoolFile(models={"a": wanting(2, least=0), "b": wanting(1, 4, 1)}))
    )
