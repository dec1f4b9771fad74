"""Answers that were made before, and when they are made again."""

from __future__ import annotations

from orchestrator.reporting.remembered import Lasting, UntilWritten


def test_an_answer_holds_until_somebody_writes() -> None:
    version, made = [1], []
    kept = UntilWritten(lambda: version[0], most=2)

    def make() -> int:
        made.append(version[0])
        return len(made)

    assert [kept.get("a", make), kept.get("a", make), kept.get("b", make)] == [1, 1, 2]
    version[0] = 2
    assert kept.get("a", make) == 3
    assert [kept.get("c", make), kept.get("d", make), kept.get("d", make)] == [4, 5, 6]


def test_an_answer_that_somebody_wrote_beside_is_not_kept() -> None:
    version = [1]
    kept = UntilWritten(lambda: version[0])

    def make() -> str:
        version[0] += 1
        return f"of {version[0]}"

    assert kept.get("a", make) == "of 2"
    assert kept.get("a", lambda: "of now") == "of now"


def test_an_answer_is_found_only_while_it_holds_and_the_version_is_told_at_once() -> None:
    version = [1]
    kept, slow = (UntilWritten(lambda: version[0], at_once=at_once) for at_once in (True, False))
    assert (kept.found("a"), kept.get("a", lambda: "made"), kept.found("a")) == (None, "made", "made")
    assert (slow.get("a", lambda: "made"), slow.found("a")) == ("made", None)
    version[0] = 2
    assert kept.found("a") is None


def test_none_is_an_answer_too_and_the_oldest_goes_first() -> None:
    kept, made = Lasting(2), []

    def make() -> None:
        made.append(1)

    for asked in ("a", "a", "b", "a", "c", "a", "b"):
        assert kept.get(asked, make) is None
    assert len(made) == 4
