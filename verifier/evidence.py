"""Evidence beside lines: which tests run what a change put there, values seen, and calls that come out otherwise than before.

Gathered after the rungs have judged, in sandboxes of its own and in little time: it judges nothing, and may well be missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from sandbox import SandboxError
from shadowfs import RepoPath, ShadowfsError
from verifier.errors import VerifierError
from verifier.measure import Measure
from verifier.observation import Called, Function, Observed, Observer, Watch
from verifier.selection import selected
from verifier.suite import Outcome, Ran, SuiteReport, TestResult
from verifier.touched import Statement, TouchedFunction, functions, statements
from verifier.verdict import Case, Evidence

_SHARE, _LEAST_S = 0.2, 3.0
"""Of what both whole runs took: so long may tests be watched."""
_SLOWER = 1.5
_REPORTED, _BASE_TESTS = 20, 30
_FILES, _BYTES = 50, 1 << 20
_FACTS, _NAMED, _VALUES = 200, 20, 2
_WORD_CHARS = 4
_ID_CHARS = 500
"""Each fact names many tests, and there are many facts."""


@dataclass(frozen=True, slots=True)
class Touched:
    """What a change touched of one Python file."""

    path: RepoPath
    statements: tuple[Statement, ...]
    functions: tuple[TouchedFunction, ...]


@dataclass(frozen=True, slots=True)
class Runs:
    """How the tests ended when the change was judged, and those among them that a reader is told of first."""

    before: SuiteReport
    after: SuiteReport
    reported: tuple[str, ...]


def beside(observer: Observer, measure: Measure, case: Case) -> tuple[Evidence, ...]:
    """Return what is seen of a change's lines while tests run; nothing where that cannot be seen, or not in time."""
    before, after = measure.whole(case.change.base), measure.whole(case.change.tree)
    if case.suite.kind == "command" or before is None or after is None or after.ran is not Ran.COMPLETED:
        return ()
    touched = list(_touched(case))
    room_s = min(max(_LEAST_S, _SHARE * (before.seconds + after.seconds)), case.left_s() / 8)
    runs = Runs(before, after, _reported(case, before, after))
    chosen = _chosen(runs, touched, room_s)
    if not touched or not chosen or room_s < _LEAST_S / 2:
        return ()
    try:
        return tuple(_gathered(Watching(observer, measure, case, room_s), runs, touched, chosen))[:_FACTS]
    except (VerifierError, SandboxError, ShadowfsError, OSError):
        # What goes wrong here takes nothing from the verdict.
        return ()


@dataclass(frozen=True, slots=True)
class Watching:
    """Watches tests of one case, for `room_s` each time."""

    observer: Observer
    measure: Measure
    case: Case
    room_s: float

    def after(self, touched: Sequence[Touched], chosen: Sequence[str], first: Iterable[str]) -> Observed:
        """Watch tests with the change."""
        lines = {each.path: frozenset().union(*(one.lines for one in each.statements)) for each in touched}
        watch = Watch(lines, tuple(_named(touched, "after")), frozenset(first))
        return self.measure.observed(self.observer, self.case.change.tree, chosen, watch, 2 * self.room_s)

    def before(self, touched: Sequence[Touched], chosen: Sequence[str]) -> Observed:
        """Watch tests on the base: the calls alone."""
        watch = Watch({}, tuple(_named(touched, "before")), frozenset(chosen))
        return self.measure.observed(self.observer, self.case.change.base, chosen, watch, 2 * self.room_s)


def _touched(case: Case) -> Iterator[Touched]:
    # Its parsers cost much of an import that every command of nightcrew would pay for.
    from verifier.tampering import is_test

    paths = [path for path in case.change.paths() if path.endswith(".py") and not is_test(path)]
    for path in paths[:_FILES]:
        before, after = case.change.before(path) or b"", case.change.after(path)
        if after is None or max(len(before), len(after)) > _BYTES:
            continue
        try:
            found = Touched(path, tuple(statements(before, after)), tuple(functions(before, after)))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # Of a newer Python than this process's, no Python at all, or nested too deep.
            continue
        if found.statements or found.functions:
            yield found


