"""What a broken download leaves is found before an engine stumbles over it."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.pool.weights import trouble_of


def safetensors(values: int) -> bytes:
    header = json.dumps(
        {"__metadata__": {"format": "pt"}, "w": {"dtype": "F32", "shape": [values], "data_offsets": [0, 4 * values]}}
    )
    return struct.pack("<Q", len(header)) + header.encode() + bytes(4 * values)


def gguf(values: int) -> bytes:
    """Return a file with a text, a list of texts, a list of numbers, an alignment, and one tensor of 32-bit numbers."""
    said = b"GGUF" + struct.pack("<IQQ", 3, 1, 4)
    said += name("general.name") + struct.pack("<I", 8) + name("tiny")
    said += name("tokens") + struct.pack("<IIQ", 9, 8, 2) + name("a") + name("b")
    said += name("scores") + struct.pack("<IIQ", 9, 6, 3) + bytes(12)
    said += name("general.alignment") + struct.pack("<II", 4, 64)
    said += name("w") + struct.pack("<I", 1) + struct.pack("<QIQ", values, 0, 0)
    return said + bytes(-len(said) % 64) + bytes(4 * values)


def name(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    for at in (1, 2):
        (folder / f"model-{at}.safetensors").write_bytes(safetensors(10 * at))
    weights = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weights}))
    return folder


def test_what_is_whole_has_no_trouble(model: Path) -> None:
    assert trouble_of(model) == ""
    (model / "m.gguf").write_bytes(gguf(100))
    assert trouble_of(model / "m.gguf") == ""


@pytest.mark.parametrize("made", [safetensors(50), gguf(50)], ids=["safetensors", "gguf"])
@given(share=st.floats(0.0, 1.0, exclude_max=True))
def test_a_file_that_was_cut_anywhere_is_found(
    made: bytes, share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / f"m.{'gguf' if made[:4] == b'GGUF' else 'safetensors'}"
    path.write_bytes(made[: int(share * len(made))])
    assert "download it again" in trouble_of(path)


def test_each_way_to_be_unfinished_is_named(model: Path, tmp_path: Path) -> None:
    assert "there is no model" in trouble_of(tmp_path / "none")
    (model / "model-2.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    assert "Git LFS" in trouble_of(model)
    (model / "model-2.safetensors").unlink()
    assert "lacks model-2.safetensors" in trouble_of(model)
    (model / "model-2.safetensors.incomplete").touch()
    assert "never downloaded to its end" in trouble_of(model)
    (model / "config.json").unlink()
    assert "no config.json" in trouble_of(model)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GGUF",
        b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1),
        b"\xff" * 100,
        struct.pack("<Q", 1 << 62),
        struct.pack("<Q", 2) + b"[]",
    ],
    ids=["empty", "magic", "huge", "noise", "header", "list"],
)
@pytest.mark.parametrize("suffix", ["gguf", "safetensors"])
def test_what_is_no_model_is_said_so(said: bytes, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"m.{suffix}"
    path.write_bytes(said)
    assert "download it again" in trouble_of(path)


@pytest.mark.parametrize(
    "index", ["[" * 100_000, "[1]", "{}", '{"weight_map": 1}'], ids=["deep", "list", "empty", "number"]
)
def test_an_index_that_makes_no_sense_is_told(model: Path, index: str) -> None:
    (model / "model.safetensors.index.json").write_text(index)
    assert "(unreadable)" in trouble_of(model)


def test_headers_as_deep_as_they_like_are_told(model: Path) -> None:
    header = b'{"a":' + b"[" * 100_000
    (model / "model-1.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    assert "cannot be read as a model" in trouble_of(model)


def test_a_name_too_long_for_any_file_names_none() -> None:
    assert trouble_of(Path("/") / ("x" * 5000)).startswith("there is no model at")
