"""Verdicts as plain JSON values, for the store and for `--json`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from verifier.verdict import Evidence, RungResult, Status, Verdict


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as JSON values. Paths that are not UTF-8 keep their surrogate escapes."""
    return {
        "base": verdict.base,
        "tree": verdict.tree,
        "verified": verdict.verified,
        "rungs": [_rung_to_json(rung) for rung in verdict.rungs],
    }


def from_json(record: Mapping[str, Any]) -> Verdict:
    """Return the verdict that `to_json` wrote. Raises KeyError or ValueError for anything else."""
    return Verdict(record["base"], record["tree"], tuple(_rung_from_json(rung) for rung in record["rungs"]))


def _rung_to_json(rung: RungResult) -> dict[str, Any]:
    return {
        "name": rung.name,
        "status": rung.status.value,
        "why": rung.why,
        "seconds": round(rung.seconds, 3),
        "evidence": [
            {"kind": fact.kind, "text": fact.text, "path": fact.path, "line": fact.line, "tests": list(fact.tests)}
            for fact in rung.evidence
        ],
    }


def _rung_from_json(record: Mapping[str, Any]) -> RungResult:
    evidence = tuple(
        Evidence(fact["kind"], fact["text"], fact["path"], fact["line"], tuple(fact["tests"]))
        for fact in record["evidence"]
    )
    return RungResult(record["name"], Status(record["status"]), record["why"], evidence, record["seconds"])
