"""A replica's figures before anybody measured them: from the model's config.json and its weights, and from a card's data sheet (roofline, Williams 2009)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import BadConfig
from orchestrator.pool.capacity.given import Replica, Traffic

_COMPUTES, _READS, _MEMORY = 0.5, 0.8, 0.9
"""Shares of what the data sheet says: of its arithmetic and of its memory's speed (what well-kept engines come to), and vLLM's own share of its memory."""
_OWN_BYTES = 3 << 30
"""What an engine takes besides weights and cache."""
_CACHE_BYTES = 2
_BITS = 8
_MIXES = ("num_experts", "num_local_experts", "n_routed_experts")


@dataclass(frozen=True, slots=True)
class Card:
    """A graphics card: operations a second (dense, 16 bits), bytes of memory, and bytes a second from it."""

    flops: float
    memory_bytes: float
    bytes_per_s: float


CARDS: Mapping[str, Card] = {
    "a100": Card(312e12, 80e9, 2.04e12),
    "h100": Card(989e12, 80e9, 3.35e12),
    "h200": Card(989e12, 141e9, 4.8e12),
    "l40s": Card(362e12, 48e9, 0.864e12),
    "rtx4090": Card(165e12, 24e9, 1.008e12),
}
"""By NVIDIA's data sheets; the SXM forms of A100, H100 and H200."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A model: its parameters, the bytes of its weights, and the bytes that each token takes in the cache."""

    parameters: float
    weight_bytes: float
    token_bytes: float


def read_weights(folder: Path) -> Weights:
    """Read a model's folder: its config.json, and how long its safetensors are. Raises `BadConfig`."""
    path = folder / "config.json"
    try:
        told = json.loads(path.read_bytes())
        told = told.get("text_config", told)
        mixes = any(told.get(each) for each in _MIXES)
        weight_bytes = sum(each.stat().st_size for each in folder.glob("*.safetensors"))
        token_bytes = 0.0 if mixes else _token_bytes(told)
        bits = _bits(told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise BadConfig(
            f"{path} is no model's configuration ({error!r}): name a folder that Hugging Face's libraries know"
        ) from error
    if mixes:
        raise BadConfig(
            f"{folder} is a mixture of experts, whose speed no config.json tells: measure it, and name its figures in [replica]"
        )
    if not weight_bytes:
        raise BadConfig(f"{folder} has no *.safetensors: name the folder where the weights are")
    if token_bytes <= 0 or bits <= 0:
        raise BadConfig(f"{path} is no model's configuration: by it a token takes no room")
    return Weights(weight_bytes * _BITS / bits, weight_bytes, token_bytes)


def replica_on(weights: Weights, card: Card, cards: int, traffic: Traffic, at_once: int) -> Replica:
    """Return what a replica on so many cards does, at the prompts' mean length. Raises `BadConfig` where it does not fit."""
    room_bytes = cards * (card.memory_bytes * _MEMORY - _OWN_BYTES) - weights.weight_bytes
    kv_tokens = int(room_bytes / weights.token_bytes)
    if kv_tokens < 1:
        raise BadConfig(
            f"the weights have {weights.weight_bytes / 1e9:.0f} GB, which {cards} of these cards have no room for beside a cache"
        )
    flops, bytes_per_s = cards * card.flops * _COMPUTES, cards * card.bytes_per_s * _READS
    held = sum(traffic.prompts) / traffic.turns + traffic.reply_tokens / 2
    more_s = held * weights.token_bytes / bytes_per_s + 2 * weights.parameters / flops
    return Replica(
        prefill_per_s=flops / (2 * weights.parameters),
        token_s=weights.weight_bytes / bytes_per_s + more_s,
        more_s=more_s,
        kv_tokens=kv_tokens,
        at_once=at_once,
    )


def _token_bytes(told: Mapping[str, Any]) -> float:
    layers = int(told["num_hidden_layers"])
    if told.get("kv_lora_rank"):
        # Multi-head latent attention keeps one vector for all heads (DeepSeek-V2).
        return float(layers * (int(told["kv_lora_rank"]) + int(told["qk_rope_head_dim"])) * _CACHE_BYTES)
    heads = int(told["num_attention_heads"])
    size = int(told.get("head_dim") or told["hidden_size"] // heads)
    return float(2 * layers * int(told.get("num_key_value_heads") or heads) * size * _CACHE_BYTES)


def _bits(told: Mapping[str, Any]) -> int:
    """Return the bits of a weight."""
    packed = told.get("quantization_config") or {}
    if packed.get("quant_method") == "fp8":
        return 8
    if packed:
        return int(packed.get("bits") or 16)
    return 32 if "32" in str(told.get("dtype") or told.get("torch_dtype") or "bfloat16") else 16
