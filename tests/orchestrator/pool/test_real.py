"""The pool over the real vLLM: what its address promises holds with the engine it is made for, by the engine's own figures."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import psutil
import pytest

from tests.gpu import figures
from tests.orchestrator.pool import tinymodel
from tests.orchestrator.pool.pools import pool
from tests.orchestrator.pool.real import LENGTH, START_S, Real, real_pool, real_table
from tests.orchestrator.pool.realenvironment import real_python

pytestmark = pytest.mark.long

TOOLS = ("--enable-prompt-tokens-details", "--enable-auto-tool-choice", "--tool-call-parser", "hermes")
NGRAM = {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4, "prompt_lookup_min": 2}
CHAT: dict[str, Any] = {"messages": [{"role": "user", "content": "Say something."}], "max_tokens": 40, "temperature": 0}
TOOL: Any = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
CALLED = '<tool_call>\n{"name": "read", "arguments": {"path": "ä.py"}}\n</tool_call>'
LITELLM = """
import json, sys
import litellm
asked = {**json.loads(sys.argv[2]), "model": "openai/tiny", "api_base": sys.argv[1], "api_key": "none"}
whole = litellm.completion(**asked).choices[0].message.content
parts = [chunk.choices[0].delta.content or "" for chunk in litellm.completion(**asked, stream=True)]
print(json.dumps([whole, "".join(parts), len(parts)]))
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("real")
    model = tinymodel.make(folder / "model")
    tables = (
        real_table("tiny", model, TOOLS),
        real_table("ngram", model, ("--speculative-config", json.dumps(NGRAM))),
    )
    with real_pool(folder / "pool", "".join(tables)) as made:
        yield made


@pytest.fixture
def client(real: Real) -> Iterator[openai.OpenAI]:
    with real.client() as made:
        yield made


def test_a_chat_is_answered_whole_and_in_pieces_and_its_usage_is_told(real: Real, client: openai.OpenAI) -> None:
    before = real.metric("tiny", "generation_tokens_total")
    whole = client.chat.completions.create(model="tiny", **CHAT, user="chat")
    said = whole.choices[0].message.content
    chunks = list(client.chat.completions.create(model="tiny", **CHAT, user="chat", stream=True))
    parts = [chunk.choices[0].delta.content or "" for chunk in chunks]
    assert said and "".join(parts) == said and len(parts) > 10
    assert whole.choices[0].finish_reason == chunks[-1].choices[0].finish_reason == "length"
    assert whole.usage is not None and whole.usage.completion_tokens == 40
    assert all(chunk.usage is None for chunk in chunks)
    real.pool.until(lambda: spent(real, "chat").get("calls") == 2)
    assert spent(real, "chat")["tokens_out"] == 80 == real.metric("tiny", "generation_tokens_total") - before
    assert spent(real, "chat")["tokens_in"] == 2 * whole.usage.prompt_tokens


def test_litellm_is_answered_as_the_official_client_is(real: Real, client: openai.OpenAI) -> None:
    words = [str(real_python()), "-W", "ignore", "-c", LITELLM, real.address, json.dumps(CHAT)]
    environ = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120, env=environ)
    assert done.returncode == 0, done.stderr
    whole, joined, parts = json.loads(done.stdout)
    assert whole == joined == client.chat.completions.create(model="tiny", **CHAT).choices[0].message.content
    assert parts > 10


