"""The rung `applies`: there is a change, it can be exported, keeps the ticket's files, and every changed file parses."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING

from shadowfs import FileChange
from verifier.measure import Measure
from verifier.selection import covers
from verifier.verdict import Case, Evidence, RungResult, Status

if TYPE_CHECKING:
    from verifier.rungs.parse import Parsed

_MODES = {0o100644, 0o100755, 0o120000}
_LINK = 0o120000


class Applies:
    """Checks the change itself, before anything of it runs."""

    name = "applies"

    def __init__(self, measure: Measure) -> None:
        self._measure = measure

    def judge(self, case: Case) -> RungResult:
        """Fail for an empty change, an entry no repository should carry, a protected path, or a file that does not parse."""
        if not case.change:
            return RungResult(self.name, Status.FAIL, "The change is empty: both trees are the same.")
        refused = tuple(_refused(case))
        if refused:
            return RungResult(self.name, Status.FAIL, f"{refused[0].text}.", refused)
        # Imported late: TOML's parser compiles expressions that most commands of nightcrew never need.
        from verifier.rungs.parse import parse_errors

        parsed = parse_errors(self._measure, case)
        if parsed.errors:
            first = parsed.errors[0]
            where = f"{first.path}:{first.line}" if first.line else f"{first.path}"
            return RungResult(self.name, Status.FAIL, f"{where} does not parse: {first.text}.", parsed.errors)
        count = len(case.change.files)
        files = "1 file changes" if count == 1 else f"{count} files change"
        return RungResult(self.name, Status.PASS, f"{files}; {_sums_up(parsed)}.", parsed.notes)


def _sums_up(parsed: Parsed) -> str:
    if not parsed.checked:
        return "none is of a kind that can be parsed here"
    return f"{parsed.checked} parsed" + (", with what the evidence says of the others" if parsed.notes else "")


def _refused(case: Case) -> Iterator[Evidence]:
    for file in case.change.files:
        if covers(case.protected, file.path):
            yield Evidence("protected", f"{file.path} belongs to the ticket and was {file.kind}", file.path)
        why = _unexportable(case, file)
        if why:
            yield Evidence("export", f"{file.path!r} cannot be exported: {why}", file.path)


def _unexportable(case: Case, file: FileChange) -> str:
    parts = file.path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "its path leaves the tree"
    if any(_is_git(part) for part in parts):
        return "its path enters a git directory"
    if file.after is None:
        return ""
    if file.after.mode not in _MODES:
        return f"mode {file.after.mode:o} is neither a file nor a link"
    if file.after.mode == _LINK and not covers(case.allowed, file.path):
        return _leaves_tree(case, file)
    return ""


def _is_git(part: str) -> bool:
    # Some file systems fold case, drop trailing dots and spaces, or know the 8.3 name.
    return part.rstrip(" .").casefold() in {".git", "git~1"}


def _leaves_tree(case: Case, file: FileChange) -> str:
    target = (case.change.after(file.path) or b"").decode("utf-8", "surrogateescape")
    landed = posixpath.normpath(posixpath.join(posixpath.dirname(file.path), target))
    if target.startswith("/") or landed == ".." or landed.startswith("../"):
        return f"it links out of the tree, to {target!r}"
    if any(_is_git(part) for part in landed.split("/")):
        return f"it links into a git directory, to {target!r}"
    return ""
