"""Rules: what examples do, learnt as pairs of templates. Examples of one thing become one rule; what says nothing is refused."""

from __future__ import annotations

import builtins
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agents.migration import language
from agents.migration.differences import MOST_NODES, Site, sites
from agents.migration.importing import Need
from agents.migration.imports import bindings, declared, defined, is_import, located, starred
from agents.migration.matching import Path, subsumes, written
from agents.migration.merging import merged
from agents.migration.rewriting import Step, steps
from agents.migration.template import NOTHING, Hole, Pair, Pattern, Template, below, constants, generalised, literal
from agents.migration.tree import CALLS, GROUPS, MEMBERS, PARTS, Source, walk
from shadowfs import Example, ExampleFile, RepoPath

_WEAK = frozenset(
    {"self", "cls", "this", "super", "None", "True", "False", "true", "false", "null", "nil", "undefined"}
)


@dataclass(frozen=True, slots=True)
class Seen:
    """A place of an example."""

    example: str
    path: RepoPath
    line: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line} of {self.example}"


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """What is looked for and what is put there; `anchor` is the name that stays, `seen` are the places of examples that show it.

    `origins` says of names of the left side where they come from in the examples ("" for nowhere), `needs` what the right side
    needs imported, `gone` which names it names no more. `base` is the indentation of the first example. `redone` are the paths in the right side where the
    left one matches again.
    """

    pair: Pair
    anchor: str
    family: str
    seen: tuple[Seen, ...]
    base: str
    origins: Mapping[str, frozenset[str]] = field(default_factory=dict)
    needs: tuple[Need, ...] = ()
    gone: frozenset[str] = frozenset()
    steps: tuple[Step, ...] = ()
    redone: tuple[Path, ...] = ()
    moves: bool = False
    """Whether it is about an import that comes from elsewhere now: literal, and merged with no other."""

    def __str__(self) -> str:
        return f"{written(self.pair.left)} → {written(self.pair.right)}"


@dataclass(frozen=True, slots=True)
class Learnt:
    """The rules that examples show, what of them shows none and why, and which of them contradict each other."""

    rules: tuple[Rule, ...]
    refused: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()


def learn(examples: Sequence[Example]) -> Learnt:
    """Learn rules from examples; the same examples in any order of their files give the same rules."""
    rules: list[Rule] = []
    refused: list[str] = []
    for example in examples:
        refused += [f"{example.name}: {note}" for note in example.notes]
        for file in sorted(example.files, key=lambda each: each.path):
            for found in _of_file(example.name, file):
                if isinstance(found, str):
                    refused.append(found)
                else:
                    _add(rules, found)
    refused += [
        f"{rule.seen[0]}: what it makes looks like what it changes (`{rule}`)" for rule in rules if _turns(rule)
    ]
    rules = [rule for rule in rules if not _turns(rule)]
    kept = [rule for rule in rules if _telling(rule)]
    refused += [
        f"{rule.seen[0]}: no name stays that says what to look for (`{rule}`)" for rule in rules if rule not in kept
    ]
    return Learnt(tuple(map(_finished, sorted(kept, key=_general))), tuple(refused), tuple(_contradictions(kept)))


def _of_file(name: str, file: ExampleFile) -> Iterator[Rule | str]:
    if file.before is None or file.after is None:
        yield f"{file.path} of {name} is {'added' if file.before is None else 'deleted'} whole: nothing is learnt from that"
        return
    before, after = language.read(file.path, file.before), language.read(file.path, file.after)
    if isinstance(before, str) or isinstance(after, str):
        yield f"{file.path} of {name}: {before if isinstance(before, str) else after}"
        return
    imported = frozenset(each.bound for each in bindings(before))
    for site in sites(before.root, after.root, imported):
        found = _of_site(name, site, before, after)
        if found is not None:
            yield found


def _of_site(name: str, site: Site, before: Source, after: Source) -> Rule | str | None:
    if all(is_import(node) for node in (*site.before, *site.after)):
        return _of_imports(name, site, before, after)
    at = before.line(site.before[0].start) if site.before else after.line(site.after[0].start)
    seen = Seen(name, before.path, at)
    if not site.before or not site.after:
        return f"{seen} only {'adds' if not site.before else 'removes'} code: nothing is learnt from that"
    wider: Site | None = site
    found: Rule | str = ""
    while wider is not None:
        rule = _shown(seen, wider, before, after)
        if isinstance(rule, Rule) and rule.anchor and not (_kept(wider) and wider.wider()):
            return rule
        found, wider = found or rule, wider.wider()
    return found


