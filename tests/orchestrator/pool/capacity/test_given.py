"""What a plan is made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import BadConfig
from orchestrator.pool.capacity import PlanFile, Traffic, read_plan


def test_a_file_says_what_is_known_better(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text("[replica]\nprefill_per_s = 9000\n", "utf-8")
    read = read_plan(path)
    assert read.replica.prefill_per_s == 9_000.0
    assert read.replica.kv_tokens == PlanFile().replica.kv_tokens


@pytest.mark.parametrize(
    "text", ["[replica]\nspeed = 1", "[traffic]\nturns = 0", "[goal]\nbusy = 1.5", "[traffic]\ntool_s = 'x'"]
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(BadConfig, match=r"plan\.toml"):
        read_plan(path)


def test_each_prompt_has_what_was_said_before() -> None:
    traffic = Traffic(turns=3, shared_tokens=10, prefix_tokens=100, turn_tokens=20, reply_tokens=5)
    assert list(traffic.prompts) == [100, 125, 150]
    assert traffic.ticket_tokens == 375 + 15
