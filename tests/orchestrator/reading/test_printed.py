"""Readings as commands print them."""

from __future__ import annotations

import json

import pytest

from orchestrator.cli.reading import print_reading
from orchestrator.reading import read
from orchestrator.reporting.documents import reading_document
from tests.orchestrator.reading.test_read import PRICES, TEST, Sides, change, verdict
from verifier import Evidence

FACT = Evidence("test", "passes now\x1b[2J", "prices.py", 3, ("t",))
FILES: dict[str, Sides] = {
    "prices.py": (PRICES, PRICES.replace("+ rebate", "- eval(rebate)\x1b]0;owned\x07")),
    "test_prices.py": (TEST, TEST.replace("== 2", "== 0")),
    "spaced.py": ("x = f(1,2)\n", "x = f(1, 2)\n"),
    "\x1b[31mred.bin": (b"\0", b"\0\0"),
}


def test_a_reading_is_printed_from_its_cause_on(capsys: pytest.CaptureFixture[str]) -> None:
    print_reading(read(change(FILES), verdict(FACT)))
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert lines[:5] == [
        "== `total` in prices.py",
        "prices.py:3 total  cause  -1 +1",
        "  ! line 3: calls what runs or believes what it is given: return summed - eval(rebate)",
        "  * line 3: passes now",
        "-    return summed + rebate",
    ]
    assert "-    x = f(1,2)" not in lines and "spaced.py:1  formatted  -1 +1" in lines
    assert "red.bin: it is binary" in text
    assert "\x1b" not in text


def test_a_reading_is_one_document() -> None:
    document = json.loads(json.dumps(reading_document(read(change(FILES), verdict(FACT)))))
    cause = document["groups"][0]["hunks"][0]
    assert (cause["role"], cause["before"]["lines"]) == ("cause", ["    return summed + rebate"])
    assert cause["marks"][0]["risk"] == "dangerous"
    assert document["whole"][0]["why"] == "it is binary"
    assert document["groups"][-1]["folded"]
