"""`pool plan`: what people and programs are told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli.entry import run


def test_a_plan_is_told_as_a_table_and_what_it_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pool", "plan", "--developers", "40"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("40 developers need 3 replicas; KV memory is at its limit first\n")
    assert [line.split()[:2] for line in told.splitlines()[3:8]] == [
        ["10", "1"],
        ["20", "2"],
        ["40", "3"],
        ["80", "5"],
        ["160", "8"],
    ]
    assert "kv_tokens = 137000" in told


def test_a_program_is_told_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plan.toml"
    file.write_text("[bounds]\nticket_tokens = 1\n", "utf-8")
    assert run(["pool", "plan", str(file), "--developers", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [plan["developers"] for plan in told["plans"]] == [1, 2, 4, 8]
    assert told["plans"][0]["limit"] == "the budget"
    assert told["given"]["bounds"]["ticket_tokens"] == 1


def test_a_model_and_a_card_make_a_replica(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"num_hidden_layers": 28, "num_attention_heads": 28, "num_key_value_heads": 4, "hidden_size": 3584}
    (tmp_path / "config.json").write_text(json.dumps(sizes), "utf-8")
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(15_200_000_000)
    words = ["pool", "plan", "--developers", "8", "--model", str(tmp_path), "--json"]
    assert run([*words, "--card", "l40s"]) == 0
    made = json.loads(capsys.readouterr().out)["given"]["replica"]
    assert made["kv_tokens"] == pytest.approx(431_000, rel=0.01)
    assert made["prefill_per_s"] == pytest.approx(11_900, rel=0.01)
    assert run([*words, "--card", "abacus"]) == 2
    assert "h100" in json.loads(capsys.readouterr().out)["error"]["message"]
