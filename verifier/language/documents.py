"""The texts a server is shown instead of what the tree has: their versions, and the notifications that tell it of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from shadowfs import RepoPath
from verifier.errors import ServerRefused
from verifier.language.capabilities import Capabilities, Sync
from verifier.language.server import language_of
from verifier.language.text import Text, changed

Notify = Callable[[str, object], None]


@dataclass(frozen=True, slots=True)
class Document:
    """A text as it is shown, and its version."""

    text: Text
    version: int


class Documents:
    """What is shown to one server. Versions never go back, not even where a file is shown again after it was hidden."""

    def __init__(self, notify: Notify, uri: Callable[[RepoPath], str]) -> None:
        self._notify = notify
        self._uri = uri
        self._shown: dict[RepoPath, Document] = {}
        self._versions: dict[RepoPath, int] = {}

    def __contains__(self, path: RepoPath) -> bool:
        return path in self._shown

    def __getitem__(self, path: RepoPath) -> Document:
        return self._shown[path]

    def text(self, path: RepoPath) -> Text | None:
        """Return what is shown at a path, None where nothing is."""
        document = self._shown.get(path)
        return None if document is None else document.text

    def show(self, path: RepoPath, data: bytes, capabilities: Capabilities) -> bool:
        """Show a text; say whether the server was told something new. Raises `ServerRefused` for what is no text in UTF-8."""
        text = decoded(path, data)
        before = self._shown.get(path)
        if before is not None and before.text.text == text:
            return False
        version = self._versions[path] = self._versions.get(path, 0) + 1
        if before is not None and capabilities.sync is Sync.NONE:
            self.hide(path)
            before = None
        self._shown[path] = Document(Text(text), version)
        if before is None:
            language = language_of(path) or "plaintext"
            document = {"uri": self._uri(path), "languageId": language, "version": version, "text": text}
            self._notify("textDocument/didOpen", {"textDocument": document})
        else:
            change = _whole(text) if capabilities.sync is Sync.FULL else _part(before.text, text, capabilities)
            document = {"uri": self._uri(path), "version": version}
            self._notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})
        return True

    def hide(self, path: RepoPath) -> None:
        """Let the server see the tree's own file again."""
        if self._shown.pop(path, None) is not None:
            self._notify("textDocument/didClose", {"textDocument": {"uri": self._uri(path)}})


def decoded(path: RepoPath, data: bytes) -> str:
    """Return a file's content as text. Raises `ServerRefused` where it is none in UTF-8, which is all the protocol knows."""
    try:
        path.encode()
        return data.decode("utf-8")
    except UnicodeError:
        raise ServerRefused(f"{path!r} is no text in UTF-8: a language server cannot be shown it") from None


def _whole(text: str) -> Mapping[str, object]:
    return {"text": text}


def _part(before: Text, after: str, capabilities: Capabilities) -> Mapping[str, object]:
    edit = changed(before, after)
    assert edit is not None, "a text that did not change is not sent"
    start, end = (before.to_units(at, capabilities.encoding) for at in (edit.span.start, edit.span.end))
    span = {
        "start": {"line": start.line, "character": start.units},
        "end": {"line": end.line, "character": end.units},
    }
    return {"range": span, "text": edit.text}