def _kept(site: Site) -> bool:
    """Say whether what was there is a part of what is there now, and no call: then what it is about stands around it."""
    old = site.before[0]
    return old.kind not in CALLS and any(node.digest == old.digest for root in site.after for node in walk(root))


def _shown(seen: Seen, site: Site, before: Source, after: Source) -> Rule | str:
    """Return the rule that a site shows as wide as it is, or why it shows none."""
    if sum(1 for side in (site.before, site.after) for root in side for _ in walk(root)) > 2 * MOST_NODES:
        return f"{seen} changes too much at once to be a pattern"
    pair = generalised(site, before, after, frozenset(each.bound for each in bindings(before)) | declared(before))
    if pair is None:
        return f"{seen}: what stays and what goes cannot be told apart"
    left, right = set(_heads(pair.left)), set(_heads(pair.right))
    loose = sorted(right - left - _known(after)) if after.family == "python" else []
    if loose:
        return f"{seen} puts `{loose[0]}` there, which is neither in what it replaces nor imported"
    needs = tuple(_needs(right - left, left - right, before, after))
    origins = {each: frozenset({origin(each, before)}) for each in left}
    base = before.indentation(site.before[0].start)
    gone = frozenset(left - right)
    return Rule(pair, _anchor(pair), before.family, (seen,), base, origins, needs, gone)


def _of_imports(name: str, site: Site, before: Source, after: Source) -> Rule | None:
    """Return the rule that one import shows which now comes from elsewhere; other imports are added and taken away where needed."""
    if len(site.before) != 1 or len(site.after) != 1:
        return None
    old = [each for each in bindings(before) if each.statement is site.before[0]]
    new = [each for each in bindings(after) if each.statement is site.after[0]]
    moved = [(each.bound, each.original) for each in old] == [(each.bound, each.original) for each in new]
    # What is named relative to the example's file is another module elsewhere.
    if not old or not moved or any(each.module.startswith(".") for each in (*old, *new)):
        return None
    pair = literal(site, before, after)
    seen = Seen(name, before.path, before.line(site.before[0].start))
    return Rule(pair, _anchor(pair), before.family, (seen,), "", moves=True)


def origin(name: str, source: Source) -> str:
    """Return where a name of a file comes from: module and name there, "" for nowhere that is known."""
    for each in bindings(source):
        if each.bound == name:
            return f"{located(each.module, source.path, source.family)}:{each.original}"
    return f"{own_module(source)}:{name}" if name in defined(source) else ""


def own_module(source: Source) -> str:
    """Return the module that a file is."""
    stem = posixpath.splitext(source.path)[0]
    return f"./{stem}" if source.family == "javascript" else stem.replace("/", ".").removesuffix(".__init__")


def _known(source: Source) -> set[str]:
    """Return the names that a Python file knows everywhere."""
    if starred(source):
        return {leaf.name for leaf in walk(source.root)}
    return {each.bound for each in bindings(source)} | defined(source) | set(dir(builtins))


def _needs(names: set[str], gone: set[str], before: Source, after: Source) -> Iterator[Need]:
    """Yield the imports that the new names of an example's file need."""
    modules = {each.bound: each.module for each in bindings(before)}
    for each in bindings(after):
        if each.bound in names or (after.family == "c" and each.what not in {old.what for old in bindings(before)}):
            beside = next((name for name in sorted(gone) if modules.get(name) == each.module), "")
            text = after.text(each.statement.start, each.statement.end).strip()
            yield Need(each.bound, each.module, each.original, text, after.path, beside)
    own = sorted(names & defined(after)) if after.family in ("python", "javascript") else []
    stem = posixpath.splitext(posixpath.basename(after.path))[0]
    for name in own:
        module = f".{stem}" if after.family == "python" else f"./{stem}"
        beside = next((each for each in sorted(gone & defined(before))), "")
        yield Need(name, module, name, f"import {{ {name} }} from '{module}';", after.path, beside)


def _heads(templates: Sequence[Template]) -> Iterator[str]:
    """Yield the names in templates that stand for themselves: no members of something else, no names of arguments."""
    for parent in below(templates):
        if isinstance(parent, Hole):
            continue
        for at, child in enumerate(parent.children):
            if not isinstance(child, Pattern) or not child.name or child.name in _WEAK:
                continue
            member = parent.kind in MEMBERS and at > 0
            part = parent.kind in PARTS and at == 0 and len(parent.children) > 1
            method = parent.kind in CALLS and at > 0 and _text(parent.children[at - 1]) == "."
            if not (member or part or method) and child.kind not in ("property_identifier", "field_identifier"):
                yield child.name
    yield from (each.name for each in templates if isinstance(each, Pattern) and each.name)


