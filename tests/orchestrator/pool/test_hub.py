"""Models of the hub are found in its cache and fetched where that is asked for: whole, checked, and not without room."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session
from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE

from orchestrator.errors import BadConfig
from orchestrator.pool.hub import Hub
from orchestrator.pool.hubname import HubName, read_hub_name
from orchestrator.pool.located import located
from orchestrator.pool.spec import ModelTable, PoolFile, local_pool
from tests.orchestrator.pool.hubserver import HubServer, hub
from tests.orchestrator.pool.pools import NIGHTCREW, pool, table
from tests.orchestrator.pool.standins import ROOT
from tests.orchestrator.pool.test_weights import gguf, safetensors

WEIGHTS = "model.safetensors"
FILES = {
    "config.json": b"{}",
    "tokenizer.json": b"{}" * 100,
    WEIGHTS: safetensors(20_000),
    "pytorch_model.bin": b"b" * 10_000,
    "onnx/model.onnx": b"o" * 10_000,
    "tiny-00001-of-00002.gguf": gguf(10),
    "tiny-00002-of-00002.gguf": gguf(20),
    "other.gguf": gguf(30),
}
NAME = HubName("tiny/model")


@pytest.fixture
def server() -> Iterator[HubServer]:
    with hub(FILES) as made:
        yield made
    close_session()


def at(server: HubServer, folder: Path, said: list[str] | None = None) -> Hub:
    environment = {"HF_ENDPOINT": server.url, "HF_HOME": str(folder)}
    return Hub(environment, (said if said is not None else []).append)


def test_what_an_engine_needs_is_fetched_once_and_found_again(server: HubServer, tmp_path: Path) -> None:
    said: list[str] = []
    made = at(server, tmp_path, said)
    assert made.find(NAME) is None
    path = made.fetch(NAME)
    assert {each.name for each in path.iterdir()} == {"config.json", "tokenizer.json", WEIGHTS}
    assert (path / WEIGHTS).read_bytes() == FILES[WEIGHTS] and made.find(NAME) == path
    assert said == ["fetching tiny/model: 3 of 3 files, 0.1 MB", "tiny/model is there, and its checksums are right"]
    before = len(server.sent)
    assert made.fetch(NAME) == path and len(server.sent) == before


def test_one_file_is_fetched_with_the_parts_it_is_split_into(server: HubServer, tmp_path: Path) -> None:
    made, name = at(server, tmp_path), HubName("tiny/model", "tiny-00001-of-00002.gguf")
    path = made.fetch(name)
    assert path.name == name.file and {each.name for each in path.parent.glob("*")} == {
        name.file,
        "tiny-00002-of-00002.gguf",
    }
    assert (
        made.find(name) == path and made.find(NAME) is None and made.find(HubName("tiny/model", "other.gguf")) is None
    )


def test_a_reply_that_breaks_off_is_resumed_where_it_ended(server: HubServer, tmp_path: Path) -> None:
    # The library keeps what came of a file by the chunk.
    long = safetensors(DOWNLOAD_CHUNK_SIZE // 2)
    server.files, server.faults[WEIGHTS] = {**FILES, WEIGHTS: long}, "cut"
    path = at(server, tmp_path).fetch(NAME)
    assert (path / WEIGHTS).read_bytes() == long
    assert [wanted for name, wanted in server.sent if name == WEIGHTS] == ["", f"bytes={DOWNLOAD_CHUNK_SIZE}-"]


def test_what_has_another_checksum_is_removed_and_said(server: HubServer, tmp_path: Path) -> None:
    server.faults[WEIGHTS] = "wrong"
    made = at(server, tmp_path)
    with pytest.raises(BadConfig, match=rf"{WEIGHTS} came with another checksum .* and was removed: try again"):
        made.fetch(NAME)
    assert made.find(NAME) is None
    assert made.fetch(NAME) == made.find(NAME)
    assert [name for name, _ in server.sent].count("config.json") == 1


def test_what_was_killed_half_way_is_not_taken_for_whole_and_goes_on(server: HubServer, tmp_path: Path) -> None:
    server.faults[WEIGHTS] = "hang"
    environ = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path)}
    line = [NIGHTCREW, "--state", str(tmp_path / "state"), "pool", "up", "--local", "tiny/model", "--download"]
    with subprocess.Popen(line, cwd=ROOT, env=environ, stderr=subprocess.DEVNULL) as process:
        assert server.stuck.wait(60)
        process.send_signal(signal.SIGKILL)
    made = at(server, tmp_path)
    assert made.find(NAME) is None and list(tmp_path.rglob("*.incomplete"))
    server.sent.clear()
    assert made.fetch(NAME) == made.find(NAME) and WEIGHTS in [name for name, _ in server.sent]


def test_without_room_on_the_disk_nothing_is_fetched(server: HubServer, tmp_path: Path) -> None:
    server.claimed[WEIGHTS] = 10**18
    with pytest.raises(BadConfig, match=r"tiny/model needs 1000000000\.0 GB more .* where \d+\.\d [GM]B are free"):
        at(server, tmp_path).fetch(NAME)
    assert server.sent == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (HubName("no/such"), "there is no model no/such at http://127.0.0.1"),
        (HubName("tiny/model", revision="v9"), "tiny/model has no revision v9"),
        (HubName("tiny/model", "none.gguf"), "tiny/model has no none.gguf: look at http://127.0.0.1"),
    ],
    ids=["model", "revision", "file"],
)
def test_what_the_hub_does_not_have_is_named(name: HubName, said: str, server: HubServer, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=said):
        at(server, tmp_path).fetch(name)


def test_without_a_network_it_is_said_what_cannot_be_reached(server: HubServer, tmp_path: Path) -> None:
    made = Hub({"HF_ENDPOINT": "http://127.0.0.1:1", "HF_HOME": str(tmp_path)})
    with pytest.raises(BadConfig, match=r"tiny/model cannot be fetched from http://127\.0\.0\.1:1: .* try again"):
        made.fetch(NAME)
    there = at(server, tmp_path).fetch(NAME)
    assert made.find(NAME) == there


def test_what_is_not_there_is_refused_with_the_command_that_fetches_it(server: HubServer, tmp_path: Path) -> None:
    environ = {"HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path)}
    file = local_pool(Path("tiny/model"), 0)
    command = "nightcrew pool up --local tiny/model"
    with pytest.raises(BadConfig, match=f"there is no tiny/model here, .* `{command} --download` fetches it"):
        located(file, environ, command, print, download=False)
    assert server.sent == []
    found = located(file, environ, command, lambda _: None, download=True)
    assert found.models["model"].model == str(at(server, tmp_path).find(NAME))
    assert located(file, environ, command, print, download=False) == found


def test_a_folder_of_the_hub_is_nothing_for_llama(tmp_path: Path) -> None:
    file = PoolFile(models={"m": ModelTable(engine="llama", model="tiny/model")})
    with pytest.raises(BadConfig, match=r"llama\.cpp reads one file of it, tiny/model/FILE\.gguf"):
        located(file, {"HF_HOME": str(tmp_path)}, "up", print, download=True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Qwen/Qwen2.5-Coder-1.5B", HubName("Qwen/Qwen2.5-Coder-1.5B")),
        ("gpt2@v1.0", HubName("gpt2", revision="v1.0")),
        ("a/b/sub/c-Q4_K_M.gguf@main", HubName("a/b", "sub/c-Q4_K_M.gguf")),
        ("/models/m", None),
        ("./models/m", None),
        ("~/m", None),
        ("m.gguf", None),
        ("folder/m.gguf", None),
        ("a/b/c", None),
        ("https://x/y", None),
        ("a/b; rm -rf /", None),
        ("", None),
    ],
)
def test_a_name_of_the_hub_is_told_from_a_path(text: str, name: HubName | None) -> None:
    assert read_hub_name(text) == name


def test_what_is_there_is_a_path_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org" / "name").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert read_hub_name("org/name") is None
    assert local_pool(Path("org/name"), 0).models["name"].model == str(tmp_path / "org" / "name")


def test_a_pool_whose_model_is_to_be_fetched_comes_up_on_it(
    server: HubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    text = table(tmp_path / "state", "coder", 'model = "tiny/model@main"\ndownload = true')
    with pool(tmp_path, text) as made:
        assert made.ask() == 200 and "fetching tiny/model: 3 of 3 files" in made.log
