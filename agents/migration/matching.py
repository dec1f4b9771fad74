"""Matching templates against trees: what each hole stands for, where each part lies, and in words what does not fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.migration.template import Hole, Pattern, Template
from agents.migration.tree import CALLS, GROUPS, NAMES, PARTS, Node

Path = tuple[int, ...]
"""The way from the root to a template, by the numbers of the children."""
_QUOTED = 40


@dataclass(slots=True)
class Match:
    """What holes stand for, and the nodes at each path of the template. Where it does not fit, `why` says the first reason.

    `names` are those of the template that are spelled otherwise here, out of `spellings`.
    """

    spellings: Mapping[str, frozenset[str]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    held: dict[int, tuple[Node, ...]] = field(default_factory=dict)
    spans: dict[Path, tuple[Node, ...]] = field(default_factory=dict)
    why: str = ""


def match(templates: Sequence[Template], nodes: Sequence[Node], spellings: Mapping[str, frozenset[str]] = {}) -> Match:
    """Match templates with nodes side by side, one to one; `spellings` are other names here for names of the templates."""
    found = Match(spellings)
    for number, (template, node) in enumerate(zip(templates, nodes, strict=True)):
        if not _fits(template, node, (number,), found):
            break
    return found


def _fits(template: Template, node: Node, path: Path, found: Match) -> bool:
    found.spans[path] = (node,)
    if isinstance(template, Hole):
        return _held(template, (node,), found)
    if template.text != node.text and template.kind == node.kind and _respelled(template, node, found):
        return True
    if template.kind != node.kind or template.text != node.text or bool(template.children) != bool(node.children):
        found.why = f"`{shown(node)}` stands where the examples have {told(template)}"
        return False
    return _below(template, node, path, found)


def _respelled(template: Pattern, node: Node, found: Match) -> bool:
    """Say whether a name of a template has another name here, the same one everywhere."""
    if node.kind not in NAMES or node.text not in found.spellings.get(template.text, ()):
        return False
    return found.names.setdefault(template.text, node.text) == node.text


def _below(template: Pattern, node: Node, path: Path, found: Match) -> bool:
    many = next((at for at, each in enumerate(template.children) if isinstance(each, Hole) and each.many), None)
    parts, nodes = len(template.children), len(node.children)
    if parts != nodes and (many is None or nodes < parts):
        found.why = _count(template, node)
        return False
    extra = nodes - parts
    for at, child in enumerate(template.children):
        first = at if many is None or at <= many else at + extra
        if at == many and isinstance(child, Hole):
            run = node.children[first : first + extra + 1]
            found.spans[(*path, at)] = run
            if not _held(child, run, found):
                return False
        elif not _fits(child, node.children[first], (*path, at), found):
            return False
    return True


def _held(hole: Hole, run: tuple[Node, ...], found: Match) -> bool:
    for node in run:
        groups = not hole.many and bool(hole.kinds & GROUPS)
        if (groups and node.kind not in GROUPS) or (node.kind in PARTS and node.kind not in hole.kinds):
            found.why = f"`{shown(node)}` is not what the examples have there"
            return False
        if not hole.many and not (node.children or node.word):
            found.why = f"`{shown(node)}` stands where the examples have an expression"
            return False
    known = found.held.setdefault(hole.name, run)
    if [node.digest for node in known] != [node.digest for node in run]:
        found.why = f"`{shown(known[0])}` and `{shown(run[0])}` differ, which are the same in the examples"
        return False
    return True


def _count(template: Pattern, node: Node) -> str:
    if template.kind in GROUPS:
        things = "arguments" if template.kind in ("()", "arguments", "argument_list") else "elements"
        return f"it has {_things(node)} {things}, the examples have {_things(template)}"
    return f"`{shown(node)}` is built unlike the examples"


def _things(group: Pattern | Node) -> int:
    return sum(1 for each in group.children if isinstance(each, Hole) or each.children or each.word)


def subsumes(left: Pattern, right: Template) -> bool:
    """Say whether all that `right` stands for matches `left`."""
    return _subsumes(left, right, {})


def _subsumes(left: Template, right: Template, held: dict[int, int]) -> bool:
    if isinstance(left, Hole):
        if isinstance(right, Pattern) and not (right.children or right.word):
            return False
        return held.setdefault(left.name, right.key) == right.key
    if isinstance(right, Hole) or left.kind != right.kind or left.text != right.text:
        return False
    many = next((at for at, each in enumerate(left.children) if isinstance(each, Hole) and each.many), None)
    if many is not None:
        rest = len(left.children) - many - 1
        ends = (*left.children[:many], *left.children[many + 1 :])
        others = (*right.children[:many], *right.children[len(right.children) - rest :])
        enough = len(right.children) >= len(left.children)
        return enough and all(_subsumes(one, other, held) for one, other in zip(ends, others, strict=True))
    same = len(left.children) == len(right.children)
    return same and all(_subsumes(one, other, held) for one, other in zip(left.children, right.children, strict=True))


def shown(node: Node) -> str:
    """Return a node's text as one short line."""
    if not node.children:
        return short(node.text)
    return short("".join(_spaced(leaf) for leaf in _leaves(node)).strip())


def told(template: Template) -> str:
    """Return what a template stands for, in words."""
    if isinstance(template, Hole):
        return "an expression"
    if not template.children:
        return f"`{short(template.text)}`"
    return "a call" if template.kind in CALLS else f"`{written([template])}`"


def written(templates: Sequence[Template]) -> str:
    """Return templates as one line of text, holes as ⟨1⟩."""
    pieces: list[str] = []
    for template in templates:
        if isinstance(template, Hole):
            pieces.append(f" ⟨{template.name + 1}{'…' if template.many else ''}⟩")
        elif template.children:
            for gap, child in zip(template.gaps, template.children, strict=True):
                pieces += [" " if gap else "", written([child])]
        else:
            pieces.append(template.text)
    return " ".join("".join(pieces).replace(" ⟨", "⟨").split())


def _leaves(node: Node) -> list[Node]:
    return [leaf for child in node.children for leaf in (_leaves(child) if child.children else [child])]


def _spaced(leaf: Node) -> str:
    return (
        f" {leaf.text} "
        if leaf.text.isalpha() and not leaf.word
        else f"{leaf.text} "
        if leaf.text == ","
        else leaf.text
    )


def short(text: str) -> str:
    """Return a text as one short line."""
    line = " ".join(text.split())
    return line if len(line) <= _QUOTED else f"{line[: _QUOTED - 1]}…"
