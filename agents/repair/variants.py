"""All rewrites of one statement: by every operator, cut to those that parse and change the tree, each once."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from agents.repair.index import Block, Function, Index, build_index
from agents.repair.operators import OPERATORS
from agents.repair.site import Operator, Rewrite, Site, header_nodes
from agents.repair.source import Source, parse
from shadowfs import RepoPath
from verifier import Candidate

_WORD = "_nightcrew_"


@dataclass(frozen=True, slots=True)
class Module:
    """A source with its index."""

    source: Source
    index: Index

    @classmethod
    def of(cls, source: Source) -> Module:
        return cls(source, build_index(source.tree))


@dataclass(frozen=True, slots=True)
class Draft:
    """A rewrite that has not been checked: most of them are never needed."""

    module: Module
    block: Block
    operator: str
    prior: float
    rewrite: Rewrite


@dataclass(frozen=True, slots=True)
class Variant:
    """One rewrite as a candidate: which operator made it, of which line, and how likely it is by itself (its prior)."""

    candidate: Candidate
    operator: str
    path: RepoPath
    line: int
    prior: float
    rewrite: Rewrite


@dataclass(slots=True)
class Variants:
    """Makes variants, each resulting program once in its life."""

    operators: Sequence[Operator] = OPERATORS
    seen: set[tuple[RepoPath, int, str]] = field(default_factory=set)
    shapes: dict[tuple[RepoPath, int, int], str] = field(default_factory=dict)
    most_nodes: int = 400
    most_each: int = 3_000
    """Nodes and rewrites of one statement that are looked at: a table of a thousand entries is no place to search."""

    def drafts(self, module: Module, block: Block) -> list[Draft]:
        """Return all rewrites of one statement unchecked, likelier ones first."""
        site = Site(module.source, module.index, block)
        found: list[Draft] = []
        nodes = list(islice(header_nodes(block), self.most_nodes))
        for each in self.operators:
            for node in nodes:
                if isinstance(node, each.on):
                    made = each.rewrites(site, node)
                    found.extend(Draft(module, block, each.name, each.weight * one.closeness, one) for one in made)
        found.sort(key=lambda each: -each.prior)
        return found[: self.most_each]

    def check(self, draft: Draft) -> Variant | None:
        """Return a draft as a candidate; None where it does not parse, changes nothing, or makes a program made before."""
        source, rewrite = draft.module.source, draft.rewrite
        if not self._is_new(draft.module, draft.block, rewrite):
            return None
        line = source.line_of(rewrite.splices[0].start)
        return Variant(
            Candidate(source.edits(rewrite.splices)), draft.operator, source.path, line, draft.prior, rewrite
        )

    def of(self, module: Module, block: Block) -> Iterator[Variant]:
        """Yield the variants of one statement, likelier ones first where two make the same program."""
        checked = (self.check(draft) for draft in self.drafts(module, block))
        return (variant for variant in checked if variant is not None)

    def _is_new(self, module: Module, block: Block, rewrite: Rewrite) -> bool:
        source = module.source
        low = min(splice.start for splice in rewrite.splices)
        high = max(splice.end for splice in rewrite.splices)
        if not source.native and not _encodes(source, rewrite):
            return False
        for start, end, head in _units(module, block):
            if start <= low and high <= end:
                return self._differs(source, rewrite, start, end, head)
        return self._differs(source, rewrite, 0, len(source.utf8), "")

    def _differs(self, source: Source, rewrite: Rewrite, start: int, end: int, head: str) -> bool:
        spot = (source.path, start, end)
        if spot not in self.shapes:
            self.shapes[spot] = _shape(source, source.utf8[start:end].decode(), start, head)
        after = _shape(source, source.spliced(rewrite.splices, start, end), start, head)
        key = (source.path, start, after)
        if not after or after == self.shapes[spot] or key in self.seen:
            return False
        self.seen.add(key)
        return True


def _encodes(source: Source, rewrite: Rewrite) -> bool:
    try:
        return bool(source.apply(source.edits(rewrite.splices)))
    except UnicodeEncodeError:
        return False


def _units(module: Module, block: Block) -> Iterator[tuple[int, int, str]]:
    """Yield the stretches to compare, smallest first: header, statement, function; each with what it needs before it to parse."""
    source = module.source
    start, end = source.span(block)
    head = "try:\n    pass\n" if isinstance(block, ast.ExceptHandler) else ""
    body = getattr(block, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
        first = body[0]
        decorators = getattr(first, "decorator_list", None)
        yield start, source.span(decorators[0])[0] - 1 if decorators else source.span(first)[0], head or _WORD
    else:
        yield start, end, head
    for above in module.index.up(block):
        if isinstance(above, Function) and source.indent_at(source.span(above)[0]) is not None:
            yield (*source.span(above), "")
            return


def _shape(source: Source, text: str, start: int, head: str) -> str:
    """Return a stretch's syntax tree as text, empty where it does not parse."""
    if head:
        text += "pass"
        if text.startswith("elif"):
            text = text[2:]
    indent = source.indent_at(start)
    if indent:
        before = head.replace(_WORD, "").replace("\n", "\n" + indent)
        text = f"if 1:\n{indent}{before}{text}"
    elif not head.startswith(_WORD):
        text = head + text
    tree = parse(text)
    try:
        return ast.dump(tree) if tree is not None else ""
    except RecursionError:
        return ""