def _reported(case: Case, before: SuiteReport, after: SuiteReport) -> tuple[str, ...]:
    """Return the tests that a reader is told of first: those that must turn good, and those that ended otherwise than before."""
    was = before.by_id()
    named = [test.id for failing in case.failing for test in selected(after, failing)]
    turned = [test.id for test in after.tests if test.id in was and test.outcome.bad != was[test.id].outcome.bad]
    return tuple(dict.fromkeys((*named, *turned)))[:_REPORTED]


def _chosen(runs: Runs, touched: Sequence[Touched], room_s: float) -> list[str]:
    """Return the tests to watch: the reported ones, then those that name what is touched, then as many of the shortest as there is time for."""
    words = {each.path.rpartition("/")[2].removesuffix(".py").lower() for each in touched}
    words |= {one.name.rpartition(".")[2].strip("_").lower() for each in touched for one in each.functions}
    words = {word for word in words if len(word) >= _WORD_CHARS}
    tests = {
        test.id: test for test in runs.after.tests if test.outcome is not Outcome.SKIPPED and len(test.id) <= _ID_CHARS
    }
    # All files of tests are collected only where others are chosen than those that name what is touched.
    collecting_s = max(0.0, runs.after.seconds - sum(test.seconds for test in tests.values()))
    chosen = [test for test in runs.reported if test in tests]
    left_s = room_s
    for strange, test in sorted(((not _names(test, words), test) for test in tests.values()), key=_dearness):
        left_s -= test.seconds * _SLOWER
        if left_s > collecting_s * strange and test.id not in runs.reported:
            chosen.append(test.id)
    return chosen


def _dearness(ranked: tuple[bool, TestResult]) -> tuple[bool, float]:
    return ranked[0], ranked[1].seconds


def _names(test: TestResult, words: Iterable[str]) -> bool:
    return any(word in test.id.lower() for word in words)


def _gathered(watching: Watching, runs: Runs, touched: Sequence[Touched], chosen: Sequence[str]) -> Iterator[Evidence]:
    seen = watching.after(touched, chosen, runs.reported)
    ended = runs.after.by_id()
    agreed = {
        test for test, outcome in seen.outcomes.items() if test in ended and outcome.bad == ended[test].outcome.bad
    }
    called = [each for each in seen.calls if each.test in agreed]
    yield from _values(watching, runs, touched, called)
    whole = seen.ran is Ran.COMPLETED and agreed >= {
        test.id for test in runs.after.tests if test.outcome is not Outcome.SKIPPED
    }
    for each in touched:
        yield from _coverage(each, seen, [test for test in chosen if test in agreed], runs, whole)


# ---- which tests run what


def _coverage(touched: Touched, seen: Observed, tests: Sequence[str], runs: Runs, whole: bool) -> Iterator[Evidence]:
    by_line: dict[int, list[str]] = {}
    for test in tests:
        for line in seen.lines.get(test, {}).get(touched.path, ()):
            by_line.setdefault(line, []).append(test)
    imported = seen.lines.get("", {}).get(touched.path, frozenset())
    for first, last, found, at_import in _ranges(touched.statements, by_line, imported):
        if found:
            yield from _run_by(touched.path, first, last, found, runs)
        elif whole and not at_import:
            text = f"none of the {len(tests)} tests runs this" if len(tests) > 1 else "no test runs this"
            yield Evidence("uncovered", text, touched.path, first, last=last)


def _ranges(
    found: Sequence[Statement], by_line: Mapping[int, Sequence[str]], imported: frozenset[int]
) -> Iterator[tuple[int, int, tuple[str, ...], bool]]:
    """Yield neighbouring statements that the same tests run: their lines, the tests, and whether an import runs them."""
    held: tuple[int, int, tuple[str, ...], bool] | None = None
    for each in found:
        tests = tuple(dict.fromkeys(test for line in sorted(each.lines) for test in by_line.get(line, ())))
        at_import = bool(each.lines & imported) or each.at_import
        if held and held[2:] == (tests, at_import) and each.line <= held[1] + 2:
            held = held[0], max(each.lines), tests, at_import
            continue
        if held:
            yield held
        held = each.line, max(each.lines), tests, at_import
    if held:
        yield held


