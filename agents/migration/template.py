"""Templates: syntax trees with holes. What an example has on both sides becomes a hole, but never what the example is about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agents.migration.differences import Site
from agents.migration.tree import CALLS, GROUPS, MEMBERS, PARTS, Node, Source, walk

NOTHING = frozenset({"None", "null", "nil", "undefined"})
"""Values that say too much to be a hole: what is compared with them is often what an example is about."""


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """Stands for any node, or for several side by side (`many`). `kinds` are those that the examples have there."""

    name: int
    kinds: frozenset[str]
    many: bool = False

    @property
    def key(self) -> int:
        return hash(("hole", self.name))


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """A node whose children are templates. `gaps` is the white space before each child in the example."""

    kind: str
    text: str = ""
    word: bool = False
    statement: bool = False
    children: tuple[Template, ...] = ()
    gaps: tuple[str, ...] = ()
    key: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", hash((self.kind, self.text, tuple(child.key for child in self.children))))

    @property
    def name(self) -> str:
        """Return the identifier that this leaf is, "" where it is none."""
        return self.text if self.word and self.text.isidentifier() else ""


Template = Hole | Pattern


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two runs of templates: what is looked for, and what stands there afterwards with the white space before each."""

    left: tuple[Pattern, ...]
    right: tuple[Template, ...]
    gaps: tuple[str, ...]


def below(templates: Sequence[Template]) -> Iterator[Template]:
    """Yield templates and all below them."""
    waiting = list(reversed(templates))
    while waiting:
        found = waiting.pop()
        yield found
        if isinstance(found, Pattern):
            waiting.extend(reversed(found.children))


def holes(templates: Sequence[Template]) -> set[int]:
    """Return the names of the holes in templates."""
    return {found.name for found in below(templates) if isinstance(found, Hole)}


def constants(templates: Sequence[Template]) -> list[str]:
    """Return the identifiers that templates name, in their order."""
    return [found.name for found in below(templates) if isinstance(found, Pattern) and found.name]


def generalised(site: Site, before: Source, after: Source, fixed: frozenset[str]) -> Pair | None:
    """Return what one site shows: what it has on both sides as holes. `fixed` names stay where something is taken from them.

    None where the same text on both sides cannot be told apart.
    """
    shared = {node.digest for root in site.before for node in _free_ones(root, fixed)}
    inner = [(old, new) for within in site.within for old, new in zip(within.before, within.after, strict=False)]
    while True:
        right = _Writer(after, shared, fixed, {id(new): old.digest for old, new in inner})
        made = tuple(right.template(node, None, 0) for node in site.after)
        left = _Writer(before, right.used, fixed, {id(old): old.digest for old, _ in inner}, right.names)
        found = tuple(left.template(node, None, 0) for node in site.before)
        unbound = right.used - left.used
        if not unbound:
            break
        # A part is named on the right alone; what holds it on the left is no hole then.
        smaller = {
            node.digest
            for root in site.before
            for node in walk(root)
            if any(part.digest in unbound and part is not node for part in walk(node))
        }
        if not shared & smaller:
            return None
        shared -= smaller
    patterns = tuple(each for each in found if isinstance(each, Pattern))
    return Pair(patterns, made, _gaps(site.after, after)) if len(patterns) == len(found) else None


def literal(site: Site, before: Source, after: Source) -> Pair:
    """Return what one site shows, without holes."""
    left = _Writer(before, set(), frozenset(), {})
    right = _Writer(after, set(), frozenset(), {})
    found = tuple(left.template(node, None, 0) for node in site.before)
    patterns = tuple(each for each in found if isinstance(each, Pattern))
    return Pair(patterns, tuple(right.template(node, None, 0) for node in site.after), _gaps(site.after, after))


class _Writer:
    """Makes templates of one side; `used` are the digests that became holes, by `names` numbered alike on both sides."""

    def __init__(
        self,
        source: Source,
        shared: set[int],
        fixed: frozenset[str],
        inner: dict[int, int],
        names: dict[int, int] | None = None,
    ) -> None:
        self._source, self._shared, self._fixed, self._inner = source, shared, fixed, inner
        self.names: dict[int, int] = {} if names is None else names
        self.used: set[int] = set()

    def template(self, node: Node, parent: Node | None, at: int) -> Template:
        digest = self._inner.get(id(node))
        if digest is None and node.digest in self._shared and free(node, parent, at, self._fixed):
            digest = node.digest
        if digest is not None:
            self.used.add(digest)
            return Hole(self.names.setdefault(digest, len(self.names)), frozenset({node.kind}))
        below = tuple(self.template(child, node, number) for number, child in enumerate(node.children))
        return Pattern(
            node.kind, node.text, node.word, node.statement, below, _gaps(node.children, self._source, node.start)
        )


def free(node: Node, parent: Node | None, at: int, fixed: frozenset[str]) -> bool:
    """Say whether a node may be a hole: an expression, and neither what is called, nor the name of a part, nor a `fixed` origin."""
    if not (node.children or node.word) or node.kind in PARTS or node.kind == "names" or node.text in NOTHING:
        return False
    if parent is None:
        return True
    if node.kind in GROUPS:
        return parent.kind in CALLS
    if parent.kind in PARTS and at == 0 and len(parent.children) > 1 and not node.children:
        return False
    if parent.kind in MEMBERS:
        return at < len(parent.children) - 1 and _origin(node) not in fixed
    if parent.kind in CALLS:
        receiver = at + 1 < len(parent.children) and parent.children[at + 1].text == "."
        return receiver and _origin(node) not in fixed
    return True


def _free_ones(root: Node, fixed: frozenset[str]) -> Iterator[Node]:
    for node in walk(root):
        for at, child in enumerate(node.children):
            if free(child, node, at, fixed):
                yield child


def _origin(node: Node) -> str:
    """Return the name at the beginning of a chain of members."""
    while node.children and node.kind in MEMBERS:
        node = node.children[0]
    return node.name


def _gaps(nodes: Sequence[Node], source: Source, start: int | None = None) -> tuple[str, ...]:
    """Return the white space before each of some nodes side by side."""
    found, at = [], nodes[0].start if start is None and nodes else start or 0
    for node in nodes:
        found.append(re.sub(r"\S+", "", source.text(at, node.start).replace("\r\n", "\n")))
        at = node.end
    return tuple(found)
