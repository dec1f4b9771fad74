"""What a file defines, in whatever language its name says it is written."""

from __future__ import annotations

from agents.index import python
from agents.index.grammars import Grammars
from agents.index.outline import Definition
from agents.index.paths import language
from shadowfs import RepoPath


class Outliner:
    """Outlines files; grammars are loaded once, when they are needed."""

    def __init__(self) -> None:
        self._grammars = Grammars()

    def outline(self, path: RepoPath, text: str) -> tuple[Definition, ...]:
        """Return what a file defines; nothing where its language is not known here, or it does not parse."""
        tongue = language(path)
        found = python.outline(text) if tongue == "python" else self._grammars.outline(text, tongue or "")
        return found or ()
