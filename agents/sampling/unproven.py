"""Where no test shows the bug: which edit is chosen nevertheless, by votes, what is asked where these do not decide, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable

from agents.agent import Option, Proposal, Question, Workspace
from agents.repair.clusters import UNDECIDED, Cluster, Clusters
from agents.repair.question import MOST_OPTIONS
from agents.sampling.sample import Sample
from agents.wording import plain

_SHOWN = 200


def likeliest(clusters: Clusters[Sample]) -> tuple[Cluster[Sample], ...]:
    """Return what passes, most votes first, but what was seen to do nothing else than the code as it is last."""
    return tuple(sorted(clusters.clusters, key=lambda each: (_idle(clusters, each.members[0]), -each.weight)))


def share(clusters: Clusters[Sample]) -> float:
    """Return the likeliest edit's part of all votes, but for those of edits that were seen to change nothing."""
    first, *others = likeliest(clusters)
    against = sum(each.weight for each in others if not _idle(clusters, each.members[0]))
    return first.weight / (first.weight + against) if against else 1.0


def asked(
    clusters: Clusters[Sample], offer: Callable[[Sample], Proposal | None], workspace: Workspace
) -> Question | None:
    """Return the question which edit is meant; None where the votes decide, or fewer than two edits hold."""
    if share(clusters) >= UNDECIDED:
        return None
    offers = ((each.members[0], offer(each.members[0])) for each in likeliest(clusters)[:MOST_OPTIONS])
    options = tuple(Option(proposal, _shows(choice)) for choice, proposal in offers if proposal is not None)
    if len(options) < 2:
        return None
    text = f"No test shows what the ticket says, and none tells {len(options)} edits apart that keep all passing: which one is meant?"
    workspace.note("question", {"text": text, "options": [each.shows for each in options]}, progress=text)
    return Question(text, options)


def _idle(clusters: Clusters[Sample], sample: Sample) -> bool:
    """Say whether a sample was called on inputs, and did what the code as it is does on all of them."""
    at = clusters.order.index(sample)
    pairs = [(each.outcomes[at], each.before) for each in clusters.behaviours if each.outcomes[at] and each.before]
    return bool(pairs) and all(one == other for one, other in pairs)


def _shows(sample: Sample) -> str:
    old, new = (_short(text) for text in (sample.old, sample.new))
    return f"in {sample.place.path}, `{new}` stands for `{old}`"


def _short(text: str) -> str:
    words = " ".join(plain(text).split()).replace("`", "'")
    return words if len(words) <= _SHOWN else f"{words[: _SHOWN - 1].rstrip()}…"