def _text(template: Template) -> str:
    return template.text if isinstance(template, Pattern) else ""


def _anchor(pair: Pair) -> str:
    """Return the name that says what a rule is about: what is called, before it what goes, else the first that stays."""
    strong = [name for name in constants(pair.left) if name not in _WEAK]
    staying = set(constants(pair.right))
    root = pair.left[0]
    called = constants([child for child in root.children if _kind(child) not in GROUPS]) if root.kind in CALLS else []
    gone = [name for name in strong if name not in staying]
    for choice in ([name for name in called if name in gone], [name for name in called if name in strong]):
        if choice:
            return choice[-1]
    nothing = [name for name in constants(pair.left) if name in NOTHING]
    return next(iter((*gone, *strong, *nothing)), "")


def _kind(template: Template) -> str:
    return template.kind if isinstance(template, Pattern) else next(iter(template.kinds), "")


def _add(rules: list[Rule], new: Rule) -> None:
    """Make one rule of the new one and a known one where both show the same, else keep both."""
    for at, known in enumerate(rules):
        if (known.family, known.anchor) != (new.family, new.anchor) or known.moves or new.moves:
            if known.moves and new.moves and str(known) == str(new):
                rules[at] = replace(known, seen=(*known.seen, *new.seen))
                return
            continue
        pair = merged(known.pair, new.pair)
        if pair is None or _anchor(pair) != known.anchor:
            continue
        left, right = set(_heads(pair.left)), set(_heads(pair.right))
        origins = {name: known.origins.get(name, frozenset()) | new.origins.get(name, frozenset()) for name in left}
        needs = {
            (each.bound, each.original): each
            for each in (*new.needs, *known.needs)
            if each.bound in right or not each.original
        }
        gone = frozenset(left - right)
        rules[at] = replace(
            known, pair=pair, origins=origins, needs=tuple(needs.values()), gone=gone, seen=(*known.seen, *new.seen)
        )
        return
    rules.append(new)


def _telling(rule: Rule) -> bool:
    """Say whether a rule would not match almost everything: a name stays; `None` alone does after two examples."""
    return bool(rule.anchor) and (rule.anchor not in _WEAK or len(rule.seen) > 1)


def _turns(rule: Rule) -> bool:
    """Say whether places that are done cannot be told from others: each side matches the other."""
    left, right = rule.pair.left, rule.pair.right
    if len(left) != 1 or len(right) != 1 or not isinstance(right[0], Pattern):
        return False
    return subsumes(left[0], right[0]) and subsumes(right[0], left[0])


def _finished(rule: Rule) -> Rule:
    return replace(rule, steps=steps(rule.pair), redone=tuple(_redone(rule.pair)))


def _redone(pair: Pair) -> Iterator[Path]:
    """Yield the paths in the right side where the left one would match what the rule made."""
    if len(pair.left) != 1:
        return
    waiting: list[tuple[Path, Template]] = [((at,), each) for at, each in enumerate(pair.right)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, Pattern):
            if subsumes(pair.left[0], found):
                yield path
            waiting += [((*path, at), child) for at, child in enumerate(found.children)]


def _general(rule: Rule) -> tuple[int, int]:
    """Order rules: those that say more come first."""
    said = sum(1 for each in below(rule.pair.left) if isinstance(each, Pattern))
    return -len(rule.pair.left), -said


def _contradictions(rules: Sequence[Rule]) -> Iterator[str]:
    for at, one in enumerate(rules):
        for other in rules[at + 1 :]:
            if (
                len(one.pair.left) == len(other.pair.left)
                and one.family == other.family
                and _alike(one.pair, other.pair)
            ):
                yield (
                    f"{one.seen[0]} and {other.seen[0]} begin alike (`{written(one.pair.left)}`) and end differently"
                    f" (`{written(one.pair.right)}`, `{written(other.pair.right)}`)"
                )


def _alike(one: Pair, other: Pair) -> bool:
    pairs = list(zip(one.left, other.left, strict=True))
    return all(subsumes(a, b) and subsumes(b, a) for a, b in pairs)