def test_the_text_of_a_tool_call_comes_as_a_call_whole_and_in_pieces(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {**CHAT, "max_tokens": 200, "tools": [TOOL]}
    forced = {"structured_outputs": {"choice": [CALLED]}}
    whole = client.chat.completions.create(model="tiny", **asked, extra_body=forced).choices[0]
    assert whole.finish_reason == "tool_calls" and whole.message.tool_calls
    call: Any = whole.message.tool_calls[0]
    assert call.function.name == "read" and json.loads(call.function.arguments) == {"path": "ä.py"}
    deltas = [
        called
        for chunk in client.chat.completions.create(model="tiny", **asked, extra_body=forced, stream=True)
        for called in chunk.choices[0].delta.tool_calls or ()
        if called.function is not None
    ]
    assert "".join(each.function.name or "" for each in deltas if each.function) == "read"
    pieces = [each.function.arguments or "" for each in deltas if each.function]
    assert json.loads("".join(pieces)) == {"path": "ä.py"} and len(pieces) > 2
    answered = [
        *CHAT["messages"],
        {"role": "assistant", "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "x = 1"},
    ]
    told = client.chat.completions.create(**{**asked, "messages": answered}, model="tiny")
    assert told.usage is not None and told.usage.prompt_tokens > len(CALLED)


def test_a_tickets_second_request_finds_its_prefix_in_the_engines_cache(real: Real, client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "max_tokens": 5, "temperature": 0, "user": "cached"}
    messages: list[Any] = [{"role": "system", "content": "You are one of a crew. " * 20}]
    before = real.metric("tiny", "prefix_cache_hits_total")
    client.chat.completions.create(messages=messages, **asked)
    assert real.metric("tiny", "prefix_cache_hits_total") == before
    again = client.chat.completions.create(messages=[*messages, *CHAT["messages"]], **asked)
    hits = real.metric("tiny", "prefix_cache_hits_total") - before
    assert hits > 400 and again.usage is not None and again.usage.prompt_tokens_details is not None
    assert again.usage.prompt_tokens_details.cached_tokens == hits
    real.pool.until(lambda: spent(real, "cached").get("cached") == hits)


@pytest.mark.parametrize("prompt", ["Say something.", "def total(rows):\n    return sum(rows)\n" * 5])
def test_n_gram_speculation_says_the_same_with_tokens_accepted(prompt: str, real: Real, client: openai.OpenAI) -> None:
    before = real.metric("ngram", "spec_decode_num_accepted_tokens_total")
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": prompt}], "max_tokens": 150, "temperature": 0}
    plain, drafted = (client.chat.completions.create(model=name, **asked) for name in ("tiny", "ngram"))
    assert plain.choices[0].message.content == drafted.choices[0].message.content
    assert plain.usage is not None and drafted.usage is not None
    assert plain.usage.completion_tokens == drafted.usage.completion_tokens == 150
    assert real.metric("ngram", "spec_decode_num_accepted_tokens_total") > before


def test_what_fits_no_context_is_refused_in_the_apis_form_and_costs_nothing(real: Real, client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {**CHAT, "messages": [{"role": "user", "content": "x" * (LENGTH + 1)}]}
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            client.chat.completions.create(model="tiny", **asked, stream=stream, user="long")
        assert refused.value.code == "context_length_exceeded" and str(LENGTH) in refused.value.message
    assert not spent(real, "long").get("tokens_in")


def test_a_client_that_goes_away_ends_the_engines_request(real: Real, client: openai.OpenAI) -> None:
    before, most = real.metric("tiny", "generation_tokens_total"), LENGTH - 200
    with client.chat.completions.create(model="tiny", **{**CHAT, "max_tokens": most}, stream=True) as stream:
        next(iter(stream))
        real.pool.until(lambda: real.metric("tiny", "num_requests_running") == 1)
    real.pool.until(lambda: real.metric("tiny", "num_requests_running") == 0)
    assert real.metric("tiny", "generation_tokens_total") - before < most


def test_what_is_checked_on_gpus_is_measured_here_too(real: Real) -> None:
    size = figures.Size(lines=8, tokens=24)
    told: Any = figures.plain(real, "tiny", size)
    assert told["chat"]["stream_equals_whole"] and told["prefix_cache_hit_rate"] > 0.5
    assert all(told["tokens_per_s"].values()) and told["first_token_s"]["warm"] > 0
    plain = figures.edits(real, "tiny", size)
    drafted = figures.compared(plain, figures.edits(real, "ngram", size, drafts=True))
    assert drafted["equal"] and drafted["speed_ratio"] and "accepted_tokens" in drafted


def test_nobody_asks_an_engine_past_the_address(real: Real) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://127.0.0.1:{real.port('tiny')}/v1/models", timeout=30)
    with refused.value:
        assert refused.value.code == 401


def test_a_model_that_the_engine_does_not_know_is_told_with_its_reason(tmp_path: Path) -> None:
    model = tinymodel.make(tmp_path / "other")
    config = json.loads((model / "config.json").read_text("utf-8"))
    (model / "config.json").write_text(json.dumps({**config, "architectures": ["NoSuchForCausalLM"]}), "utf-8")
    with pool(tmp_path / "pool", real_table("other", model), START_S) as made:
        assert made.process is not None and made.process.wait(30) == 1
        assert "replica other-1 does not come up" in made.log
        assert "Model architectures ['NoSuchForCausalLM'] are not supported" in made.log


def test_a_pool_that_is_killed_leaves_no_engine(real: Real) -> None:
    assert real.pool.process is not None
    below = psutil.Process(real.pool.process.pid).children(recursive=True)
    # The server, the engine's core and its worker, of two models, besides their keepers.
    assert len(below) >= 8
    real.pool.process.send_signal(signal.SIGKILL)
    real.pool.until(lambda: not any(each.is_running() for each in below))


def spent(real: Real, ticket: str) -> dict[str, Any]:
    """Return what `pool status` says that a ticket cost."""
    return next((dict(each) for each in real.pool.status()["spent"] if each["ticket"] == ticket), {})
