"""Measures drafts of edits on real commits: a file before, the same file after it, written whole by a model that never errs.

Verification is greedy and exact: what of a draft is what follows is accepted, and the model adds one token. What was tuned was tuned on
`DEVELOPMENT` alone; what is reported is `REPORTED`. Of each repository commits are drawn under a seed from the newest ones that are no merges, and of
each commit one source file that it changed in place, of 200 to 8,000 tokens (Qwen's) before and after.
"""

from __future__ import annotations

import random
import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from orchestrator.pool.drafting import Original
from tests.bench.bug_fixes import SOURCE, git, repository
from tests.bench.pool_drafts_peers import Drafter, Ngram, Suffix
from tests.bench.target import Target

DEVELOPMENT = ("axios", "marshmallow", "werkzeug")
REPORTED = ("aiohttp", "astropy", "celery", "gin", "pylint", "ripgrep", "scrapy", "sphinx")
LIMITS = (8, 32, 128)
TIMES = 3.0
_FEWEST = 5
_CASES, _QUICK_CASES = 40, 8
_HISTORY = 6_000
_SEED = 7
_TOKENS = range(200, 8_001)
_ENCODING = "qwen3"


@dataclass(frozen=True, slots=True)
class Edit:
    """A file that a commit changed: the prompt that asks for it (the commit's message and the file), the file before and after, in tokens."""

    prompt: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


Way = Callable[[Edit], Drafter]
NGRAM = "n-grams, vLLM's defaults (5 to 5)"
WAYS: Mapping[str, Way] = {
    "original": lambda edit: Original(edit.before),
    NGRAM: lambda edit: Ngram(edit.prompt),
    "n-grams, the best settings found (2 to 16)": lambda edit: Ngram(edit.prompt, 2, 16),
    "suffix decoding, vLLM's defaults": lambda edit: Suffix(edit.prompt),
    "suffix decoding, the best settings found (depth 64, factor 4)": lambda edit: Suffix(edit.prompt, 64, 4.0),
}


def measure(quick: bool, data: Path | None) -> Iterator[Target]:
    """Yield the targets; the repositories are looked for in `data`."""
    there = {name: at for name in REPORTED if data is not None and (at := repository(data, name))}
    if len(there) < _FEWEST:
        why = f"DATA must hold at least {_FEWEST} of these repositories, with their history: {', '.join(REPORTED)}"
        yield from (Target(_what(limit), "times", TIMES, None, least=True, why=why) for limit in LIMITS)
        return
    edits = {name: drawn(at, name, _QUICK_CASES if quick else _CASES) for name, at in there.items()}
    for limit in LIMITS:
        yield _compared(limit, edits)


def _what(limit: int) -> str:
    return f"fast edits: tokens a verification step, of those with n-grams, at a draft limit of {limit}"


def _compared(limit: int, edits: Mapping[str, Sequence[Edit]]) -> Target:
    """Compare all ways at one limit: the mean of the repositories' tokens a step."""
    steps = {way: {name: per_step(make, each, limit) for name, each in edits.items()} for way, make in WAYS.items()}
    means = {way: statistics.mean(each.values()) for way, each in steps.items()}
    bound = statistics.mean(copied_at_best(each, limit) for each in edits.values())
    beside = {f"{way}, tokens a step": mean for way, mean in means.items()}
    beside |= {"the most that copies of prompt and reply can reach, tokens a step": bound}
    beside |= {f"{name}, times": steps["original"][name] / steps[NGRAM][name] for name in edits}
    beside |= {"edits": sum(map(len, edits.values()))}
    why = f"n-grams reach {means[NGRAM]:.1f} tokens a step; what is new in an edit stands nowhere, so copies that know what follows reach {bound / means[NGRAM]:.2f} times"
    return Target(_what(limit), "times", TIMES, means["original"] / means[NGRAM], beside, least=True, why=why)


def per_step(make: Way, edits: Sequence[Edit], limit: int) -> float:
    """Return how many tokens of the files each verification step gives; the first token of each comes with its prompt."""
    tokens = steps = 0
    for edit in edits:
        drafter, after = make(edit), edit.after
        drafter.take(after[:1])
        at = 1
        while at < len(after):
            end = at + _accepted(drafter.draft(limit), after[at : at + limit]) + 1
            drafter.take(after[at:end])
            at = end
            steps += 1
        tokens += len(after) - 1
    return tokens / steps


def _accepted(draft: Sequence[int], right: Sequence[int]) -> int:
    return next(
        (at for at, (one, other) in enumerate(zip(draft, right, strict=False)) if one != other),
        min(len(draft), len(right)),
    )


def copied_at_best(edits: Sequence[Edit], limit: int) -> float:
    """Return what a drafter reaches that knows what follows, and copies the longest piece of it that stands in prompt or reply."""
    tokens = steps = 0
    for edit in edits:
        text, start = (*edit.prompt, *edit.after), len(edit.prompt)
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, token in enumerate(text):
            places[token].append(place)
        at = start + 1
        while at < len(text):
            there = places[text[at]]
            at += _longest(text, at, there[: bisect_left(there, at)], limit) + 1
            steps += 1
        tokens += len(edit.after) - 1
    return tokens / steps


def _longest(text: Sequence[int], at: int, places: Sequence[int], limit: int) -> int:
    """Return how much of what follows stands at one of the places, before what follows."""
    best, most = 0, min(limit, len(text) - at)
    for place in places:
        # One that is no longer is not looked at whole.
        if best < min(most, at - place) and text[place + best] == text[at + best]:
            best = max(best, _accepted(text[place : min(place + most, at)], text[at : at + most]))
    return best


def drawn(git_dir: Path, name: str, most: int) -> list[Edit]:
    """Return files that commits changed, drawn by the rule above."""
    words = ("--no-merges", f"--max-count={_HISTORY}", "--no-renames", "--diff-filter=M", "--raw", "--abbrev=40")
    commits = git(git_dir, "log", *words, "--format=%x00%B%x01").split("\0")[1:]
    chance = random.Random(f"{_SEED}:{name}")
    chance.shuffle(commits)
    encode = _encoder()
    edits: list[Edit] = []
    for commit in commits:
        if len(edits) == most:
            break
        message, _, raw = commit.partition("\1")
        lines = [line.partition("\t") for line in raw.splitlines() if line.startswith(":100") and line.endswith(SOURCE)]
        chance.shuffle(lines)
        found = (_edit(git_dir, encode, message, path, *told.split()[2:4]) for told, _, path in lines)
        edits += islice(filter(None, found), 1)
    return edits


def _edit(
    git_dir: Path, encode: Callable[[str], tuple[int, ...]], message: str, path: str, old: str, new: str
) -> Edit | None:
    before, after = (git(git_dir, "cat-file", "blob", id) for id in (old, new))
    edit = Edit(
        encode(f"{message.strip()}\n\nWrite the file whole, with that change.\n\n{path}\n```\n{before}```\n"),
        encode(before),
        encode(after),
    )
    return edit if len(edit.before) in _TOKENS and len(edit.after) in _TOKENS else None


def _encoder() -> Callable[[str], tuple[int, ...]]:
    from quicktok import get_encoding

    encoding: Any = get_encoding(_ENCODING)
    return lambda text: tuple(encoding.encode_ordinary(text))
