"""The rung `diagnostics`: language servers, linters among them, find no error in the changed files that was not there before.

A fresh server judges each tree, in a sandbox of its own. New warnings are evidence, and so is what is found no more; so is an
import that is not installed here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from shadowfs import FileChange, RepoPath
from verifier.errors import OutOfTime, ServerRefused, VerifierError
from verifier.language import (
    Checked,
    Diagnostic,
    Found,
    Severity,
    Tier,
    chosen_servers,
    introduced,
    language_of,
    start_language_server,
)
from verifier.language.delta import LineMap, Side
from verifier.measure import Measure
from verifier.verdict import Case, Evidence, RungResult, Status

ANSWER_S = 60.0
MOST_FILES = 100
MOST_EVIDENCE = 50
QUICK_S = 1.0
"""A server that answered in less time, its start included, is asked of the base for evidence alone."""
_LINK = 0o120000


class Diagnostics:
    """Compares what servers find in the changed files of both trees."""

    name = "diagnostics"

    def __init__(self, measure: Measure) -> None:
        del measure  # It runs no test.

    def judge(self, case: Case) -> RungResult:
        """Fail for an error that the change introduced; skip where no server can be asked, or none answers."""
        files = [file for file in case.change.files if language_of(file.path) is not None]
        if not files:
            return RungResult(self.name, Status.SKIP, "No changed file is in a language that a server is known for.")
        asked = _asked(case, files[:MOST_FILES])
        if not asked:
            languages = ", ".join(sorted({language_of(file.path) or "" for file in files}))
            return RungResult(self.name, Status.SKIP, f"There is no language server for {languages} here.")
        said = [_compare(case, found, chosen) for found, chosen in asked]
        notes = tuple(_notes(said, files))
        if all(each.failure for each in said):
            return RungResult(self.name, Status.SKIP, f"No language server answered: {said[0].failure}.", notes)
        return self._result(said, notes)

    def _result(self, said: list[_Said], notes: tuple[Evidence, ...]) -> RungResult:
        new = [(each, found) for each in said for found in each.new]
        errors = [(each, found) for each, found in new if _blames(each, found)]
        others = [(each, found) for each, found in new if not _blames(each, found)]
        evidence = [
            Evidence("diagnostic", f"{found} ({each.server})", found.path, found.span.start.line)
            for each, found in [*errors, *others]
        ]
        names = " and ".join(each.server for each in said if not each.failure)
        if errors:
            more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
            why = f"The change brings a new error: {evidence[0].text}{more}."
        else:
            warnings = "" if not others else f"; new and no errors: {len(others)}"
            why = f"{names} found no new error in {max(each.files for each in said)} changed files{warnings}."
        status = Status.FAIL if errors else Status.PASS
        gone = [fact for each in said for fact in each.gone]
        return RungResult(self.name, status, why, (*[*evidence, *gone][:MOST_EVIDENCE], *notes))


@dataclass(frozen=True, slots=True)
class _Said:
    """What one server says of the change: what is new and what is gone, in how many files; or why it says nothing."""

    found: Found
    files: int
    new: tuple[Diagnostic, ...] = ()
    gone: tuple[Evidence, ...] = ()
    failure: str = ""

    @property
    def server(self) -> str:
        return self.found.server.name


def _asked(case: Case, files: list[FileChange]) -> list[tuple[Found, list[FileChange]]]:
    """Return which servers are asked of which files."""
    asked: dict[str, tuple[Found, list[FileChange]]] = {}
    for file in files:
        for found in chosen_servers(case.servers, language_of(file.path) or "", Tier.THOROUGH):
            asked.setdefault(found.server.name, (found, []))[1].append(file)
    return list(asked.values())


def _compare(case: Case, found: Found, files: list[FileChange]) -> _Said:
    before, after = dict(_texts(case, files, "before")), dict(_texts(case, files, "after"))
    began = time.monotonic()
    try:
        new = _check(case, found, case.change.tree, after)
        took_s = time.monotonic() - began
        if any(each.found for each in new.values()):
            old = _check(case, found, case.change.base, before) if before else {}
        else:
            # There is nothing to compare with: what it found before is told where that takes no time.
            old = _aside(case, found, before) if before and took_s < QUICK_S else {}
    except OutOfTime:
        raise
    except VerifierError as error:
        return _Said(found, len(files), failure=str(error))
    delta = introduced(old, new)
    return _Said(found, len(files), delta.introduced, tuple(_gone(found, delta.resolved, old, new)))


def _aside(case: Case, found: Found, before: Mapping[RepoPath, bytes]) -> dict[RepoPath, Checked]:
    """Ask about the base where nothing hangs on the answer."""
    try:
        return _check(case, found, case.change.base, before)
    except VerifierError:
        return {}


def _gone(found: Found, resolved: Iterable[Diagnostic], old: Side, new: Side) -> Iterator[Evidence]:
    """Yield what was found on the base alone, at the line that its line became."""
    for each in resolved:
        if each.path in new:
            line = LineMap(old[each.path].text, new[each.path].text).lines(each.span.start.line)[0]
            yield Evidence("resolved", f"found no more: {each} ({found.server.name})", each.path, line)


def _texts(case: Case, files: list[FileChange], side: str) -> Iterator[tuple[RepoPath, bytes]]:
    for file in files:
        entry = file.before if side == "before" else file.after
        if entry is not None and entry.mode != _LINK:
            yield file.path, case.change.blobs.read(entry.blob)


def _check(case: Case, found: Found, tree: str, texts: Mapping[RepoPath, bytes]) -> dict[RepoPath, Checked]:
    """Ask a fresh server, on a fresh place of a tree, of each text. What is no text in UTF-8 is left out."""

    def read(path: RepoPath) -> bytes:
        if path not in texts:
            raise FileNotFoundError(path)
        return texts[path]

    checked: dict[RepoPath, Checked] = {}
    with case.open(tree) as sandbox, start_language_server(sandbox, found, read, start_s=_left_s(case)) as session:
        for path, data in texts.items():
            try:
                session.show(path, data)
            except ServerRefused:
                continue
            checked[path] = Checked(data.decode("utf-8"), session.diagnose(path, _left_s(case)))
    return checked


def _left_s(case: Case) -> float:
    left_s = case.left_s()
    if left_s <= 0:
        raise OutOfTime("no time is left to judge the change; give the case more")
    return min(left_s, ANSWER_S)


def _blames(said: _Said, found: Diagnostic) -> bool:
    """Say whether a finding counts against the change: an import that this environment lacks does not."""
    return found.severity is Severity.ERROR and found.code not in said.found.server.missing_codes


def _notes(said: list[_Said], files: list[FileChange]) -> Iterator[Evidence]:
    for each in said:
        if each.failure:
            yield Evidence("diagnostic", f"not asked to the end: {each.failure}")
    if len(files) > MOST_FILES:
        yield Evidence("diagnostic", f"{len(files) - MOST_FILES} files more changed than are looked at")
