"""Which bugs to try in which order: families by their share of real fixes, places at random, all under one seed."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agents.repair.index import Block, Function
from agents.repair.variants import Module, Variant, Variants
from agents.seeding.families import FAMILIES, Family, Reversal
from agents.seeding.reversal import repairing
from shadowfs import RepoPath

Lines = Mapping[RepoPath, frozenset[int]]


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug that was made and not tried yet: the edit, its family, and the repair operator that takes it back."""

    module: Module
    block: Block
    variant: Variant
    family: str
    repair: str


@dataclass(slots=True)
class Draw:
    """Draws bugs of some modules, in statements of functions that `executed` holds a line of. Each program is made once."""

    modules: Sequence[Module]
    executed: Lines
    seed: int
    families: Sequence[Family] = FAMILIES
    variants: Variants = field(default_factory=Variants)

    def bugs(self) -> Iterator[Bug]:
        """Yield bugs until there are no more."""
        places = [(module, block) for module in self.modules for block in inner(module) if self.runs(module, block)]
        left = {family.name: self._of(family, places) for family in self.families}
        shares = {family.name: family.share for family in self.families}
        draw = random.Random(self.seed)
        while left:
            (name,) = draw.choices(list(left), [shares[name] for name in left])
            bug = next(left[name], None)
            if bug is None:
                del left[name]
            else:
                yield bug

    def runs(self, module: Module, block: Block) -> bool:
        """Say whether a statement is one that the tests execute."""
        return not self.executed.get(module.source.path, frozenset()).isdisjoint(header_lines(block))

    def _of(self, family: Family, places: Sequence[tuple[Module, Block]]) -> Iterator[Bug]:
        """Yield the bugs of one family, its makers taking turns at random."""
        draw = random.Random(f"{self.seed} {family.name}")
        makers = [self._made(family, reversal, places, draw) for reversal in family.reversals]
        while makers:
            maker = draw.choice(makers)
            bug = next(maker, None)
            if bug is None:
                makers.remove(maker)
            else:
                yield bug

    def _made(
        self, family: Family, reversal: Reversal, places: Sequence[tuple[Module, Block]], draw: random.Random
    ) -> Iterator[Bug]:
        """Yield at most one bug of each place by one maker: one that a repair of its family takes back."""
        made = Variants((reversal.maker,))
        for module, block in draw.sample(places, len(places)):
            # `x[-0]` is `x[0]`: no bug, however it is written.
            drafts = [each for each in made.drafts(module, block) if each.rewrite.splices[0].text != "-0"]
            if not drafts:
                continue
            (draft,) = draw.choices(drafts, [each.prior for each in drafts])
            variant = self.variants.check(draft)
            repair = repairing(module, variant, reversal.repairs) if variant is not None else None
            if variant is not None and repair is not None:
                yield Bug(module, block, variant, family.name, repair)


def inner(module: Module) -> Iterator[Block]:
    """Yield the statements inside functions, docstrings left out; what runs when a module is imported is left alone."""
    for block in module.index.blocks:
        docstring = isinstance(block, ast.Expr) and isinstance(block.value, ast.Constant)
        if not isinstance(block, Function) and not docstring and module.index.function_of(block) is not None:
            yield block


def header_lines(block: Block) -> range:
    """Return the lines of a statement without those of the statements in it."""
    body = getattr(block, "body", None)
    last = body[0].lineno - 1 if isinstance(body, list) and body else (block.end_lineno or block.lineno)
    return range(block.lineno, max(last, block.lineno) + 1)
