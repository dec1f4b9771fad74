"""What a client is told: each answer as text to read and as data, bounded, and safe to show."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from agents import Hit, Workspace, shown
from orchestrator.mcp.desk import Answer
from orchestrator.plain import plain
from orchestrator.records import JobReport
from sandbox import Completed
from shadowfs import Change
from verifier import Inspection, Location, RungResult, SuiteReport, Verdict

MOST_FOUND = 60
_MOST_LINES = 400
_MOST_BAD = 30
_MOST_FACTS = 10
_OUTPUT = 8_000
_TEXT = 32_000
_OF_A_TEST = 1_500
_COMPARED_BYTES = 1 << 20

Place = tuple[str, int, str]


def refused(why: str) -> Answer:
    """Return what tells a client that a call had no effect, and what to do."""
    return Answer(plain(why), refused=True)


def safe(value: object) -> object:
    """Return JSON values whose texts hold nothing that a terminal would obey, or that is no Unicode."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {plain(str(name)): safe(each) for name, each in value.items()}
    return [safe(each) for each in value] if isinstance(value, list | tuple) else value


def cut(text: str, limit: int = _OUTPUT) -> tuple[str, bool]:
    """Return a text with its middle left out where it is longer than `limit` characters, and whether it was."""
    shorter = shown.cut(text, limit)
    return shorter, len(text) > limit


def read(path: str, data: bytes, first: int, last: int | None) -> Answer:
    """Return lines of a file."""
    if b"\0" in data[:8192]:
        return refused(f"{path} is binary ({len(data):,} bytes): look at it with `run`")
    lines = data.decode("utf-8", "replace").splitlines()
    begin = max(1, first)
    end = min(len(lines), begin + _MOST_LINES - 1, len(lines) if last is None else last)
    text, _ = cut("\n".join(lines[begin - 1 : end]), _TEXT)
    shape = {"path": path, "text": text, "first": begin, "last": max(end, begin - 1), "lines": len(lines)}
    return Answer(shown.lines(data, begin, last), shape)


def places(found: Sequence[Place], more: int = 0) -> Answer:
    """Return places; `more` were found beyond them."""
    few = found[:MOST_FOUND]
    left_out = len(found) - len(few) + more
    rows = [{"path": path, "line": line, "text": text.strip()[:200]} for path, line, text in few]
    text = shown.places(few) + (f"\n… {left_out} more or so; look for something rarer" if left_out else "")
    return Answer(text, {"places": rows, "left_out": left_out})


def hits(found: Sequence[Hit]) -> Answer:
    """Return what the code index finds, the best first."""
    few = found[:MOST_FOUND]
    rows = [
        {"path": hit.path, "first": hit.first, "last": hit.last, "name": hit.name, "why": "; ".join(hit.why)}
        for hit in few
    ]
    lines = [f"{row['path']}:{row['first']}-{row['last']} {row['name']} ({row['why']})" for row in rows]
    return Answer("\n".join(lines) or "Nothing was found: `search` for words.", {"places": rows})


def locations(found: Sequence[Location]) -> Answer:
    """Return where a language server says that something stands."""
    return places([(each.path, each.span.start.line, "") for each in found])


def inspection(found: Inspection) -> Answer:
    """Return what is found in a file."""
    if not found.asked:
        text = "No language server is here for this file."
    else:
        text = shown.diagnostics(found.found, found.failures)
    said = [str(each) for each in found.found[:MOST_FOUND]]
    return Answer(text, {"found": said, "asked": list(found.asked), "failures": list(found.failures)})


def completed(done: Completed) -> Answer:
    """Return how a command went."""
    stdout, some = cut(done.stdout.decode("utf-8", "replace"))
    stderr, others = cut(done.stderr.decode("utf-8", "replace"))
    data = {
        "ended": f"{done.ended}: {done.why}" if done.why else str(done.ended),
        "exit_status": done.exit_status,
        "stdout": stdout,
        "stderr": stderr,
        "truncated": some or others or bool(done.dropped_bytes),
    }
    return Answer(shown.completed(done), data)


