"""What kind of ticket something is: few words, so that what was learned of one ticket says something of the next."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".jsx": "javascript",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".go": "go",
    ".rs": "rust",
    ".c": "c",
    ".h": "c",
    ".cc": "c++",
    ".cpp": "c++",
    ".hpp": "c++",
    ".java": "java",
}
ERRORS = {
    "AssertionError": "assertion",
    "AttributeError": "attribute",
    "ImportError": "import",
    "IndexError": "lookup",
    "KeyError": "lookup",
    "ModuleNotFoundError": "import",
    "NameError": "name",
    "RecursionError": "recursion",
    "StopIteration": "iteration",
    "SyntaxError": "syntax",
    "TimeoutError": "time",
    "TypeError": "type",
    "UnboundLocalError": "name",
    "UnicodeDecodeError": "unicode",
    "UnicodeEncodeError": "unicode",
    "ValueError": "value",
    "ZeroDivisionError": "arithmetic",
    "OverflowError": "arithmetic",
}
_READ_CHARACTERS = 64 << 10
_ERROR = re.compile(r"\b([A-Z]\w{0,60}(?:Error|Exception|Warning)|StopIteration)\b")
_WORD = re.compile(r"[\w./-]+")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of ticket: the language its files are in, whether it names failing tests, the last error its text shows, how many files it names.

    `error` is a word of `ERRORS`, `other`, or `none`; `files` is `none`, `one` or `several`, test files left out.
    """

    language: str = "none"
    failing: bool = False
    error: str = "none"
    files: str = "none"

    def __str__(self) -> str:
        return " ".join((self.language, "failing" if self.failing else "told", self.error, self.files))

    def told(self) -> str:
        """Return it in words."""
        return ", ".join(
            (
                f"language {self.language}",
                "failing tests named" if self.failing else "no failing test named",
                f"error {self.error}",
                f"files named: {self.files}",
            )
        )


def kind_of(text: str, failing: Sequence[str], language: str = "none") -> Kind:
    """Return the kind of a ticket; `language` is that of its suite, for where it names no file. Its text is read and never believed."""
    text = text[-_READ_CHARACTERS:]
    words = {found[0].rstrip(".") for found in _WORD.finditer(text)}
    paths = {word for word in words if PurePosixPath(word).suffix in LANGUAGES}
    named = {path for path in paths if not _is_test(path)}
    spoken = Counter(
        LANGUAGES[suffix]
        for path in (*paths, *(each.partition("::")[0] for each in failing))
        if (suffix := PurePosixPath(path).suffix) in LANGUAGES
    )
    errors = _ERROR.findall(text)
    return Kind(
        language=spoken.most_common(1)[0][0] if spoken else language,
        failing=bool(failing),
        error=ERRORS.get(errors[-1], "other") if errors else "none",
        files="none" if not named else "one" if len(named) == 1 else "several",
    )


def _is_test(path: str) -> bool:
    name = PurePosixPath(path).name
    return name.startswith("test_") or "_test." in name or ".test." in name or "/tests/" in f"/{path}"
