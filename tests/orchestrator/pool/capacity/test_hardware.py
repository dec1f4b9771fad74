"""A replica's figures, from files and data sheets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.errors import BadConfig
from orchestrator.pool.capacity import CARDS, Replica, Traffic, Weights, read_weights, replica_on

_QWEN = {
    "num_hidden_layers": 64,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "hidden_size": 5120,
    "torch_dtype": "bfloat16",
}
"""Qwen2.5-Coder-32B's own."""


def _model(folder: Path, config: object, weight_bytes: int = 64_000) -> Path:
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "model.safetensors").write_bytes(bytes(weight_bytes))
    return folder


@pytest.mark.parametrize(
    ("more", "token_bytes"),
    [
        ({}, 262_144),
        ({"head_dim": 64}, 131_072),
        ({"num_key_value_heads": None}, 1_310_720),
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, 73_728),
    ],
    ids=["grouped", "narrow", "all heads", "latent"],
)
def test_a_token_takes_what_the_configuration_says(tmp_path: Path, more: dict[str, object], token_bytes: int) -> None:
    assert read_weights(_model(tmp_path, {**_QWEN, **more})).token_bytes == token_bytes


@pytest.mark.parametrize(
    ("more", "parameters"),
    [
        ({}, 32_000),
        ({"quantization_config": {"quant_method": "fp8"}}, 64_000),
        ({"quantization_config": {"quant_method": "awq", "bits": 4}}, 128_000),
        ({"dtype": "float32"}, 16_000),
    ],
    ids=["bf16", "fp8", "awq", "fp32"],
)
def test_parameters_are_counted_by_what_each_takes(tmp_path: Path, more: dict[str, object], parameters: int) -> None:
    assert read_weights(_model(tmp_path, {**_QWEN, **more})).parameters == parameters


def test_the_text_part_of_a_model_that_sees_counts(tmp_path: Path) -> None:
    assert read_weights(_model(tmp_path, {"text_config": _QWEN})).token_bytes == 262_144


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({**_QWEN, "num_local_experts": 8}, r"^\S+ is a mixture of experts"),
        ({"num_hidden_layers": 2}, "no model's configuration"),
        ({**_QWEN, "num_hidden_layers": 0}, "a token takes no room"),
        ([], "no model's configuration"),
        ({**_QWEN, "num_attention_heads": 0, "num_key_value_heads": 0}, "no model's configuration"),
    ],
    ids=["mixture", "incomplete", "no layers", "list", "no heads"],
)
def test_what_does_not_tell_is_refused(tmp_path: Path, config: object, why: str) -> None:
    with pytest.raises(BadConfig, match=why):
        read_weights(_model(tmp_path, config))


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(_QWEN), "utf-8")
    with pytest.raises(BadConfig, match="has no"):
        read_weights(tmp_path)


def test_what_is_assumed_of_a_replica_is_what_the_data_sheet_gives() -> None:
    made = replica_on(Weights(32.8e9, 32.8e9, 262_144), CARDS["h100"], 1, Traffic(), 32)
    assumed = Replica()
    assert made.prefill_per_s == pytest.approx(assumed.prefill_per_s, rel=0.02)
    assert made.token_s == pytest.approx(assumed.token_s, rel=0.02)
    assert made.more_s == pytest.approx(assumed.more_s, rel=0.02)
    assert made.kv_tokens == pytest.approx(assumed.kv_tokens, rel=0.02)


def test_weights_that_fit_nowhere_are_refused() -> None:
    with pytest.raises(BadConfig, match="66 GB, which 1 of these cards"):
        replica_on(Weights(32.8e9, 65.6e9, 262_144), CARDS["l40s"], 1, Traffic(), 32)
    assert replica_on(Weights(32.8e9, 65.6e9, 262_144), CARDS["l40s"], 2, Traffic(), 32).kv_tokens > 0
