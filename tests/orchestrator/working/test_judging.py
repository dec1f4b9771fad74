"""The choice among attempts: the best evidence wins."""

from __future__ import annotations

from orchestrator.records import AttemptRecord
from orchestrator.working.judging import choose
from verifier import RungResult, Status, Verdict


def verdict(**rungs: str) -> Verdict:
    return Verdict("base", "tree", tuple(RungResult(name, Status(said), "") for name, said in rungs.items()))


GOOD = verdict(applies="pass", reproduce="pass", suite="pass")
HALF = verdict(applies="pass", reproduce="skip", suite="pass")
BAD = verdict(applies="pass", reproduce="pass", suite="fail")


def winner(*judged: tuple[Verdict, int]) -> int:
    attempts = [AttemptRecord(number, "a", 0) for number in range(1, len(judged) + 1)]
    return choose(attempts, [each for each, _ in judged], [size for _, size in judged])


def test_a_verified_attempt_wins_over_all_others() -> None:
    assert winner((BAD, 1), (HALF, 1), (GOOD, 9)) == 2


def test_a_failed_rung_weighs_more_than_a_skipped_one() -> None:
    assert winner((BAD, 1), (HALF, 1)) == 1


def test_of_equal_evidence_the_smaller_change_wins_and_then_the_earlier_attempt() -> None:
    assert winner((GOOD, 3), (GOOD, 1), (GOOD, 1)) == 1
