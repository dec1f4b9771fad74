"""The JSON documents that `--json` prints and the API answers with, made from records. Fields are only ever added."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.plain import plain
from orchestrator.records import AttemptRecord, Cost, JobReport, Message, StepRecord
from orchestrator.refs import ref_of
from orchestrator.working.answering import asking, question_id
from verifier import Evidence, RungResult, Verdict

if TYPE_CHECKING:
    from orchestrator.reading import Group, Reading, Seen, Side
    from orchestrator.reporting.board import Board, Row
    from orchestrator.reporting.digest import Digest, Ready
    from orchestrator.reporting.digest import Group as DigestGroup
    from orchestrator.reviewing import Decision, Said

Document = dict[str, Any]


def report_document(report: JobReport) -> Document:
    """Return all that is known about a ticket."""
    return {
        **summary_document(report),
        "text": report.ticket.order.text,
        "title": report.title,
        "explanation": report.explanation,
        "base": report.base,
        "files": list(report.files),
        "verdict": verdict_document(report.verdict) if report.verdict else None,
        "shadow": {"driver": report.driver},
        "sandbox": {"driver": report.sandbox},
        "without": list(report.without),
        "omitted": [{"path": omission.path, "why": omission.why} for omission in report.omitted],
        "tries": [_try(report, at, attempt) for at, attempt in enumerate(report.attempts)],
        "messages": [message_document(each) for each in report.messages],
    }


def message_document(message: Message) -> Document:
    """Return what somebody said to a job."""
    return {
        "id": message.id,
        "who": message.who,
        "text": message.text,
        "at": message.at,
        "attempt": message.attempt or None,
    }


def _try(report: JobReport, at: int, attempt: AttemptRecord) -> Document:
    verdict = report.verdict_on(attempt)
    cost = report.costs[at] if at < len(report.costs) else Cost()
    return {
        "number": attempt.number,
        "agent": attempt.agent,
        "reason": attempt.reason,
        "host": attempt.host or None,
        "state": str(attempt.state),
        "title": attempt.title,
        "tree": attempt.tree,
        "ref": ref_of(report.ticket.id, attempt),
        "why": attempt.why,
        "needs": attempt.needs,
        "seed": attempt.seed,
        "variant": attempt.variant,
        "refused": list(attempt.refused),
        "heard": list(attempt.heard),
        "verdict": verdict_document(verdict) if verdict else None,
        "cost": cost_document(replace(cost, seconds=attempt.seconds)),
    }


def summary_document(report: JobReport) -> Document:
    """Return what a list of tickets says of one."""
    return {
        "ticket": report.ticket.id,
        "status": str(report.status),
        "why": report.why,
        "next": report.next,
        "repository": str(report.ticket.order.repository),
        "branch": report.branch,
        "commit": report.commit,
        "agent": report.agent,
        "attempts": len(report.attempts),
        "question": question_document(report) if report.question else None,
        "cost": cost_document(report.cost),
        "priority": report.ticket.order.priority,
        "not_before": report.ticket.order.not_before,
        "deadline": report.ticket.order.deadline,
        "filed_at": report.ticket.filed_at,
        "updated_at": report.updated_at,
    }


def board_document(board: Board) -> Document:
    """Return a page of tickets."""
    return {
        "tickets": [_row(row) for row in board.rows],
        "total": board.total,
        "counts": {str(status): count for status, count in board.counts.items()},
    }


def _row(row: Row) -> Document:
    return {
        "ticket": row.ticket,
        "text": plain(row.text),
        "status": str(row.status),
        "why": row.why,
        "next": row.next,
        "repository": str(row.repository),
        "branch": row.branch,
        "commit": row.commit,
        "agent": row.agent,
        "user": row.user,
        "attempts": row.attempts,
        "question": row.question or None,
        "cost": cost_document(row.cost),
        "budget": {"seconds": row.seconds, "usd": row.usd, "tokens": row.tokens},
        "priority": row.priority,
        "not_before": row.not_before,
        "deadline": row.deadline,
        "filed_at": row.filed_at,
        "updated_at": row.updated_at,
    }


def said_document(said: Said) -> Document:
    """Return a remark as it was made."""
    return {
        "id": said.id,
        "tree": said.tree,
        "path": said.remark.path,
        "line": said.remark.line,
        "text": said.remark.text,
        "who": said.who,
        "at": said.at,
        "sent": said.sent,
    }


def decision_document(decision: Decision) -> Document:
    """Return what somebody decided."""
    return {
        "ticket": decision.ticket,
        "tree": decision.tree,
        "what": decision.what,
        "reason": decision.reason,
        "hunks": list(decision.hunks),
        "who": decision.who,
        "at": decision.at,
    }


def digest_document(digest: Digest) -> Document:
    """Return a digest."""
    return {
        "since": digest.since_at,
        "made_at": digest.made_at,
        "tried": digest.tried,
        "ready": [{**_row(each.row), **_proof(each)} for each in digest.ready],
        "older_ready": digest.older_ready,
        "needs": [_row(row) for row in digest.needs],
        "no_fix": [_reason(group) for group in digest.no_fix],
        "failed": [_reason(group) for group in digest.failed],
        "cost": {
            **cost_document(digest.cost),
            "by": [
                {
                    "repository": str(each.repository),
                    "agent": each.agent,
                    "tickets": each.tickets,
                    **cost_document(each.cost),
                }
                for each in digest.shares
            ],
        },
        "working": [_row(row) for row in digest.working],
        "queued": [
            {
                **_row(each.row),
                "may_begin_now": each.opening.now,
                "begins_at": each.opening.at,
                "waits_for": each.opening.why,
            }
            for each in digest.waiting
        ],
        "decided": {str(status): count for status, count in digest.decided.items()},
        "left_out": digest.left_out,
    }


def _proof(ready: Ready) -> Document:
    proof = ready.proof
    return {"title": proof.title, "files": proof.files, "passed": proof.passed, "marks": proof.marks}


def _reason(group: DigestGroup) -> Document:
    return {"why": group.why, "tickets": [row.ticket for row in group.rows]}


def question_document(report: JobReport) -> Document:
    """Return the question that a ticket waits with; its options have a diff where all about the ticket was asked for.

    One without options waits for words (`answer --text`), of which `choices` are likely.
    """
    diffs = [patch.decode("utf-8", "replace") for patch in report.diffs]
    asked = asking(report.attempts)
    return {
        "id": question_id(asked) if asked else None,
        "text": report.question,
        "options": [
            {
                "number": number,
                "title": option.title,
                "shows": option.shows,
                "explanation": option.explanation,
                "tree": option.tree,
                "diff": diffs[number - 1] if diffs else None,
            }
            for number, option in enumerate(report.options, 1)
        ],
        "choices": [{"number": number, "text": text} for number, text in enumerate(report.choices, 1)],
    }


def verdict_document(verdict: Verdict) -> Document:
    """Return a verdict with its evidence."""
    return {
        "verified": verdict.verified,
        "base": verdict.base,
        "tree": verdict.tree,
        "rungs": [_rung(rung) for rung in verdict.rungs],
        "beside": [evidence_document(fact) for fact in verdict.beside],
    }


def _rung(rung: RungResult) -> Document:
    return {
        "name": rung.name,
        "status": str(rung.status),
        "why": rung.why,
        "seconds": round(rung.seconds, 3),
        "evidence": [evidence_document(fact) for fact in rung.evidence],
    }


def evidence_document(fact: Evidence) -> Document:
    """Return a fact that was found."""
    return {
        "kind": fact.kind,
        "text": fact.text,
        "path": fact.path,
        "line": fact.line,
        "last": fact.last,
        "tests": list(fact.tests),
        "before": fact.before,
        "after": fact.after,
    }


def cost_document(cost: Cost) -> Document:
    """Return a cost."""
    return {
        "seconds": round(cost.seconds, 3),
        "tokens_in": cost.tokens_in,
        "tokens_out": cost.tokens_out,
        "usd": cost.usd,
    }


def step_document(step: StepRecord) -> Document:
    """Return a step of the journal."""
    return {
        "attempt": step.attempt,
        "number": step.number,
        "kind": step.kind,
        "at": step.at,
        "intent": dict(step.intent),
        "outcome": None if step.outcome is None else dict(step.outcome),
    }


def reading_document(reading: Reading) -> Document:
    """Return a reading."""
    return {
        "groups": [_group(each) for each in reading.groups],
        "whole": [{"path": each.path, "why": each.why} for each in reading.whole],
        "facts": [evidence_document(fact) for fact in reading.facts],
        "marks_left_out": reading.left_out,
    }


def _group(group: Group) -> Document:
    return {"title": group.title, "folded": group.folded, "hunks": [_hunk(each) for each in group.hunks]}


def _hunk(seen: Seen) -> Document:
    hunk = seen.hunk
    return {
        "id": hunk.id,
        "path": hunk.path,
        "within": hunk.within,
        "role": str(seen.role),
        "follows": seen.follows or None,
        "predictable": seen.predictable,
        "before": _side(hunk.before),
        "after": _side(hunk.after),
        "marks": [{"risk": str(mark.risk), "text": mark.text, "line": mark.line} for mark in seen.marks],
        "evidence": [evidence_document(fact) for fact in seen.evidence],
    }


def _side(side: Side) -> Document:
    return {"first": side.first, "lines": list(side.lines)}
