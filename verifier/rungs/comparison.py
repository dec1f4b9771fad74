"""Comparing two runs of a suite by test id: what got worse."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from verifier.selection import below, collection_error
from verifier.suite import Outcome, SuiteReport, TestResult

PASSING = frozenset({Outcome.PASSED, Outcome.XPASSED})


class Kind(StrEnum):
    """In what way a test got worse."""

    BROKEN = "broken"
    """It fails, and did not before."""
    SILENCED = "silenced"
    """It passed or failed, and now is skipped, expected to fail, or not run."""
    GONE = "gone"
    """It is not collected any more."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A test that got worse; `before` and `after` say in a word what it did on each tree."""

    test: str
    kind: Kind
    before: str
    after: str

    @property
    def comparable(self) -> bool:
        """Say whether running it alone on both trees can tell something: it is on both, and was good on the base."""
        return self.kind is not Kind.GONE and self.before not in ("absent", Outcome.FAILED, Outcome.ERROR)

    def good(self, report: SuiteReport) -> bool | None:
        """Say whether a run shows the test as it should be; None where the run says nothing of it."""
        if self.kind is Kind.GONE:
            return self.test in collected(report)
        result = report.by_id().get(self.test)
        if result is None:
            return False if collection_error(report, self.test) is not None else None
        return not result.outcome.bad if self.kind is Kind.BROKEN else result.outcome in PASSING


def collected(report: SuiteReport) -> set[str]:
    """Return the ids of the tests that a run knew of."""
    return {*report.collected, *(test.id for test in report.tests)}


def differences(before: SuiteReport, after: SuiteReport, spared: Callable[[str], bool]) -> tuple[Difference, ...]:
    """Return the tests that got worse from `before` to `after`; those that `spared` names may be gone."""
    return tuple(_differences(before, after, spared))


def _differences(before: SuiteReport, after: SuiteReport, spared: Callable[[str], bool]) -> Iterator[Difference]:
    old, new, present = before.by_id(), after.by_id(), collected(after)
    for test in _in_order(before.collected, old):
        if test in new:
            kind = _worse(old.get(test), new[test], before)
            if kind is not None:
                yield Difference(test, kind, _word(old.get(test)), _word(new[test]))
        elif test in present:
            if test in old and (old[test].outcome in PASSING or old[test].outcome.bad):
                yield Difference(test, Kind.SILENCED, _word(old[test]), "not run")
        elif not (spared(test) or _was_no_test(test, old, present) or collection_error(after, test)):
            yield Difference(test, Kind.GONE, _word(old.get(test)), "gone")
    known = collected(before)
    for test, result in new.items():
        if test not in known and result.outcome.bad and collection_error(before, test) is None:
            yield Difference(test, Kind.BROKEN, "absent", _word(result))


def _in_order(ids: Iterable[str], results: Iterable[str]) -> dict[str, None]:
    return dict.fromkeys([*ids, *results])


def _worse(was: TestResult | None, now: TestResult, before: SuiteReport) -> Kind | None:
    if was is None:
        return Kind.BROKEN if now.outcome.bad and collection_error(before, now.id) is None else None
    if now.outcome.bad:
        return None if was.outcome.bad else Kind.BROKEN
    said_something = was.outcome in PASSING or was.outcome.bad
    return Kind.SILENCED if said_something and now.outcome not in PASSING else None


def _was_no_test(test: str, old: dict[str, TestResult], present: set[str]) -> bool:
    """Say whether the id stood for a file or class that could not be collected, and whose tests are there now."""
    return test in old and old[test].outcome is Outcome.ERROR and any(below(name, test) for name in present)


def _word(result: TestResult | None) -> str:
    return "not run" if result is None else str(result.outcome)
