"""A prefix that was sent ahead is in the cache of the replica that its ticket then gets."""

from __future__ import annotations

import json

from orchestrator.pool import Warming
from tests.orchestrator.pool.standins import Fronting, Standing, free_port
from tests.orchestrator.pool.test_front import ASKED, post

PREFIX = [{"role": "system", "content": "You are one of a crew. " * 200}]


def test_a_ticket_finds_its_prefix_warm(front: Fronting, two: list[Standing]) -> None:

    warming = Warming(front.url, "edit")
    warming.begin("t", PREFIX).join()
    asked = {**ASKED, "messages": [*PREFIX, *ASKED["messages"]]}
    usage = post(front, json.dumps(asked).encode(), X_Nightcrew_Ticket="t")[1]["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > 0.9 * usage["prompt_tokens"]
    assert sorted(len(each.seen) for each in two) == [0, 2]


def test__what_cannot_be_warmed_costs_nothing_else() -> None:
    assert not Warming(f"http://127.0.0.1:{free_port()}/v1", "edit").warm("t", PREFIX)
