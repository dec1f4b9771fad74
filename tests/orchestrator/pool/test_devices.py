"""GPUs are handed out to one replica at a time, to who waits longest first, and come back; nvidia-smi's list is read, or what is wrong with it is said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from orchestrator.pool.devices import Devices, find
from orchestrator.pool.errors import PoolError


def run(test: Callable[[], Coroutine[None, None, None]]) -> None:
    asyncio.run(test())


def free(devices: Devices) -> set[str]:
    return {*devices.free}


def silent(why: str) -> None:
    raise AssertionError(why)


def test_each_gpu_is_with_one_replica_and_comes_back() -> None:
    async def test() -> None:
        devices = Devices(("0", "1", "2"))
        first, second = await devices.take(2, silent), await devices.take(1, silent)
        assert first == ("0", "1") and second == ("2",) and not free(devices)
        devices.give(first)
        assert free(devices) == {"0", "1"} and await devices.take(0, silent) == ()

    run(test)


def test_who_waits_longest_is_served_first_though_less_would_do_for_others() -> None:
    async def test() -> None:
        devices, said = Devices(("0", "1")), list[str]()
        one = await devices.take(1, silent)
        both, later = (asyncio.create_task(devices.take(count, said.append)) for count in (2, 1))
        await asyncio.sleep(0)
        assert said == [f"it waits for {count} of 2 GPUs, of which 1 are free" for count in (2, 1)]
        devices.give(one)
        assert await both == ("0", "1") and not later.done()
        devices.give(("0",))
        assert await later == ("0",)

    run(test)


def test_who_gives_up_waiting_holds_nothing_up_and_keeps_nothing() -> None:
    async def test() -> None:
        devices = Devices(("0",))
        held = await devices.take(1, silent)
        gone, next_ = (asyncio.create_task(devices.take(1, lambda _: None)) for _ in range(2))
        await asyncio.sleep(0)
        # Its turn comes in the very moment in which it gives up.
        devices.give(held)
        gone.cancel()
        assert await next_ == ("0",) and gone.cancelled()

        waiting, other = (asyncio.create_task(devices.take(count, lambda _: None)) for count in (2, 1))
        await asyncio.sleep(0)
        devices.give(("0",))
        waiting.cancel()
        assert await other == ("0",)

    run(test)


def test_other_gpus_are_handed_out_after_a_change_and_none_twice() -> None:
    async def test() -> None:
        devices = Devices(("0", "1"))
        held = await devices.take(1, silent)
        devices.change(("1",))
        assert free(devices) == {"1"}
        devices.change(("0", "1"))
        assert free(devices) == {"1"}
        devices.give(held)
        assert free(devices) == {"0", "1"}

    run(test)


def test_an_engine_sees_its_gpus_alone_and_all_where_none_are_handed_out() -> None:
    assert Devices(("0", "1")).environment(("1",))["CUDA_VISIBLE_DEVICES"] == "1"
    assert Devices(("0", "1")).environment(())["CUDA_VISIBLE_DEVICES"] == ""
    assert Devices().environment(()) == {}


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, "nvidia-smi does not say which there are"),
        ("echo No devices were found; exit 6", "nvidia-smi finds none (No devices were found)"),
        ("exit 0", "nvidia-smi finds none (it says nothing)"),
    ],
    ids=["absent", "none", "silent"],
)
def test_gpus_that_are_not_found_are_said_so(script: str | None, said: str, tmp_path: Path) -> None:
    if script is not None:
        program(tmp_path, script)
    with pytest.raises(PoolError, match="nvidia-smi") as raised:
        find({"PATH": str(tmp_path)})
    assert said in str(raised.value)


def test_gpus_are_asked_of_nvidia_smi_unless_the_environment_names_them(tmp_path: Path) -> None:
    program(tmp_path, "echo 0; echo 1; echo WARNING: infoROM is corrupted at gpu 0000:02:00.0")
    assert find({"PATH": str(tmp_path)}) == ("0", "1")
    assert find({"PATH": str(tmp_path), "CUDA_VISIBLE_DEVICES": "3, MIG-7"}) == ("3", "MIG-7")
    with pytest.raises(PoolError, match="CUDA_VISIBLE_DEVICES names none"):
        find({"CUDA_VISIBLE_DEVICES": ""})


def program(folder: Path, script: str) -> None:
    made = folder / "nvidia-smi"
    made.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    made.chmod(0o755)
