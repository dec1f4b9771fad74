"""What tools find, as text for a model: short, the same whenever it is told again, and never longer than its limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.agent import Hit
from agents.wording import plain
from sandbox import Completed, Ended
from verifier import Diagnostic, Findings, Location, Ran, SuiteReport

LIMIT = 8_000
_MOST_LINES = 400
_MOST_FOUND = 60
_MOST_TESTS = 5
_OF_A_TEST = 1_500


def cut(text: str, limit: int = LIMIT) -> str:
    """Return a text without terminal escapes, its middle left out where it is longer than `limit` characters."""
    text = plain(text)
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def lines(data: bytes, first: int, last: int | None) -> str:
    """Return lines of a file with their numbers, from `first` (from 1) to `last`, at most a few hundred."""
    found = data.decode("utf-8", "replace").splitlines()
    begin = max(1, first)
    end = min(len(found), begin + _MOST_LINES - 1 if last is None else min(last, begin + _MOST_LINES - 1))
    if begin > len(found):
        return f"The file has {len(found)} lines."
    shown = "\n".join(f"{number:5} {found[number - 1]}" for number in range(begin, end + 1))
    more = f"\n({len(found)} lines in all)" if end < len(found) or begin > 1 else ""
    return cut(shown + more, 4 * LIMIT)


def places(found: Iterable[tuple[str, int, str]]) -> str:
    """Return places as `path:line: text`, the first few, and how many there are."""
    every = [f"{path}:{line}: {text.strip()[:200]}" for path, line, text in found]
    more = f"\n… {len(every) - _MOST_FOUND} more; search for something rarer" if len(every) > _MOST_FOUND else ""
    return cut("\n".join(every[:_MOST_FOUND]) + more) if every else "Nothing was found."


def hits(found: Sequence[Hit]) -> str:
    """Return what the code index finds, a place a line and why it is there, the best first; "" where that is nothing."""
    lines = [
        f"{each.path}:{each.first}-{each.last} {each.name} ({'; '.join(each.why)})" for each in found[:_MOST_FOUND]
    ]
    return cut("\n".join(lines))


def locations(found: Sequence[Location]) -> str:
    """Return locations as `path:line`, the first few."""
    return places((each.path, each.span.start.line, "") for each in found)


def diagnostics(found: Sequence[Diagnostic], failures: Sequence[str] = ()) -> str:
    """Return findings, a line each, and what kept servers from answering."""
    said = [str(each) for each in found[:_MOST_FOUND]] or ["Nothing is found."]
    return cut("\n".join([*said, *(f"({why})" for why in failures)]))


def after_edit(findings: Findings) -> str:
    """Return what an edit broke and mended."""
    broken, mended = findings.delta.introduced, findings.delta.resolved
    said = [f"This introduces:\n{diagnostics(broken)}"] if broken else []
    said += [f"It resolves {len(mended)} earlier findings."] if mended else []
    return "\n".join(said)


def report(found: SuiteReport) -> str:
    """Return what a run of tests said: how it ended, and each test that is bad, the first few in full."""
    bad = [test for test in found.tests if test.outcome.bad]
    said = [f"{len(found.tests) - len(bad)} tests pass, {len(bad)} fail."]
    if found.ran is not Ran.COMPLETED:
        said.append(f"The run did not end as it should: {found.ran}. {cut(found.why or found.output[-2000:], 2_000)}")
    for test in bad[:_MOST_TESTS]:
        said.append(f"--- {test.id}: {test.outcome}\n{cut(test.output or test.message, _OF_A_TEST)}")
    if len(bad) > _MOST_TESTS:
        said.append("And: " + ", ".join(test.id for test in bad[_MOST_TESTS : _MOST_TESTS + 30]))
    return cut("\n".join(said))


def completed(done: Completed) -> str:
    """Return how a command went, and what it printed."""
    how = f"exit status {done.exit_status}" if done.ended is Ended.EXITED else f"{done.ended}: {done.why}"
    output = (done.stdout + (b"\n" if done.stdout and done.stderr else b"") + done.stderr).decode("utf-8", "replace")
    return cut(f"({how})\n{output.strip()}")
