"""Where the bug may be, from what is printed and from what the code index finds, none of which is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from agents import Hit, MemoryWorkspace, NoFix, Task
from agents.repair.diagnosis import Diagnosis
from agents.sampling.finding import diagnosed
from agents.sampling.forks import Forks
from agents.sampling.place import Place, places
from tests.agents.sampling.forking import command
from verifier import Outcome, Ran, SuiteReport, TestResult

RUST = b"""\
use std::fmt;

pub fn total(prices: &[i64], rebate: i64) -> i64 {
    // The rebate is taken off.
    let summed: i64 = prices.iter().sum();
    summed + rebate
}

pub fn label(price: i64) -> String {
    format!("{} EUR", price)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rebate() {
        assert_eq!(total(&[5, 5], 3), 7);
    }
}
"""
SUITE = command("cargo test")
FILES = {"src/lib.rs": RUST, "tests/it.rs": b"fn it() {}\n", "logo.png": b"\xff", "fixed.rs": b"fn fixed() {}\n"}
EVERY_LINE = tuple(Hit(path, 1, 99, 1.0) for path in (*FILES, "gone.rs", "../secret.rs"))


def find(
    output: str, hits: Sequence[Hit] = (), text: str = "rebates", *, ids: tuple[str, ...] = ()
) -> Diagnosis | NoFix:
    def say(files: Mapping[str, bytes], asked: Sequence[str] | None) -> SuiteReport:
        del files, asked
        outcome = Outcome.FAILED if output else Outcome.PASSED
        return SuiteReport(Ran.COMPLETED, (TestResult("cargo test", outcome, 2.0, "", (), output),), ("cargo test",))

    workspace = MemoryWorkspace(FILES, say=say, locating=lambda _: hits, protected=frozenset({"fixed.rs"}))
    return diagnosed(Task(text, SUITE, ids), workspace, Forks(workspace, {}))


def found(diagnosis: Diagnosis | NoFix) -> list[Place]:
    assert isinstance(diagnosis, Diagnosis), diagnosis
    return list(places(diagnosis.scores, lambda path: FILES[path], 9))


def test_a_function_that_output_names_comes_first_and_one_that_the_index_finds_after_it() -> None:
    diagnosis = find("panicked at src/lib.rs:10:5: no", [Hit("src/lib.rs", 3, 7, 1.0)])
    assert [place.name for place in found(diagnosis)] == ["label", "total"]
    assert isinstance(diagnosis, Diagnosis)
    assert (diagnosis.failing, diagnosis.guards, diagnosis.whole) == (("cargo test",), (), True)


def test_of_what_the_index_finds_functions_that_are_spoken_of_come_first_and_tests_never() -> None:
    diagnosis = find("panicked at src/lib.rs:19:9: assertion failed: total", EVERY_LINE)
    # What lies in no function comes last.
    assert [(place.path, place.name) for place in found(diagnosis)] == [
        ("src/lib.rs", "total"),
        ("src/lib.rs", "label"),
        ("src/lib.rs", ""),
    ]
    assert isinstance(diagnosis, Diagnosis)
    # Neither the head nor the comment is a statement that could be wrong.
    assert {line for _, line, _ in diagnosis.scores} == {1, 5, 6, 10}


def test_where_nothing_fails_what_passes_guards() -> None:
    diagnosis = find("", EVERY_LINE, "label: the currency is missing")
    assert isinstance(diagnosis, Diagnosis)
    assert (diagnosis.failing, diagnosis.guards, diagnosis.whole) == ((), ("cargo test",), False)
    assert found(diagnosis)[0].name == "label"


@pytest.mark.parametrize(
    "output",
    [
        "",
        "error: /etc/passwd.rs:3 ../src/lib.rs:3 src/lib.rs:99999",
        "error src/lib.rs:" + "9" * 100,
        "error " * 2_000_000,
    ],
    ids=["nothing", "outside", "digits", "megabytes"],
)
def test_where_nothing_leads_to_a_place_it_says_so(output: str) -> None:
    result = find(output)
    assert isinstance(result, NoFix)
    assert "lead to a place" in result.why


def test_a_test_that_should_fail_and_does_not_is_named() -> None:
    result = find("", EVERY_LINE, ids=("cargo test",))
    assert isinstance(result, NoFix)
    assert "not all do: cargo test" in result.why
