"""Clusters: plausible patches that no input tells apart, by what each does on inputs that tests give and on mutations of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from verifier import Behaviour

Patch = TypeVar("Patch")


class Judge(Protocol[Patch]):
    """Says how good a patch looks by itself."""

    def merit(self, patch: Patch, /) -> float: ...

    def smallest_first(self, patches: Sequence[Patch], /) -> list[Patch]:
        """Return patches that do the same, the one to offer first."""
        ...


UNDECIDED = 0.9
"""Below this share of its own and its rivals' weight the heaviest cluster does not decide."""


@dataclass(frozen=True, slots=True)
class Cluster(Generic[Patch]):
    """Plausible patches that behave alike, the smallest edit first; `weight` is their merit together."""

    members: tuple[Patch, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class Clusters(Generic[Patch]):
    """All plausible patches in clusters, the heaviest first, and what was compared: `order` has the patches as `behaviours` has them."""

    clusters: tuple[Cluster[Patch], ...]
    order: tuple[Patch, ...]
    behaviours: tuple[Behaviour, ...]

    @property
    def compared(self) -> int:
        """The number of inputs on which at least two patches could be compared."""
        return sum(sum(map(bool, each.outcomes)) > 1 for each in self.behaviours)

    def rivals(self, cluster: Cluster[Patch]) -> tuple[Cluster[Patch], ...]:
        """Return the clusters that some input tells apart from this one."""
        return tuple(each for each in self.clusters if each is not cluster and self._differ(cluster, each))

    def share(self) -> float:
        """Return the heaviest cluster's part of its own and its rivals' weight; 1 where nothing speaks against it."""
        if not self.clusters:
            return 1.0
        first = self.clusters[0]
        against = sum(each.weight for each in self.rivals(first))
        return first.weight / (first.weight + against) if against else 1.0

    @property
    def undecided(self) -> bool:
        """Whether patches do different things, and none of these outweighs the others so far that it is offered unasked."""
        return self.share() < UNDECIDED

    def on(self, behaviour: Behaviour, patch: Patch) -> str:
        """Return what a patch does on an input, "" where that cannot be compared."""
        return behaviour.outcomes[self.order.index(patch)]

    def shown(self, behaviour: Behaviour, patch: Patch) -> str:
        """Return the same to be read."""
        return behaviour.shown[self.order.index(patch)]

    def _differ(self, one: Cluster[Patch], other: Cluster[Patch]) -> bool:
        first, second = (tuple(map(self.order.index, each.members)) for each in (one, other))
        return any(_agreement(self.behaviours, a, b) is None for a in first for b in second)


def clustered(patches: Sequence[Patch], behaviours: Sequence[Behaviour], judge: Judge[Patch]) -> Clusters[Patch]:
    """Put patches (as `behaviours` has them, the likeliest first) into clusters.

    Two patches are told apart by one input on which both can be compared and do not do the same. That is not transitive where some
    cannot be compared, so a cluster takes a patch only if nothing tells it from any member, and something was compared with
    one; of several such clusters, that with which it agreed most often. A patch that cannot be compared stays alone.
    """
    groups: list[list[int]] = []
    for each in range(len(patches)):
        agreed = [_agreed(behaviours, each, group) for group in groups]
        if max(agreed, default=0) > 0:
            groups[agreed.index(max(agreed))].append(each)
        else:
            groups.append([each])
    alike = [[patches[each] for each in group] for group in groups]
    clusters = [Cluster(tuple(judge.smallest_first(group)), sum(map(judge.merit, group))) for group in alike]
    clusters.sort(key=lambda cluster: -cluster.weight)
    return Clusters(tuple(clusters), tuple(patches), tuple(behaviours))


def telling(clusters: Clusters[Patch], patches: Sequence[Patch], most: int = 3) -> tuple[Behaviour, ...]:
    """Return the inputs that tell patches apart: one that tells apart most of them, the smallest such, then one for what is left."""
    apart = {(one, other) for at, one in enumerate(patches) for other in patches[at + 1 :]}
    found: list[Behaviour] = []
    while apart and len(found) < most:
        told = {
            at: {pair for pair in apart if _differs(*(clusters.on(each, patch) for patch in pair))}
            for at, each in enumerate(clusters.behaviours)
        }
        best = min(told, key=lambda at: (-len(told[at]), clusters.behaviours[at].size, at), default=None)
        if best is None or not told[best]:
            break
        found.append(clusters.behaviours[best])
        apart -= told[best]
    return tuple(found)


def _agreed(behaviours: Sequence[Behaviour], patch: int, group: Sequence[int]) -> int:
    counts = [_agreement(behaviours, patch, member) for member in group]
    return sum(count or 0 for count in counts) if None not in counts else 0


def _agreement(behaviours: Sequence[Behaviour], one: int, other: int) -> int | None:
    """Return on how many inputs two patches do the same, None where some input tells them apart."""
    pairs = [(each.outcomes[one], each.outcomes[other]) for each in behaviours]
    if any(_differs(*pair) for pair in pairs):
        return None
    return sum(bool(one and other) for one, other in pairs)


def _differs(one: str, other: str) -> bool:
    return bool(one and other) and one != other
