"""Prompts: what rendering a hundred thousand parts takes, and how much of a turn's tokens a server's prefix cache holds."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice, pairwise
from pathlib import Path
from typing import TypeVar

from agents.models import Role, ToolCall
from agents.prompts import Group, Layout, Pace, Part, Prompt, Rendered, TokenCounter, render
from tests.bench.target import Target

ROOT = Path(__file__).parents[2]
ENCODING = "qwen3"
PARTS = 100_000
CHARACTERS = 200
TURNS = 30
CONTEXT_TOKENS, SMALL_CONTEXT_TOKENS = 32_768, 16_384
READ_LINES = 40
_PAGES = ("docs/architecture.md", "docs/verifier.md")
"""What stands for the system prompt, the tools, and the map of a repository: some 8,000 tokens that stay."""

Result = TypeVar("Result")


def measure(quick: bool, data: Path | None) -> list[Target]:
    """Return the targets of prompts; nothing is needed of `data`."""
    del data
    return [*_speed(20_000 if quick else PARTS), *_prefix()]


def _speed(parts: int) -> Iterator[Target]:
    """Render parts of real text, a ninth fenced, with nothing counted before and again with all counted; CPU seconds."""
    text = "".join(path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("*.py")))
    pieces = [text[start : start + CHARACTERS] for start in (i * 37 % (len(text) - CHARACTERS) for i in range(parts))]
    made = tuple(
        Part(f"step {i}", f"{i} {piece}", priority=i % 7, untrusted=i % 9 == 0) for i, piece in enumerate(pieces)
    )
    values = [asdict(part) for part in made]
    TokenCounter(ENCODING)
    for what, limit in (("within 128,000 tokens", 128_000), ("all of them", 1 << 40)):
        ratios: dict[str, list[float]] = {"cold": [], "warm": []}
        for _ in range(3):
            dumped_s, _ = _cpu(lambda: json.dumps(values))
            count = TokenCounter(ENCODING)
            for name in ratios:
                layout = Layout(limit)
                taken_s, _ = _cpu(lambda layout=layout, count=count: render(Prompt(log=made), layout, count))  # type: ignore[misc]
                ratios[name].append(taken_s / dumped_s)
        beside = {"with the counts of a turn before": statistics.median(ratios["warm"])}
        value = statistics.median(ratios["cold"])
        yield Target(f"rendering {parts:,} parts, {what}", "times json.dumps of them", 5.0, value, beside)


def _cpu(work: Callable[[], Result]) -> tuple[float, Result]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _prefix() -> Iterator[Target]:
    """Go through a scripted conversation: each turn reads lines of a file of this repository, and says why."""
    value, worst, turns = _share(CONTEXT_TOKENS)
    less, _, evicted = _share(SMALL_CONTEXT_TOKENS)
    beside = {
        "worst turn": worst,
        "tokens of the last turn": float(turns[-1].tokens),
        f"with {evicted[-1].steps} eviction steps, in {SMALL_CONTEXT_TOKENS:,} tokens": less,
    }
    what = f"tokens of a turn that are the prefix of the turn before, over {TURNS} turns in {CONTEXT_TOKENS:,} tokens"
    yield Target(what, "share", 0.95, value, beside, least=True)


def _share(limit: int) -> tuple[float, float, list[Rendered]]:
    """Return the share over all turns, that of the worst, and the turns."""
    count = TokenCounter(ENCODING)
    turns = [render(_turn(number), Layout(limit, reply=1024), count) for number in range(1, TURNS + 1)]
    shared = [_shared(before, now, count) for before, now in pairwise(turns)]
    tokens = [turn.tokens for turn in turns[1:]]
    return sum(shared) / sum(tokens), min(a / b for a, b in zip(shared, tokens, strict=True)), turns


def _turn(number: int) -> Prompt:
    pages = [(ROOT / page).read_text("utf-8") for page in _PAGES]
    prefix = (
        Part("system", pages[0], Role.SYSTEM, pace=Pace.RELEASE),
        Part("map", pages[1], pace=Pace.REPOSITORY),
        Part("ticket", "The suite's command is split at spaces within quotes.", untrusted=True),
    )
    tail = Part(
        "state", f"Turn {number} of {TURNS}; {TURNS - number} are left. No edit so far. Tests: 3 fail.", priority=1
    )
    return Prompt(prefix, tuple(_log(number)), (tail,))


def _log(turns: int) -> Iterator[Group]:
    for number, path in enumerate(islice(sorted((ROOT / "agents").rglob("*.py")), turns)):
        name = str(path.relative_to(ROOT))
        lines = "\n".join(path.read_text("utf-8").splitlines()[:READ_LINES])
        call = ToolCall(f"call_{number}", "read", json.dumps({"path": name, "first": 1, "last": READ_LINES}))
        said = Part("said", f"The failure may come from {name}; I read its beginning.", Role.ASSISTANT, calls=(call,))
        told = Part("told", lines, Role.TOOL, untrusted=True, answers=call.id)
        yield Group(f"turn {number}", (said, told), whole=True, instead=f"[lines of {name}, read earlier]")


def _shared(before: Rendered, now: Rendered, count: TokenCounter) -> int:
    """Return the tokens that both turns begin with, as a server's cache sees them: whole messages, then a part of one."""
    shared = 0
    for one, other in zip(before.messages, now.messages, strict=False):
        if one == other:
            calls = sum(count(f"{call.name} {call.arguments}") + 8 for call in other.calls)
            shared += count(other.text) + calls + 4
            continue
        if one.role is other.role:
            same = next(
                (i for i, (a, b) in enumerate(zip(one.text, other.text, strict=False)) if a != b), len(one.text)
            )
            shared += count(other.text[:same])
        break
    return shared
