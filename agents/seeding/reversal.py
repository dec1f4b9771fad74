"""The reverse of a repair: whether some repair operator makes the original of a bug again. What none repairs is no reversed repair."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agents.repair.index import Block
from agents.repair.site import Operator
from agents.repair.source import Source, parse, read_source
from agents.repair.variants import Module, Variant, Variants

_NEAR_LINES = 2
_LOOSE = re.compile(r"[\s()]")


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The part of a bug's file around its edit, and what stood there in the original, without white space and parentheses."""

    module: Module
    blocks: tuple[Block, ...]
    start: int
    end: int
    original: str


def repairing(module: Module, bug: Variant, operators: Sequence[Operator]) -> str | None:
    """Return the name of the first of `operators` whose rewrite of the bug is the original again (as a syntax tree), else None."""
    stretch = _around(module.source, bug)
    if stretch is None:
        return None
    for each in operators:
        if any(_is(module.source, text) for text in _alike(stretch, each)):
            return each.name
    return None


def _around(right: Source, bug: Variant) -> _Stretch | None:
    wrong = read_source(right.path, right.apply(bug.candidate.edits))
    if not isinstance(wrong, Source):
        return None
    module = Module.of(wrong)
    low = min(splice.start for splice in bug.rewrite.splices)
    grown = len(wrong.utf8) - len(right.utf8)
    high = max(splice.end for splice in bug.rewrite.splices) + grown
    lines = range(wrong.line_of(low) - _NEAR_LINES, wrong.line_of(high) + _NEAR_LINES + 1)
    spans = {block: wrong.span(block) for block in module.index.blocks}
    within = [block for block, (start, end) in spans.items() if start <= low <= end]
    near = [block for block in spans if block.lineno in lines] + within[-1:]
    blocks = sorted(dict.fromkeys(near), key=lambda block: abs(spans[block][0] - low))
    start = min((low, *(spans[block][0] for block in blocks)))
    end = max((high, *(spans[block][1] for block in blocks)))
    original = right.utf8[start : end - grown].decode()
    return _Stretch(module, tuple(blocks), start, end, _LOOSE.sub("", original))


def _alike(stretch: _Stretch, operator: Operator) -> Iterator[str]:
    """Yield the files that an operator makes of the bug in which the stretch reads as it did."""
    source, made = stretch.module.source, Variants((operator,))
    for block in stretch.blocks:
        for draft in made.drafts(stretch.module, block):
            splices = draft.rewrite.splices
            inside = all(stretch.start <= each.start and each.end <= stretch.end for each in splices)
            if inside and _LOOSE.sub("", source.spliced(splices, stretch.start, stretch.end)) == stretch.original:
                yield source.spliced(splices)


def _is(right: Source, text: str) -> bool:
    tree = parse(text)
    return tree is not None and ast.dump(tree) == ast.dump(right.tree)
