"""A tiny random model of the Qwen2 architecture that real engines serve: two layers, a token for each byte. Made with the standard library alone.

It says printable ASCII for ever, unless its reply is constrained: the rows of all other tokens in its last layer are zero.
"""

from __future__ import annotations

import json
import math
import random
import struct
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path

_WIDTH, _INNER, _LAYERS = 64, 128, 2
"""The kernel of vLLM's CPU engine has no heads below 64."""
_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_END = 256 + _SPECIAL.index("<|im_end|>")
_TOKENS = 272
_TEMPLATE = """\
{%- if tools %}{{ '<|im_start|>system\\n' + tools | tojson + '<|im_end|>\\n' }}{% endif %}
{%- for message in messages %}{{ '<|im_start|>' + message.role + '\\n' + (message.content or '') }}
{%- for call in message.tool_calls or [] %}{{ '<tool_call>' + call.function | tojson + '</tool_call>' }}{% endfor %}
{{- '<|im_end|>\\n' }}{% endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""


def make(folder: Path, length: int = 4096) -> Path:
    """Write a model into a new folder, the same each time, that has room for so many tokens; return the folder."""
    folder.mkdir(parents=True)
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": _WIDTH,
        "intermediate_size": _INNER,
        "num_hidden_layers": _LAYERS,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "vocab_size": _TOKENS,
        "max_position_embeddings": length,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False,
        "dtype": "float32",
        "eos_token_id": _END,
    }
    tokenizer = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "chat_template": _TEMPLATE}
    for name, told in (
        ("config.json", config),
        ("generation_config.json", {"eos_token_id": _END}),
        ("tokenizer_config.json", tokenizer),
        ("tokenizer.json", _tokenizer()),
    ):
        (folder / name).write_text(json.dumps(told), "utf-8")
    (folder / "model.safetensors").write_bytes(_safetensors(dict(_weights(random.Random(7)))))
    return folder


def _tokenizer() -> Mapping[str, object]:
    """Return byte-level BPE without a merge, as the `tokenizers` library writes it."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    # GPT-2's way: bytes that cannot be seen are shown as the characters after the first 256.
    hidden = [each for each in range(256) if each not in plain]
    shown = {each: chr(each) for each in plain} | {each: chr(256 + at) for at, each in enumerate(hidden)}
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    return {
        "version": "1.0",
        "added_tokens": [{"id": 256 + at, "content": each, **added} for at, each in enumerate(_SPECIAL)],
        "pre_tokenizer": byte_level,
        "decoder": byte_level,
        "model": {"type": "BPE", "vocab": {shown[each]: each for each in range(256)}, "merges": []},
    }


def _weights(draw: random.Random) -> Iterator[tuple[str, tuple[tuple[int, ...], array[float]]]]:
    def drawn(rows: int, columns: int, scale: float) -> tuple[tuple[int, ...], array[float]]:
        return (rows, columns), array("f", (draw.gauss(0.0, scale) for _ in range(rows * columns)))

    def same(value: float) -> tuple[tuple[int, ...], array[float]]:
        return (_WIDTH,), array("f", [value] * _WIDTH)

    yield "model.embed_tokens.weight", drawn(_TOKENS, _WIDTH, 1.0)
    for at in range(_LAYERS):
        layer = f"model.layers.{at}"
        yield f"{layer}.input_layernorm.weight", same(1.0)
        yield f"{layer}.post_attention_layernorm.weight", same(1.0)
        for name in ("q", "k", "v"):
            yield f"{layer}.self_attn.{name}_proj.weight", drawn(_WIDTH, _WIDTH, 2.0 / math.sqrt(_WIDTH))
            yield f"{layer}.self_attn.{name}_proj.bias", same(0.0)
        yield f"{layer}.self_attn.o_proj.weight", drawn(_WIDTH, _WIDTH, 1.0 / math.sqrt(_WIDTH))
        for name in ("gate", "up"):
            yield f"{layer}.mlp.{name}_proj.weight", drawn(_INNER, _WIDTH, 1.0 / math.sqrt(_WIDTH))
        yield f"{layer}.mlp.down_proj.weight", drawn(_WIDTH, _INNER, 1.0 / math.sqrt(_INNER))
    yield "model.norm.weight", same(1.0)
    shape, head = drawn(_TOKENS, _WIDTH, 1.0)
    for token in range(_TOKENS):
        if not 32 <= token < 127:
            head[token * _WIDTH : (token + 1) * _WIDTH] = array("f", [0.0] * _WIDTH)
    yield "lm_head.weight", (shape, head)


def _safetensors(weights: Mapping[str, tuple[tuple[int, ...], array[float]]]) -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = bytearray()
    for name, (shape, values) in weights.items():
        begin = len(data)
        data += values.tobytes()
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    told = json.dumps(header).encode()
    return struct.pack("<Q", len(told)) + told + data
