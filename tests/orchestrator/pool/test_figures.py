"""What engines tell of their prefix caches, as they write it."""

from __future__ import annotations

import pytest

from orchestrator.pool.figures import cache_of
from tests.orchestrator.pool.standins import Standing

VLLM = b"""\
# HELP vllm:prefix_cache_queries_total Prefix cache queries, in terms of number of queried tokens.
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="a"} 1000.0
vllm:prefix_cache_queries_total{engine="1",model_name="a"} 1.0e+03
vllm:prefix_cache_queries_created{engine="0",model_name="a"} 1.7e+09
vllm:prefix_cache_hits_total{engine="0",model_name="a"} 900.0
"""


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        (VLLM, (2000, 900)),
        (b"vllm:gpu_prefix_cache_queries 10\nvllm:gpu_prefix_cache_hits 4\n", (10, 4)),
        (b"llamacpp:prompt_tokens_total 10\n", None),
        (b"vllm:prefix_cache_hits_total{ nonsense\n\xff", None),
        (b"vllm:prefix_cache_hits_total 1e999\nvllm:prefix_cache_queries_total 1.2.3\n", None),
        (b"", None),
    ],
)
def test_hits_are_read_as_far_as_an_engine_tells(metrics: bytes, told: tuple[int, int] | None) -> None:
    assert cache_of(metrics) == told


def test_the_stand_in_tells_as_vllm_does(two: list[Standing]) -> None:
    assert cache_of(two[0].metrics) == (
        two[0].metric("prefix_cache_queries_total"),
        two[0].metric("prefix_cache_hits_total"),
    )
