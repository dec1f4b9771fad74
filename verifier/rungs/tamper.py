"""The rung `tamper`: what judges the change (tests, CI, test and lint configuration) is not weakened by the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from verifier.measure import Measure
from verifier.verdict import Case, Evidence, RungResult, Status

if TYPE_CHECKING:
    from verifier.tampering import Finding

_SHOWN = 100


class Tamper:
    """Compares both sides of every changed file that can steer or weaken the judging; runs nothing."""

    name = "tamper"

    def __init__(self, measure: Measure) -> None:
        del measure  # It runs no test.

    def judge(self, case: Case) -> RungResult:
        """Fail for anything that weakens; new tests are fine, and so is what the ticket allows."""
        # Its parsers cost much of an import that every command of nightcrew would pay for.
        from verifier.tampering import tampering

        findings = list(tampering(case.change, case.suite, case.allowed))
        findings.sort(key=lambda finding: not finding.weakens)
        weakening = [finding for finding in findings if finding.weakens]
        evidence = tuple(_evidence(finding) for finding in findings[:_SHOWN])
        if weakening:
            first, more = weakening[0], len(weakening) - 1
            where = f"{first.path}:{first.line}" if first.line else first.path
            rest = f" (and {more} more)" if more else ""
            return RungResult(
                self.name, Status.FAIL, f"{where}: {first.text}, which the ticket did not ask for{rest}.", evidence
            )
        look = f" {_places(len(findings))} a look." if findings else ""
        why = f"No existing test, CI file, or test or lint configuration is weakened.{look}"
        return RungResult(self.name, Status.PASS, why, evidence)


def _evidence(finding: Finding) -> Evidence:
    return Evidence("tamper" if finding.weakens else "look", finding.text, finding.path, finding.line)


def _places(count: int) -> str:
    return "1 other place deserves" if count == 1 else f"{count} other places deserve"
