"""Hedged requests: what is late to begin is asked of a second replica, seldom, and paid for once."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from orchestrator.pool.hedging import Hedging
from orchestrator.pool.ledger import read_spent
from orchestrator.pool.line import Line
from tests.orchestrator.pool.standins import Fronting, Standing, fronting

ASKED: dict[str, Any] = {"model": "edit", "messages": [{"role": "user", "content": "Say something."}], "max_tokens": 5}
HOME, OTHER = 0, 1
LATE_S = 0.15


def hedged(front: Fronting, share: float = 1.0) -> Fronting:
    front.served.hedging = Hedging(LATE_S, share)
    return front


def ask(front: Fronting, ticket: str = "t", **more: Any) -> float:
    """Ask, read all of it, and return the seconds it took."""
    client = openai.OpenAI(base_url=front.url, api_key="none", max_retries=0, timeout=60)
    began = time.monotonic()
    answer: Any = client.chat.completions.create(**{**ASKED, "user": ticket, **more})
    if more.get("stream"):
        assert "".join(each.choices[0].delta.content or "" for each in answer) == " and" * 5
    else:
        assert answer.choices[0].message.content == " and" * 5
    return time.monotonic() - began


def seen(two: list[Standing], ticket: str = "t") -> list[int]:
    return [sum(each.get("user") == ticket for each in standing.seen) for standing in two]


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize("kind", ["slow", "hang"])
def test_what_is_late_is_answered_by_another_replica_and_counted_once(
    kind: str, streams: bool, two: list[Standing], tmp_path: Path
) -> None:
    with fronting(tmp_path, two) as front:
        hedged(front)
        two[HOME].fault(kind)
        assert ask(front, stream=streams) < 5.0
        assert seen(two) == [1, 1]
        front.until(lambda: any(each.get("cancelled") for each in two[HOME].seen))
        front.until(lambda: front.served.line.running == 0)
        ask(front, stream=streams)
        assert seen(two) == [2, 1] and front.served.line.moves == 0
        front.until(lambda: sum(each.calls for each in read_spent(tmp_path / "ledger.db")) == 2)
    assert sum(each.tokens_out for each in read_spent(tmp_path / "ledger.db")) == 10
    assert front.served.hedging.count == 1 and front.served.hedging.wasted_tokens > 0


def test_what_has_begun_is_not_asked_again(two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two) as front:
        hedged(front)
        two[HOME].fault("slow", 2)
        assert ask(front, stream=True) >= 1.0
    assert seen(two) == [1, 0]


@pytest.mark.parametrize("more", [{"store": True}, {"user": "x"}], ids=["stored", "often"])
def test_what_may_not_go_to_two_waits_for_the_first(more: dict[str, Any], two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two) as front:
        hedged(front, 1.0 if "store" in more else 0.05)
        two[HOME].fault("slow")
        assert ask(front, "x", **more) >= 1.0
    assert seen(two, "x") == [1, 0] and front.served.hedging.count == 0


def test_where_both_fail_a_third_is_looked_for_and_the_failure_told(two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two, first_s=0.5) as front:
        hedged(front)
        two[HOME].fault("hang")
        two[OTHER].fault("500")
        with pytest.raises(openai.InternalServerError, match="it sent nothing"):
            ask(front)
        front.until(lambda: front.served.line.running == 0)
    assert seen(two) == [1, 1] and read_spent(tmp_path / "ledger.db") == ()


def test_a_deadline_ends_both(two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two) as front:
        hedged(front)
        for each in two:
            each.fault("hang")
        with pytest.raises(openai.InternalServerError, match="time that this request had"):
            ask(front, extra_headers={"X-Nightcrew-Deadline": "0.5"})
        front.until(lambda: all(each.get("cancelled") for standing in two for each in standing.seen))
        front.until(lambda: front.served.line.running == 0)
    assert seen(two) == [1, 1]


def test_one_request_in_twenty_may_go_to_two() -> None:
    hedging, taken = Hedging(1.0), 0
    for _ in range(1000):
        assert hedging.late_s(streams=True) == 1.0
        if hedging.may:
            hedging.take(7)
            taken += 1
    assert taken == 50 == hedging.count and hedging.wasted_tokens == 350


def test_late_is_later_than_nineteen_of_twenty_lately() -> None:
    hedging = Hedging("p95")
    for at in range(100):
        assert (hedging.late_s(streams=True) is None) == (at < 20)
        hedging.note(at / 100, streams=True)
    assert hedging.late_s(streams=True) == 0.95 and hedging.late_s(streams=False) is None
    for _ in range(200):
        hedging.note(5.0, streams=True)
    assert hedging.late_s(streams=True) == 5.0


def test_a_spare_turn_is_taken_from_nobody() -> None:
    async def work() -> None:
        line = Line(lambda: 0.0)
        line.open("one", 1)
        line.open("two", 1)
        home = await line.turn(("ann", "t"), 1.0)
        spare = line.spare(frozenset({home}))
        assert {home, spare} == {"one", "two"} and line.running == 2
        waits = asyncio.ensure_future(line.turn(("ann", "t"), 1.0))
        await asyncio.sleep(0)
        assert line.spare(frozenset()) is None
        line.leave(str(spare))
        assert line.spare(frozenset()) is None
        line.leave(home)
        assert await waits == home and line.moves == 0
        line.move(("ann", "t"), str(spare))
        assert line.moves == 0
        line.move(("ann", "t"), home)
        assert line.moves == 1

    asyncio.run(work())


def test_a_request_goes_on_byte_for_byte_to_both(two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two) as front:
        hedged(front)
        two[HOME].fault("slow")
        ask(front, stream=True)
        lately = ("cancelled", "began", "first_s")
        told = [{name: each[name] for name in each if name not in lately} for standing in two for each in standing.seen]
    assert len(told) == 2 and told[0] == told[1]
