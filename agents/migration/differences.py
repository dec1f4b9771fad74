"""Where two trees of one file differ: the smallest nodes that hold a whole change, and runs of statements put for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from agents.migration.tree import CALLS, GROUPS, IMPORTS, MEMBERS, PARTS, Node, walk

MOST_NODES = 400
"""Of one side of a site; what is larger is no pattern."""
_MOST_COMPARED = 1_000_000
_PAIRED = 40
_ALIKE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """Nodes side by side, and those that stand in their place afterwards; one of the two may be empty.

    `within` are sites inside of it that do the same by themselves, `above` the pairs of nodes that hold it, outermost first.
    """

    before: tuple[Node, ...]
    after: tuple[Node, ...]
    within: tuple[Site, ...] = ()
    above: tuple[tuple[Node, Node], ...] = ()

    def wider(self) -> Site | None:
        """Return the next larger site in the same statement, None where there is none."""
        if not self.above or any(node.statement for node in self.before):
            return None
        *above, (old, new) = self.above
        return Site((old,), (new,), self.within, tuple(above)) if above else None


@dataclass(frozen=True, slots=True)
class _Change:
    """A run of children that differs; `above` are the pairs of nodes from the root down to the parents."""

    above: tuple[tuple[Node, Node], ...]
    before: tuple[Node, ...]
    after: tuple[Node, ...]


def sites(before: Node, after: Node, imported: frozenset[str] = frozenset()) -> list[Site]:
    """Return where two trees differ, in their order. `imported` names may stand alone as a site."""
    found: dict[tuple[int, int], Site] = {}
    for change in _changes(before, after, ()):
        site = _climbed(change, imported)
        if site.before:
            found.setdefault((site.before[0].start, site.before[-1].end), site)
        elif site.after:
            found.setdefault((-1 - site.after[0].start, -1), site)
    return _nested(list(found.values()))


def _changes(before: Node, after: Node, above: tuple[tuple[Node, Node], ...]) -> Iterator[_Change]:
    if before.digest == after.digest:
        return
    above = (*above, (before, after))
    for old, new in _runs(before.children, after.children):
        if len(old) == len(new) == 1 and old[0].kind == new[0].kind and old[0].children and new[0].children:
            yield from _changes(old[0], new[0], above)
        else:
            yield _Change(above, old, new)


def _runs(before: tuple[Node, ...], after: tuple[Node, ...]) -> Iterator[tuple[tuple[Node, ...], tuple[Node, ...]]]:
    """Yield the runs of children that differ, pairs of nodes where two are alike."""
    first = 0
    while first < min(len(before), len(after)) and before[first].digest == after[first].digest:
        first += 1
    last = 0
    while last < min(len(before), len(after)) - first and before[-1 - last].digest == after[-1 - last].digest:
        last += 1
    old, new = before[first : len(before) - last], after[first : len(after) - last]
    if len(old) * len(new) > _MOST_COMPARED:
        yield old, new
        return
    matcher = SequenceMatcher(None, [each.digest for each in old], [each.digest for each in new], autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        if tag != "equal":
            yield from _paired(old[i:j], new[k:m])


def _paired(old: tuple[Node, ...], new: tuple[Node, ...]) -> Iterator[tuple[tuple[Node, ...], tuple[Node, ...]]]:
    if len(old) == len(new) == 1 or not old or not new or max(len(old), len(new)) > _PAIRED:
        yield old, new
        return
    i = k = 0
    for x, y in [*_pairs(old, new), (len(old), len(new))]:
        if x > i or y > k:
            yield old[i:x], new[k:y]
        if x < len(old):
            yield (old[x],), (new[y],)
        i, k = x + 1, y + 1


def _pairs(old: Sequence[Node], new: Sequence[Node]) -> list[tuple[int, int]]:
    """Return which nodes are alike, in order, so that they are most alike in sum."""
    best: dict[tuple[int, int], tuple[float, list[tuple[int, int]]]] = {}
    bags = [[_words(node) for node in side] for side in (old, new)]
    for x in range(len(old), -1, -1):
        for y in range(len(new), -1, -1):
            if x == len(old) or y == len(new):
                best[x, y] = 0.0, []
                continue
            choice = max(best[x + 1, y], best[x, y + 1], key=lambda each: each[0])
            alike = _alike(bags[0][x], bags[1][y]) if old[x].kind == new[y].kind else 0.0
            if alike >= _ALIKE and alike + best[x + 1, y + 1][0] > choice[0]:
                choice = alike + best[x + 1, y + 1][0], [(x, y), *best[x + 1, y + 1][1]]
            best[x, y] = choice
    return best[0, 0][1]


def _words(node: Node) -> Counter[str]:
    return Counter(leaf.text for leaf in walk(node) if not leaf.children)


def _alike(one: Counter[str], other: Counter[str]) -> float:
    total = one.total() + other.total()
    return 2 * (one & other).total() / total if total else 0.0


def _climbed(change: _Change, imported: frozenset[str]) -> Site:
    """Return the smallest whole thing around a change: an expression or statements, no callee, argument or operator alone."""
    above = list(change.above)
    before, after = change.before, change.after
    for old, new in above:
        if old.kind in IMPORTS:
            return Site((old,), (new,))
    if any(node.statement for node in (*before, *after)) and not (len(before) == len(after) == 1):
        return Site(before, after, above=tuple(above))
    if len(before) != 1 or len(after) != 1:
        before, after = (above[-1][0],), (above[-1][1],)
        above.pop()
    while above and _partial(before[0], above[-1][0], imported):
        old, new = above.pop()
        before, after = (old,), (new,)
    return Site(before, after, above=tuple(above))


def _partial(node: Node, parent: Node, imported: frozenset[str]) -> bool:
    """Say whether a node is no whole thing below its parent."""
    if node.statement:
        return False
    if node.kind in CALLS and parent.kind not in CALLS:
        return False
    if parent.kind in CALLS or parent.kind in MEMBERS or node.kind in GROUPS or node.kind in PARTS:
        return True
    return not node.children and node.name not in imported


def _nested(found: list[Site]) -> list[Site]:
    """Return the sites that lie in no other, and in each those that do the same as it does."""
    outer: list[Site] = []
    for site in sorted(found, key=_extent):
        if outer and site.before and outer[-1].before and site.before[-1].end <= outer[-1].before[-1].end:
            holder = outer[-1]
            if _head(site) == _head(holder) != ("", ""):
                outer[-1] = Site(holder.before, holder.after, (*holder.within, site), holder.above)
        else:
            outer.append(site)
    return [each for site in outer for each in (site, *_apart(site.within))]


def _apart(within: tuple[Site, ...]) -> tuple[Site, ...]:
    # Those inside of one another again; each is a site of its own, with those below it as its own.
    inner = _nested(list(within)) if len(within) > 1 else list(within)
    return tuple(inner)


def _extent(site: Site) -> tuple[int, int]:
    return (site.before[0].start, -site.before[-1].end) if site.before else (-1, site.after[0].start)


def _head(site: Site) -> tuple[str, str]:
    """Return what is called before and after."""
    return (_called(site.before), _called(site.after))


def _called(nodes: tuple[Node, ...]) -> str:
    if len(nodes) != 1 or nodes[0].kind not in CALLS:
        return ""
    return " ".join(leaf.text for child in nodes[0].children if child.kind not in GROUPS for leaf in walk(child))
