"""Places: where in a tree's files a rule applies, and where its anchor stands otherwise, with the reason in words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agents.migration import language
from agents.migration.importing import imported
from agents.migration.imports import bindings, defined, is_import, is_module, same_module, starred
from agents.migration.matching import Match, match, short, shown
from agents.migration.rewriting import Edit, Writer, rewritten
from agents.migration.rule import Rule, origin
from agents.migration.tree import CALLS, GROUPS, MEMBERS, PARTS, Node, Source, walk
from shadowfs import RepoPath

_SAFE = frozenset(
    {
        "variable_declarator",
        "assignment_expression",
        "arrow_function",
        "template_substitution",
        "parenthesized_expression",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where a rule applies: its line (from 1), what stands there, and the edits."""

    path: RepoPath
    line: int
    text: str
    rule: Rule
    start: int
    edits: tuple[Edit, ...]
    gone: frozenset[str] = frozenset()
    """The rule's, as they are called in this file."""

    @property
    def key(self) -> str:
        """Return what names it in a journal."""
        return f"{self.path}\0{self.start}"


@dataclass(frozen=True, slots=True)
class Other:
    """A place that is not edited, and why."""

    path: RepoPath
    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a file has: the places in it, and those that are unlike the examples."""

    source: Source
    places: tuple[Place, ...] = ()
    unlike: tuple[Other, ...] = ()


def survey(path: RepoPath, data: bytes, rules: Sequence[Rule]) -> Survey | Other | None:
    """Return where rules apply in a file; why it was not read where an anchor stands in it; None where none does."""
    family = language.family_of(path)
    about = [rule for rule in rules if rule.family == family and rule.anchor.encode() in data]
    if not about:
        return None
    source = language.read(path, data)
    if isinstance(source, str):
        anchor = about[0].anchor
        line = data.count(b"\n", 0, data.index(anchor.encode())) + 1
        return Other(path, line, anchor, f"the file was not read: {source}")
    return _Survey(source, about).done()


def edited(survey: Survey, places: Sequence[Place]) -> bytes:
    """Return a file with some of its places edited, and its imports as they have to be then."""
    data = rewritten(survey.source.data, [edit for place in places for edit in place.edits])
    source = language.read(survey.source.path, data)
    if isinstance(source, str) or not places:
        return data
    needs = [need for place in places for need in place.rule.needs]
    own = defined(source)
    gone = [name for place in places for name in sorted(place.gone)]
    return imported(source, [need for need in needs if need.bound not in own], gone)


@dataclass(slots=True, eq=False)
class _Survey:
    source: Source
    rules: Sequence[Rule]
    above: dict[int, tuple[Node, int]] = field(default_factory=dict)
    places: list[Place] = field(default_factory=list)
    unlike: list[Other] = field(default_factory=list)
    spelled: dict[Rule, Mapping[str, frozenset[str]]] = field(default_factory=dict)
    covered: set[int] = field(default_factory=set)
    """The leaves that places and what is done already account for."""

    def done(self) -> Survey:
        for node in walk(self.source.root):
            for at, child in enumerate(node.children):
                self.above[id(child)] = node, at
        for node in walk(self.source.root):
            for at in range(len(node.children)):
                self._look(node, at)
        strangers = self._strangers()
        for leaf in walk(self.source.root):
            if not leaf.children and id(leaf) not in self.covered:
                self._explain(leaf, strangers)
        return Survey(self.source, tuple(self.places), tuple(self.unlike))

    def _look(self, parent: Node, at: int) -> None:
        """See whether a rule applies to a run of children; the first that does is taken."""
        for rule in self.rules:
            left = rule.pair.left
            run = parent.children[at : at + len(left)]
            if len(run) < len(left) or run[0].kind != left[0].kind:
                continue
            found = match(left, run, self._spellings(rule))
            if found.why:
                continue
            if self._is_redone(rule, run[0]):
                self._cover(found, run)
                return
            called = parent.kind in CALLS and at == 0 and left[0].kind not in CALLS
            stranger = "it is called here, and is not in the examples" if called else self._stranger(rule, found)
            if stranger:
                self._cover(found, run)
                self._other(run[0], stranger)
                return
            writer = Writer(self.source, found, rule.pair, rule.base, _safe(parent))
            line = self.source.line(run[0].start)
            self._cover(found, run)
            gone = frozenset(found.names.get(name, name) for name in rule.gone)
            edits = writer.edits(rule.steps)
            place = Place(self.source.path, line, self._text(run[0]), rule, run[0].start, edits, gone)
            self.places.append(place)
            return

    def _cover(self, found: Match, run: Sequence[Node]) -> None:
        held = {id(leaf) for nodes in found.held.values() for node in nodes for leaf in walk(node)}
        self.covered |= {id(leaf) for node in run for leaf in walk(node) if id(leaf) not in held}

    def _is_redone(self, rule: Rule, node: Node) -> bool:
        """Say whether a match is what the rule made of an earlier one."""
        for path in rule.redone:
            holder: Node | None = node
            for _ in path[1:]:
                holder = self.above[id(holder)][0] if holder is not None and id(holder) in self.above else None
            if holder is None:
                continue
            made = rule.pair.right[path[0]]
            found = match([made], [holder], self._spellings(rule))
            if not found.why and found.spans.get((0, *path[1:])) == (node,):
                return True
        return False

    def _spellings(self, rule: Rule) -> Mapping[str, frozenset[str]]:
        """Return what names of a rule are called here that come from the same places, but for the anchor."""
        if rule not in self.spelled:
            bound = {each.bound: origin(each.bound, self.source) for each in bindings(self.source)}
            self.spelled[rule] = {
                name: frozenset(own for own, place in bound.items() if any(_same(place, each) for each in origins))
                for name, origins in rule.origins.items()
                if name != rule.anchor
            }
        return self.spelled[rule]

    def _stranger(self, rule: Rule, found: Match) -> str:
        """Return why names of a rule do not mean here what they mean in its examples, "" where they do."""
        for name, origins in rule.origins.items():
            own = origin(found.names.get(name, name), self.source)
            if any(_same(own, each) for each in origins) or self._at_home(name, origins, own):
                continue
            shown_own = own.partition(":")[0] or "nowhere that is seen here"
            theirs = " or ".join(sorted(each.partition(":")[0] or "nowhere that is seen" for each in origins))
            return f"`{name}` comes from {shown_own}, in the examples from {theirs}"
        for need in rule.needs:
            own = origin(need.bound, self.source)
            known = next((each for each in bindings(self.source) if each.bound == need.bound), None)
            if own and need.original and known is not None and known.original != need.original:
                return f"`{need.bound}`, which the change needs, is another name here"
        return ""

    def _at_home(self, name: str, origins: frozenset[str], own: str) -> bool:
        """Say whether a file is where a name comes from, or takes all that there is."""
        for each in origins:
            module = each.partition(":")[0]
            if not each:
                continue
            if is_module(self.source.path, module, self.source.family) and name in defined(self.source):
                return True
            if not own and any(same_module(module, star.lstrip(".")) for star in starred(self.source)):
                return True
        return self.source.family not in ("python", "javascript")

    def _strangers(self) -> dict[str, Rule]:
        return {rule.anchor: rule for rule in reversed(self.rules)}

    def _explain(self, leaf: Node, anchors: Mapping[str, Rule]) -> None:
        rule = anchors.get(leaf.name)
        if rule is None:
            self._in_string(leaf, anchors)
            return
        chain = list(self._chain(leaf))
        holder = next((node for node in chain if is_import(node)), None)
        if holder is not None:
            renamed = [each.bound for each in bindings(self.source) if each.spec in chain and each.bound != leaf.name]
            if (renamed and chain[0].kind != "names") or rule.moves:
                self._other(leaf, f"it is imported as `{renamed[0]}`" if renamed else "it is imported otherwise")
            return
        self._other(leaf, self._why(rule, leaf, chain))

    def _chain(self, node: Node) -> Iterator[Node]:
        while id(node) in self.above:
            yield node
            node = self.above[id(node)][0]

    def _why(self, rule: Rule, leaf: Node, chain: Sequence[Node]) -> str:
        left = rule.pair.left[0]
        parent, at = self.above[id(leaf)]
        if parent.statement and at > 0 and parent.children[at - 1].text in ("def", "class", "function", "func", "fn"):
            return "it is defined here"
        if parent.kind in PARTS and at == 0 and len(parent.children) > 1:
            return "it is the name of an argument"
        for node in chain:
            if node.kind == left.kind and (node.kind not in CALLS or leaf in _callee(node)):
                return match([left], [node]).why or "what stands around it is unlike the examples"
            if node.statement:
                break
        if left.kind in CALLS:
            return "it is used without being called"
        member = parent.kind in MEMBERS and at > 0
        return f"it is reached through `{shown(parent.children[0])}`" if member else f"it stands in `{shown(parent)}`"

    def _in_string(self, leaf: Node, anchors: Mapping[str, Rule]) -> None:
        if leaf.name or not leaf.word:
            return
        for anchor in anchors:
            found = re.search(rf"(?<!\w){re.escape(anchor)}(?!\w)", leaf.text)
            if found:
                at = leaf.start + len(leaf.text[: found.start()].encode("utf-8", "surrogateescape"))
                text = leaf.text[max(0, found.start() - 20) : found.end() + 20]
                other = Other(
                    self.source.path,
                    self.source.line(at),
                    " ".join(text.split()),
                    f"`{anchor}` stands in a string: what uses it is not known",
                )
                self.unlike.append(other)

    def _other(self, node: Node, why: str) -> None:
        holder = self.above.get(id(node), (node, 0))[0]
        around = node if node.children else holder
        self.unlike.append(Other(self.source.path, self.source.line(node.start), self._text(around), why))

    def _text(self, node: Node) -> str:
        return short(self.source.text(node.start, node.end))


def _callee(call: Node) -> list[Node]:
    """Return the last leaf of what is called."""
    leaves = [leaf for child in call.children if child.kind not in GROUPS for leaf in walk(child) if leaf.name]
    return leaves[-1:]


def _safe(parent: Node) -> bool:
    return parent.statement or parent.kind in GROUPS or parent.kind in PARTS or parent.kind in _SAFE


def _same(own: str, other: str) -> bool:
    if not own or not other:
        return own == other
    (module, _, name), (theirs, _, named) = own.partition(":"), other.partition(":")
    return name == named and same_module(module, theirs)
