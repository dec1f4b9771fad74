"""The search for tampering in a whole change: each changed file goes to those that know its kind."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Collection, Iterator

from shadowfs import Change, RepoPath
from verifier.selection import covers
from verifier.suite import Suite
from verifier.tampering.configuration import compare_configuration, is_configuration
from verifier.tampering.finding import Finding
from verifier.tampering.outline import outline
from verifier.tampering.paths import is_ci, is_conftest, is_source, is_test
from verifier.tampering.planted import planted, test_awareness
from verifier.tampering.sides import Sides
from verifier.tampering.suppressions import added_suppressions
from verifier.tampering.tests import compare_tests, steers

_LIMIT_BYTES = 2 << 20
_SKIPPED = re.compile(
    r"\.(skip|only|todo)\b|\b(xit|xdescribe|xtest|fit|fdescribe)\s*\(|\bt\.Skip|#\[ignore|@(Disabled|Ignore)\b|\bskip"
)


def tampering(change: Change, suite: Suite, allowed: Collection[RepoPath]) -> Iterator[Finding]:
    """Yield what weakens the judging, and what a reviewer should look at, path by path; `allowed` paths are exempt."""
    for file in change.files:
        if not covers(allowed, file.path):
            yield from _file(Sides(file, change.blobs), suite)


def _file(sides: Sides, suite: Suite) -> Iterator[Finding]:
    path = sides.path
    yield from planted(sides)
    if _is_command(path, suite):
        yield Finding(path, f"the suite's own command runs this file; it is {sides.kind}")
    if sides.became_link:
        yield Finding(path, "a link stands where a file stood")
        return
    if is_ci(path):
        yield from _text(sides)
    if is_configuration(path):
        yield from compare_configuration(path, sides.before, sides.after)
    elif is_test(path) or is_conftest(path):
        yield from _test(sides)
    elif path.endswith(".py"):
        yield from test_awareness(path, sides.before, sides.after)
    if is_source(path) and sides.after is not None and len(sides.after) <= _LIMIT_BYTES:
        yield from added_suppressions(path, sides.before, sides.after)


def _is_command(path: RepoPath, suite: Suite) -> bool:
    if suite.kind != "command":
        return False
    names = {posixpath.normpath(posixpath.join(suite.cwd, argument)) for argument in suite.args if argument}
    makes = any(posixpath.basename(argument) in ("make", "gmake") for argument in suite.args)
    return path in names or (makes and posixpath.basename(path) in ("Makefile", "makefile", "GNUmakefile"))


def _text(sides: Sides) -> Iterator[Finding]:
    """Compare files without a parser here by their lines; comments and blank lines do not count."""
    old, new = _meaning(sides.before), _meaning(sides.after)
    if old == new:
        return
    known = set(old)
    where = next(
        (
            number
            for number, line in enumerate((sides.after or b"").splitlines(), 1)
            if line.strip() and line.rstrip() not in known
        ),
        None,
    )
    yield Finding(sides.path, f"what checks the repository is {sides.kind}", where)


def _meaning(text: bytes | None) -> list[bytes]:
    lines = (line.rstrip() for line in (text or b"").splitlines())
    return [line for line in lines if line and not line.lstrip().startswith((b"#", b"//"))]


def _test(sides: Sides) -> Iterator[Finding]:
    path = sides.path
    if sides.kind == "deleted":
        yield Finding(path, "a file of the tests is deleted")
    elif not is_source(path):
        if sides.kind == "modified":
            yield Finding(path, "what tests compare with is changed")
    elif sides.before is None or sides.after is None:
        if path.endswith(".py") and sides.after is not None:
            yield from _new_python(path, sides.after)
    elif path.endswith(".py"):
        yield from _python(path, sides.before, sides.after)
    else:
        yield from _by_line(path, sides.before, sides.after)


def _new_python(path: RepoPath, after: bytes) -> Iterator[Finding]:
    if is_conftest(path):
        yield Finding(path, "a new conftest.py steers existing tests")
        return
    try:
        yield from steers(path, outline(after))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield Finding(path, "the new test file is of a syntax that cannot be read here", weakens=False)


def _python(path: RepoPath, before: bytes, after: bytes) -> Iterator[Finding]:
    if max(len(before), len(after)) > _LIMIT_BYTES:
        yield Finding(path, "the test file is too large to be compared")
        return
    try:
        old, new = outline(before), outline(after)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # Newer syntax than this interpreter's, perhaps: lines are all there is to compare.
        yield from _by_line(path, before, after)
        return
    yield from compare_tests(path, old, new)


def _by_line(path: RepoPath, before: bytes, after: bytes) -> Iterator[Finding]:
    """Yield lines of a test file that are gone, and added ones that skip; for languages without a parser here."""
    old, new = (text.decode("utf-8", "replace").splitlines() for text in (before, after))
    gone = Counter(line.strip() for line in old) - Counter(line.strip() for line in new)
    come = Counter(line.strip() for line in new) - Counter(line.strip() for line in old)
    for number, line in enumerate(old, 1):
        if line.strip() in gone and any(character.isalnum() for character in line):
            yield Finding(path, f"`{line.strip()[:80]}` is gone or changed", number)
    for number, line in enumerate(new, 1):
        if line.strip() in come and _SKIPPED.search(line):
            yield Finding(path, f"`{line.strip()[:80]}` is added", number)
