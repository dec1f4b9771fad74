"""One order over all candidates of all places, made lazily: suspicion times prior times what the failure's kind makes likely."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from agents.repair.localise import Place
from agents.repair.site import Operator
from agents.repair.variants import Draft, Variant, Variants

_LIKELY: Mapping[str, Mapping[str, float]] = {
    "NameError": {"name that does not exist": 2.0, "another name in scope": 1.5, "self": 3.0},
    "UnboundLocalError": {"another name in scope": 1.5, "statements swapped": 1.5, "statement moved out": 1.5},
    "AttributeError": {"attribute that does not exist": 2.0, "another attribute": 2.0, "paired method": 1.5,
                       "missing guard": 1.5, "statement made conditional": 1.5, "conjunct added": 1.5, "default value": 1.5},
    "TypeError": {"argument added": 1.8, "argument dropped": 1.8, "keyword renamed": 2.0, "wrapped in a call": 1.6,
                  "unpacked argument": 1.8, "called": 2.0, "freed of a call": 1.3, "conjunct added": 1.3, "missing guard": 1.3,
                  "default value": 1.5, "method call dropped": 1.3, "wider isinstance": 1.3, "return added at the end": 1.5},
    "KeyError": {"lookup with a default": 2.0, "statement made conditional": 1.5, "wider except": 2.0, "string literal": 1.5,
                 "missing guard": 1.3},
    "IndexError": {"off by one": 1.6, "number literal": 1.3, "slice bound": 1.3, "missing guard": 1.8, "conjunct added": 1.6,
                   "comparison and boundary": 1.5, "range and index": 1.5},
    "ZeroDivisionError": {"missing guard": 2.0, "conjunct added": 1.5, "default value": 1.5},
    "ValueError": {"wider except": 1.5, "missing guard": 1.3, "another exception raised": 1.3},
    "RecursionError": {"off by one": 1.5, "another name in scope": 1.3, "missing guard": 1.3, "negation": 1.3},
    "UnicodeDecodeError": {"argument added": 2.0, "wider except": 1.5},
    "DID NOT RAISE": {"comparison and boundary": 1.4, "negation": 1.3, "conjunct added": 1.3, "statement dropped": 0.3},
}  # fmt: skip


def likely(messages: Sequence[str]) -> dict[str, float]:
    """Return factors for operators by the kinds of error in the failures' messages; operators not named keep theirs."""
    factors: dict[str, float] = {}
    for kind, table in _LIKELY.items():
        if any(kind in message for message in messages):
            factors |= {name: max(factor, factors.get(name, factor)) for name, factor in table.items()}
    return factors


def ranked(
    places: Sequence[Place], operators: Sequence[Operator], factors: Mapping[str, float], seed: int = 0
) -> Iterator[tuple[float, Variant]]:
    """Yield every variant of every place with its score, highest first.

    A place's variants are made only when its best possible score is the highest left, so that the first ones come at
    once. Equal scores are ordered by `seed`.
    """
    variants = Variants(operators)
    top = max((each.weight * factors.get(each.name, 1.0) for each in operators), default=0.0) * 2.0
    draw, tie = random.Random(seed), count()
    heap: list[tuple[float, float, int, Place | Draft]] = [
        (-place.suspicion * top, 0.0, next(tie), place) for place in places
    ]
    heapq.heapify(heap)
    while heap:
        score, _, _, found = heapq.heappop(heap)
        if isinstance(found, Draft):
            if variant := variants.check(found):
                yield -score, variant
            continue
        for draft in variants.drafts(found.module, found.block):
            value = found.suspicion * draft.prior * factors.get(draft.operator, 1.0)
            heapq.heappush(heap, (-value, draw.random(), next(tie), draft))
