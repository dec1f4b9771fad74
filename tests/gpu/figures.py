"""What is measured of a model behind a pool's address: what it says, what its cache has, how fast it is, and what drafts change."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import openai

from tests.orchestrator.pool.real import Real

_STREAMS = (1, 16)
_WORDS = ("rows", "total", "name", "price", "count", "seen", "path", "line")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is asked."""

    lines: int
    """Of the program that prompts are about, a dozen tokens each."""
    tokens: int
    """Of a reply."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A reply, whole: its text, its tokens and its prompt's, seconds to its first piece and to its end."""

    text: str
    tokens: int
    prompt_tokens: int
    first_s: float
    took_s: float
    pieces: int


def plain(real: Real, model: str, size: Size) -> dict[str, object]:
    """Return the figures of a model without drafts."""
    with real.client() as client:
        return {
            "chat": _chat(client, model, size),
            **_cache(real, client, model, size),
            "tokens_per_s": {str(count): _rate(client, model, size, count) for count in _STREAMS},
        }


def edits(real: Real, model: str, size: Size, drafts: bool = False) -> dict[str, object]:
    """Return what comes of rewriting a program with a change, and where the engine drafts, how much of that was accepted."""
    program = _program(size, "edit")
    before = _drafted(real, model) if drafts else {}
    with real.client() as client:
        # The first one fills the cache.
        _ask(client, model, _rewrite(program), 1, program)
        asked = _ask(client, model, _rewrite(program), size.tokens, program)
    told: dict[str, object] = {
        "text": asked.text,
        "tokens_per_s": _per_s(asked.tokens - 1, asked.took_s - asked.first_s),
    }
    return told | {name: value - before[name] for name, value in (_drafted(real, model) if drafts else {}).items()}


def compared(plain: Mapping[str, object], drafted: Mapping[str, object]) -> dict[str, object]:
    """Return what drafts changed: nothing of the text, where arithmetic is the same for one token and for several."""
    texts = str(plain["text"]), str(drafted["text"])
    same = next((at for at, (one, other) in enumerate(zip(*texts, strict=False)) if one != other), min(map(len, texts)))
    rates = [float(str(each["tokens_per_s"])) for each in (plain, drafted)]
    return {
        "equal": texts[0] == texts[1],
        "equal_characters": same,
        "characters": len(texts[0]),
        "speed_ratio": round(rates[1] / rates[0], 3) if rates[0] else None,
        **{name: value for name, value in drafted.items() if name != "text"},
    }


def _chat(client: openai.OpenAI, model: str, size: Size) -> dict[str, object]:
    messages = _about(_program(size, "chat"), "What does this program do?")
    reply = client.chat.completions.create(
        model=model, messages=messages, max_tokens=size.tokens, temperature=0, extra_body={"ignore_eos": True}
    )
    streamed = _ask(client, model, messages, size.tokens)
    said = reply.choices[0].message.content or ""
    assert said and streamed.text, "the model said nothing"
    assert reply.usage is not None and reply.usage.completion_tokens == streamed.tokens == size.tokens
    return {"tokens": streamed.tokens, "pieces": streamed.pieces, "stream_equals_whole": said == streamed.text}


def _cache(real: Real, client: openai.OpenAI, model: str, size: Size) -> dict[str, object]:
    """Ask the same twice: the second time its prompt is in the engine's cache."""
    messages = _about(_program(size, "cache"), "What does this program do?")
    cold = _ask(client, model, messages, 2)
    before = {name: real.metric(model, f"prefix_cache_{name}_total") for name in ("hits", "queries")}
    warm = _ask(client, model, messages, 2)
    hits, queries = (real.metric(model, f"prefix_cache_{name}_total") - was for name, was in before.items())
    assert hits > 0, "the engine's cache did not have a prompt that it had just read"
    return {
        "prefix_cache_hit_rate": round(hits / queries, 4),
        "prompt_tokens": cold.prompt_tokens,
        "first_token_s": {"cold": round(cold.first_s, 4), "warm": round(warm.first_s, 4)},
    }


def _rate(client: openai.OpenAI, model: str, size: Size, count: int) -> float:
    """Return the tokens a second of so many streams together."""
    prompts = [_about(_program(size, f"{count} streams, {at}"), "What does this program do?") for at in range(count)]
    began = time.perf_counter()
    with ThreadPoolExecutor(count) as threads:
        asked = list(threads.map(lambda messages: _ask(client, model, messages, size.tokens), prompts))
    return _per_s(sum(each.tokens for each in asked), time.perf_counter() - began)


def _ask(client: openai.OpenAI, model: str, messages: Sequence[Any], tokens: int, original: str | None = None) -> Asked:
    """Ask for exactly so many tokens, streamed; an original is what the reply is said to repeat with changes."""
    more: dict[str, Any] = {} if original is None else {"prediction": {"type": "content", "content": original}}
    began, first_s, pieces, told = time.perf_counter(), 0.0, [], (0, 0)
    for chunk in client.chat.completions.create(
        model=model,
        messages=list(messages),
        max_tokens=tokens,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
        extra_body={"ignore_eos": True},
        **more,
    ):
        if chunk.usage is not None:
            told = chunk.usage.completion_tokens, chunk.usage.prompt_tokens
        elif chunk.choices and chunk.choices[0].delta.content:
            first_s = first_s or time.perf_counter() - began
            pieces.append(chunk.choices[0].delta.content)
    return Asked("".join(pieces), *told, first_s, time.perf_counter() - began, len(pieces))


def _drafted(real: Real, model: str) -> dict[str, float]:
    return {
        name: real.metric(model, f"spec_decode_num_{name}_total")
        for name in ("drafts", "draft_tokens", "accepted_tokens")
    }


def _about(program: str, question: str) -> list[Any]:
    return [{"role": "user", "content": f"```python\n{program}```\n\n{question}"}]


def _rewrite(program: str) -> list[Any]:
    return _about(program, "Write the whole program again, with `total` renamed to `amount`. Write nothing else.")


def _program(size: Size, name: str) -> str:
    """Return a program that begins with its name, so that no other one's prefix is its own."""
    lines = [f'"""For {name}."""']
    for at in range(size.lines):
        word, other = _WORDS[at % len(_WORDS)], _WORDS[(at * 3 + 1) % len(_WORDS)]
        lines.append(f"def {word}_{at}({other}):\n    return {other}.{word} + {at}\n" if at % 4 else f"# {word} {at}")
    return "\n".join((*lines, ""))


def _per_s(tokens: int, seconds: float) -> float:
    return round(tokens / seconds, 2) if seconds > 0 else 0.0