def tested(found: SuiteReport) -> Answer:
    """Return what tests said."""
    bad = [test for test in found.tests if test.outcome.bad]
    rows = [
        {"id": test.id, "outcome": str(test.outcome), "output": cut(test.output or test.message, _OF_A_TEST)[0]}
        for test in bad[:_MOST_BAD]
    ]
    data = {
        "ran": str(found.ran),
        "passed": len(found.tests) - len(bad),
        "bad": rows,
        "left_out": len(bad) - len(rows),
        "why": cut(found.why, _OF_A_TEST)[0],
    }
    return Answer(shown.report(found), data)


def changed(change: Change) -> Answer:
    """Return what a shadow changes, as a patch to read (not one to apply: large and binary files are only named)."""
    patch, truncated = cut("".join(_patch(change, path) for path in change.paths()), _TEXT)
    files = [f"{file.kind} {file.path}" for file in change.files]
    return Answer(patch or "Nothing is changed.", {"files": files, "patch": patch, "truncated": truncated})


def _patch(change: Change, path: str) -> str:
    before, after = change.before(path), change.after(path)
    sides = [side or b"" for side in (before, after)]
    if any(b"\0" in side[:8192] or len(side) > _COMPARED_BYTES for side in sides):
        return f"--- {path}\n+++ {path}\n(binary or large: {len(sides[0]):,} bytes before, {len(sides[1]):,} after)\n"
    old, new = (side.decode("utf-8", "replace").splitlines(keepends=True) for side in sides)
    names = "/dev/null" if before is None else f"a/{path}", "/dev/null" if after is None else f"b/{path}"
    lines = difflib.unified_diff(old, new, *names)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def ended(report: JobReport) -> Answer:
    """Return how work on a ticket ended."""
    verified = report.verdict is not None and report.verdict.verified
    data = {
        "ticket": report.ticket.id,
        "status": str(report.status),
        "verified": verified,
        "why": report.why,
        "next": _next(report),
        "branch": report.branch,
        "commit": report.commit,
        "files": list(report.files),
        "rungs": rungs(report.verdict),
        "seconds_left": None,
    }
    lines = [f"{report.status}{': ' if report.why else ''}{report.why}"]
    if report.branch:
        lines.append(f"The branch {report.branch} has it; the user reviews it from here.")
    if verified and (own := report.ticket.order.own_tests):
        lines.append(
            f"The commit says that {', '.join(own)} came from you: the user judges whether that is what was wanted."
        )
    return Answer("\n".join([*lines, *rung_lines(report.verdict), _next(report)]).strip(), data)


def refused_change(ticket: str, verdict: Verdict | None, workspace: Workspace) -> Answer:
    """Return what the ladder said against a change; the client may go on."""
    failed = [rung for rung in (verdict.rungs if verdict else ()) if rung.status == "fail"]
    why = "; ".join(f"{rung.name}: {rung.why}" for rung in failed)
    go_on = "The ticket is still open, and the shadow is as you submitted it: go on, and submit again."
    data = {
        "ticket": ticket,
        "status": "refused",
        "verified": False,
        "why": why,
        "next": go_on,
        "branch": None,
        "commit": None,
        "files": list(workspace.change().paths()),
        "rungs": rungs(verdict),
        "seconds_left": round(workspace.remaining_s(), 1),
    }
    return Answer("\n".join(["refused", *rung_lines(verdict), go_on]), data)


def _next(report: JobReport) -> str:
    if report.status.resumable:
        return f"`begin` with ticket {report.ticket.id!r} goes on with it; `seconds` adds to its budget."
    return ""


def rungs(verdict: Verdict | None) -> list[dict[str, object]]:
    """Return what each rung of a ladder said, with the first facts of those that failed."""
    return [
        {"name": rung.name, "status": str(rung.status), "why": rung.why, "evidence": _facts(rung)}
        for rung in (verdict.rungs if verdict else ())
    ]


def _facts(rung: RungResult) -> list[str]:
    if rung.status != "fail":
        return []
    return [
        cut(f"{fact.path}:{fact.line}: {fact.text}" if fact.path else fact.text, _OF_A_TEST)[0]
        for fact in rung.evidence[:_MOST_FACTS]
    ]


def rung_lines(verdict: Verdict | None) -> list[str]:
    """Return what each rung of a ladder said, as lines to read."""
    lines = []
    for rung in verdict.rungs if verdict else ():
        lines.append(f"  {rung.status:<5} {rung.name}: {rung.why}")
        lines += [f"        {fact}" for fact in _facts(rung)]
    return lines
