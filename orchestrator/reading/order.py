"""The order of hunks: causes first, each with what it forces elsewhere, tests beside what they test, the mechanical last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agents import is_code
from orchestrator.reading.marks import is_configuration
from orchestrator.reading.names import Named
from orchestrator.reading.records import Group, Hunk, Role, Seen
from orchestrator.reading.sameness import Same
from shadowfs import RepoPath
from verifier import Evidence, is_test

_FAILED, _NAMED, _USED, _WITHIN = 4.0, 2.0, 1.0, 0.5
_MOST_USED = 3


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a change's hunks: what they have to do with names, which are mechanical, and where tests failed before."""

    named: Mapping[str, Named]
    same: Mapping[str, Same]
    evidence: Sequence[Evidence] = ()
    words: frozenset[str] = frozenset()
    """Words of the ticket."""


def ordered(hunks: Sequence[Hunk], known: Known) -> list[Group]:
    """Return hunks in groups, in the order in which they are best read."""
    read = [each for each in hunks if each.id not in known.same]
    sources = [each for each in read if not is_test(each.path) and _is_source(each)]
    tests = [each for each in read if is_test(each.path)]
    others = [each for each in read if not is_test(each.path) and not _is_source(each)]
    forced = dict(_forced(sources, known))
    free = [each for each in sources if each.id not in forced]
    imports = [each for each in free if known.named[each.id].imports]
    causes = sorted(
        (each for each in free if not known.named[each.id].imports), key=lambda each: -_weight(each, sources, known)
    )
    groups: list[Group] = []
    placed: set[str] = set()
    for cause in causes:
        if cause.id in placed:
            continue
        together = [each for each in causes if each.id not in placed and _belong(cause, each)]
        follows = [each for each in sources if forced.get(each.id) in {mate.id for mate in together}]
        tested = [each for each in tests if each.id not in placed and _tests(each, [*together, *follows], known)]
        placed |= {each.id for each in (*together, *tested)}
        seen = [Seen(each, Role.CAUSE) for each in together]
        seen += [Seen(each, Role.FORCED, forced[each.id]) for each in follows]
        seen += [Seen(each, Role.TEST, cause.id) for each in tested]
        groups.append(Group(_title(cause), tuple(seen)))
    groups += [Group("Imports", tuple(Seen(each, Role.FORCED) for each in imports))] if imports else []
    rest = [Seen(each, Role.TEST) for each in tests if each.id not in placed]
    groups += [Group("Tests", tuple(rest))] if rest else []
    aside = sorted(others, key=lambda each: not is_configuration(each.path))
    groups += (
        [Group("Configuration, documents, data", tuple(Seen(each, Role.OTHER) for each in aside))] if aside else []
    )
    return [*groups, *_folded(hunks, known)]


def _is_source(hunk: Hunk) -> bool:
    return is_code(hunk.path) and not is_configuration(hunk.path)


def _forced(sources: Sequence[Hunk], known: Known) -> Iterator[tuple[str, str]]:
    """Yield hunks that use, or import, what another one defines or calls otherwise, and that other one. None follows from what follows itself."""
    heads = {each.id: known.named[each.id].heads for each in sources}
    follows: dict[str, str] = {}
    for hunk in sources:
        uses = known.named[hunk.id].uses - heads[hunk.id]
        for other in sources:
            if other.id != hunk.id and heads[other.id] & uses and not _leads_to(follows, other.id, hunk.id):
                follows[hunk.id] = other.id
                break
    for id in follows:
        origin = follows[id]
        while origin in follows:
            origin = follows[origin]
        yield id, origin


def _leads_to(follows: Mapping[str, str], start: str, goal: str) -> bool:
    while start in follows:
        start = follows[start]
        if start == goal:
            return True
    return start == goal


def _belong(cause: Hunk, other: Hunk) -> bool:
    """Say whether a hunk is read with a cause: it lies in the same definition of the same file, or both outside of all."""
    return cause.path == other.path and cause.within == other.within


def _tests(test: Hunk, hunks: Sequence[Hunk], known: Known) -> bool:
    """Say whether a hunk of a test names what some hunks change."""
    names = {each.within.rpartition(".")[2] for each in hunks}
    names |= {name for each in hunks for name in known.named[each.id].heads}
    return bool(known.named[test.id].uses & names)


def _weight(hunk: Hunk, sources: Sequence[Hunk], known: Known) -> float:
    """Return how likely a hunk is what the ticket is about."""
    named = known.named[hunk.id]
    failed = any(
        fact.path == hunk.path and fact.line is not None and _near(hunk, fact.line)
        for fact in known.evidence
        if fact.kind == "test"
    )
    used = sum(bool(known.named[each.id].uses & named.heads) for each in sources if each.id != hunk.id)
    told = {*hunk.within.split("."), *named.heads} & known.words
    weight = _FAILED * failed + _NAMED * bool(told) + _USED * min(used, _MOST_USED) + _WITHIN * bool(hunk.within)
    return weight + min(len(hunk.after.lines) + len(hunk.before.lines), 40) / 100


def _near(hunk: Hunk, line: int) -> bool:
    return hunk.after.first - 3 <= line <= max(hunk.after.last, hunk.after.first) + 3


def _title(cause: Hunk) -> str:
    return f"`{cause.within}` in {cause.path}" if cause.within else cause.path


def _folded(hunks: Sequence[Hunk], known: Known) -> Iterator[Group]:
    """Yield the mechanical hunks, by what they are, the same edit with the same edit."""
    groups: dict[tuple[Role, str, str], list[Seen]] = {}
    for hunk in hunks:
        if (same := known.same.get(hunk.id)) is not None:
            key = same.role, same.told, same.follows if same.role is Role.REPEATED else ""
            groups.setdefault(key, []).append(Seen(hunk, same.role, same.follows))
    order = list(Role)
    for (role, told, _), seen in sorted(groups.items(), key=lambda item: order.index(item[0][0])):
        more = f" in {len(seen)} more place{'s' if len(seen) > 1 else ''}" if role is Role.REPEATED else ""
        yield Group(f"{told}{more}", tuple(seen))


def with_evidence(groups: Sequence[Group], facts: Sequence[Evidence]) -> list[Group]:
    """Return groups whose hunks have the facts that lie on their lines; those that lie on no hunk's have the ones near it."""
    hunks: dict[RepoPath | None, list[Hunk]] = {}
    for hunk in (each.hunk for group in groups for each in group.hunks):
        hunks.setdefault(hunk.path, []).append(hunk)
    on: dict[str, list[Evidence]] = {}
    for fact in facts:
        mine = hunks.get(fact.path, []) if fact.line else []
        for hunk in [each for each in mine if _on(each, fact)] or [
            each for each in mine if _near(each, fact.line or 0)
        ]:
            on.setdefault(hunk.id, []).append(fact)
    return [
        replace(group, hunks=tuple(replace(each, evidence=tuple(on.get(each.hunk.id, ()))) for each in group.hunks))
        for group in groups
    ]


def _on(hunk: Hunk, fact: Evidence) -> bool:
    line = fact.line or 0
    return hunk.after.first <= (fact.last or line) and line <= max(hunk.after.last, hunk.after.first)