def _run_by(path: RepoPath, first: int, last: int, tests: Sequence[str], runs: Runs) -> Iterator[Evidence]:
    """Yield a fact for each way in which tests that run some lines ended before and now, the rarest first."""
    before, after = runs.before.by_id(), runs.after.by_id()
    ended = {test: (_word(before.get(test)), _word(after.get(test))) for test in tests}
    counts = Counter(ended.values())
    for was, now in sorted(counts, key=lambda ways: (ways[0] == ways[1], counts[ways])):
        these = [test for test in tests if ended[test] == (was, now)]
        who = f"{these[0]} runs" if len(these) == 1 else f"{len(these)} tests run"
        yield Evidence("covered", f"{who} this", path, first, tuple(these[:_NAMED]), last, was, now)


def _word(result: TestResult | None) -> str:
    return "not there" if result is None else str(result.outcome)


# ---- what calls come to


def _values(watching: Watching, runs: Runs, touched: Sequence[Touched], called: Sequence[Called]) -> Iterator[Evidence]:
    """Yield, for each touched function, a call that comes out otherwise than before, and some more calls."""
    tests = [test for test in runs.reported if any(each.test == test for each in called)]
    tests = list(dict.fromkeys((*tests, *(each.test for each in called))))[:_BASE_TESTS]
    was = runs.before.by_id()
    known = [test for test in tests if test in was]
    now = _keyed(called, _named(touched, "after"))
    names = _named(touched, "before")
    old = _keyed(_agreed(watching.before(touched, known), was), names) if known and names else {}
    differing = {key for key, each in now.items() if key in old and _differ(old[key], each)}
    # What differs from run to run by itself says nothing of the change; in a test that ended otherwise each time, something had to.
    sure = {key[1:3] for key in differing if key[0] in runs.reported}
    doubtful = {key for key in differing if key[1:3] not in sure}
    if doubtful:
        again = _agreed(watching.before(touched, sorted({test for test, *_ in doubtful})), was)
        steady = {key: each.came for key, each in _keyed(again, names).items()}
        differing -= {key for key in doubtful if steady.get(key) != old[key].came}
    for each in touched:
        for function in each.functions:
            mine = sorted(
                (key for key in now if key[1:3] == (each.path, function.name)),
                key=lambda key: (key not in differing, key[0] not in runs.reported, len(now[key].call)),
            )
            yield from _told(each.path, function.line, mine, old, now, differing)


_Key = tuple[str, RepoPath, str, str, int]


def _told(
    path: RepoPath,
    line: int,
    keys: Sequence[_Key],
    old: Mapping[_Key, Called],
    now: Mapping[_Key, Called],
    differing: set[_Key],
) -> Iterator[Evidence]:
    """Yield the facts of one function: the first call that differs, and then as many others as are shown."""
    first = next((key for key in keys if key in differing), None)
    if first is not None:
        was, said = old[first].said, now[first].said
        yield Evidence("differs", now[first].call, path, line, (first[0],), None, was, said)
    others: dict[str, _Key] = {}
    for key in keys:
        if key not in differing:
            others.setdefault(now[key].call, key)
    for call, key in islice(others.items(), _VALUES):
        said = now[key].said
        same = key in old and old[key].said == said
        yield Evidence("value", call, path, line, (key[0],), None, said if same else "", said)


def _keyed(calls: Iterable[Called], names: Mapping[Function, str]) -> dict[_Key, Called]:
    """Return calls by test, function, arguments, and how often the test had called it with these before."""
    found: dict[_Key, Called] = {}
    count: Counter[tuple[str, ...]] = Counter()
    for each in calls:
        key = (each.test, each.function.path, names[each.function], each.given)
        found[(*key, count[key])] = each
        count[key] += 1
    return found


def _differ(old: Called, now: Called) -> bool:
    return bool(now.given and old.came and now.came) and old.came != now.came and old.said != now.said


def _agreed(seen: Observed, ended: Mapping[str, TestResult]) -> list[Called]:
    """Return the calls of tests that ended as they did when the change was judged."""
    agreed = {
        test for test, outcome in seen.outcomes.items() if test in ended and outcome.bad == ended[test].outcome.bad
    }
    return [each for each in seen.calls if each.test in agreed]


def _named(touched: Sequence[Touched], side: str) -> dict[Function, str]:
    """Return the names of functions, by where they stand on a side."""
    return {
        Function(each.path, place.first, function.name.rpartition(".")[2]): function.name
        for each in touched
        for function in each.functions
        if (place := function.before if side == "before" else function.after) is not None
    }
