"""The question: where plausible patches do different things and nothing decides, the smallest input that tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.agent import Option, Proposal, Question, Workspace
from agents.repair.clusters import Clusters, Patch, telling
from agents.wording import plain
from verifier import Behaviour

MOST_OPTIONS = 4
_MOST = 200


def asked_among(
    clusters: Clusters[Patch], offer: Callable[[Patch], Proposal | None], workspace: Workspace
) -> Question | None:
    """Return the question with an option for each of the heaviest clusters; None where no input tells them apart.

    `offer` confirms a patch by a real run and leaves the workspace as it was.
    """
    first = clusters.clusters[0]
    options: list[tuple[Patch, Proposal]] = []
    for cluster in (first, *clusters.rivals(first)):
        offers = ((each, offer(each)) for each in cluster.members)
        confirmed = next(((each, proposal) for each, proposal in offers if proposal is not None), None)
        options += [confirmed] if confirmed is not None else []
        if len(options) == MOST_OPTIONS:
            break
    offered = [choice for choice, _ in options]
    inputs = telling(clusters, offered)
    if not inputs:
        return None
    text, shows = question(clusters, offered, inputs)
    workspace.note("question", {"text": text, "options": [each.title for _, each in options]}, progress=text)
    return Question(text, tuple(Option(each, told) for (_, each), told in zip(options, shows, strict=True)))


def question(
    clusters: Clusters[Patch], offered: Sequence[Patch], inputs: Sequence[Behaviour]
) -> tuple[str, tuple[str, ...]]:
    """Return the question that decides among patches by inputs that tell them apart, and what each of them shows there."""
    calls = [f"`{_short(each.call)}`" for each in inputs]
    passed = f"{len(clusters.order)} patches make the failing tests pass and break no other"
    found = f"{passed}, but they do not do the same: what should {' and '.join(calls)} do?"
    before = [_does(call, each.before_shown) for call, each in zip(calls, inputs, strict=True) if each.before]
    text = f"{found} As the code is, {_listed(before)}." if before else found
    return text, tuple(_shows(clusters, calls, inputs, patch) for patch in offered)


def _shows(clusters: Clusters[Patch], calls: Sequence[str], inputs: Sequence[Behaviour], patch: Patch) -> str:
    told = [
        _does(call, clusters.shown(each, patch)) if clusters.on(each, patch) else f"what {call} does cannot be told"
        for call, each in zip(calls, inputs, strict=True)
    ]
    return _listed(told)


def _does(call: str, shown: str) -> str:
    return f"{call} {_short(shown)}"


def _listed(parts: Sequence[str]) -> str:
    return "; ".join(parts)


def _short(text: str) -> str:
    words = " ".join(plain(text).split()).replace("`", "'")
    return words if len(words) <= _MOST else f"{words[: _MOST - 1].rstrip()}…"
