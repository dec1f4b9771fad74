"""What we tell a server that we can do, and what we read out of what it tells: leniently, since here servers differ most."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from verifier.language.text import Encoding

_WATCH = "workspace/didChangeWatchedFiles"
_DYNAMIC = {"dynamicRegistration": True}
_SYMBOL_KINDS = {"valueSet": list(range(1, 27))}

CLIENT: Mapping[str, object] = {
    "general": {"positionEncodings": [Encoding.UTF32, Encoding.UTF8, Encoding.UTF16]},
    "workspace": {
        "configuration": True,
        "workspaceFolders": True,
        "applyEdit": False,
        "didChangeConfiguration": _DYNAMIC,
        "didChangeWatchedFiles": {**_DYNAMIC, "relativePatternSupport": True},
        "diagnostics": {"refreshSupport": True},
        "workspaceEdit": {"documentChanges": True, "failureHandling": "abort"},
    },
    "window": {"workDoneProgress": True},
    "experimental": {"serverStatusNotification": True},
    "textDocument": {
        "synchronization": {"dynamicRegistration": True, "didSave": False},
        "diagnostic": {**_DYNAMIC, "relatedDocumentSupport": False},
        "publishDiagnostics": {"versionSupport": True, "codeDescriptionSupport": False},
        "definition": {**_DYNAMIC, "linkSupport": True},
        "references": _DYNAMIC,
        "documentSymbol": {**_DYNAMIC, "hierarchicalDocumentSymbolSupport": True, "symbolKind": _SYMBOL_KINDS},
        "hover": {**_DYNAMIC, "contentFormat": ["plaintext", "markdown"]},
        "completion": {**_DYNAMIC, "completionItem": {"snippetSupport": False}},
        "rename": {**_DYNAMIC, "prepareSupport": False},
        "callHierarchy": _DYNAMIC,
        "codeAction": {
            **_DYNAMIC,
            "isPreferredSupport": True,
            "dataSupport": True,
            "resolveSupport": {"properties": ["edit"]},
            "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix"]}},
        },
    },
}
"""The capabilities of a client without an editor: no snippets, no commands, no edits made by the server itself."""


class Sync(IntEnum):
    """How a server wants to be told of a changed text."""

    NONE = 0
    FULL = 1
    INCREMENTAL = 2


class Capabilities:
    """What a server can do: as it said at the start, and as it registered since."""

    def __init__(self, result: object) -> None:
        said = result.get("capabilities") if isinstance(result, Mapping) else None
        self._said: Mapping[str, object] = said if isinstance(said, Mapping) else {}
        self._registered: dict[str, str] = {}
        self._watchers: dict[str, list[object]] = {}

    @property
    def encoding(self) -> Encoding:
        """Return the units it counts columns in: UTF-16 unless it chose another."""
        said = self._said.get("positionEncoding")
        return Encoding(said) if isinstance(said, str) and said in set(Encoding) else Encoding.UTF16

    @property
    def sync(self) -> Sync:
        """Return how it wants to be told of changes; whole texts where it says nothing that makes sense."""
        said = self._said.get("textDocumentSync")
        change = said.get("change") if isinstance(said, Mapping) else said
        return Sync(change) if isinstance(change, int) and change in set(Sync) else Sync.FULL

    @property
    def pulls(self) -> bool:
        """Say whether it is to be asked for diagnostics; else it pushes them."""
        return self.can("diagnosticProvider", "textDocument/diagnostic")

    def can(self, provider: str, method: str) -> bool:
        """Say whether it announced `provider`, or registered `method`."""
        return self._said.get(provider) not in (None, False) or method in self._registered.values()

    def watchers(self) -> list[object] | None:
        """Return what it registered to be told of changed files, None where it registered nothing: it may then be told of all."""
        every = self._watchers.values()
        return [watcher for watchers in every for watcher in watchers] if every else None

    def resolves(self, provider: str) -> bool:
        """Say whether what `provider` gives can be completed by a second request."""
        said = self._said.get(provider)
        return isinstance(said, Mapping) and bool(said.get("resolveProvider"))

    def register(self, params: object) -> None:
        """Take in `client/registerCapability`; what is malformed in it registers nothing."""
        for item in _items(params, "registrations"):
            match item:
                case {"id": str(key), "method": str(method), **rest}:
                    self._registered[key] = method
                    if method == _WATCH:
                        self._watchers[key] = _items(rest.get("registerOptions"), "watchers")

    def unregister(self, params: object) -> None:
        """Take in `client/unregisterCapability` (the protocol's own spelling of its field is wrong)."""
        for item in _items(params, "unregisterations"):
            if isinstance(item, Mapping) and isinstance(item.get("id"), str):
                self._registered.pop(item["id"], None)
                self._watchers.pop(item["id"], None)


def _items(params: object, name: str) -> list[object]:
    items = params.get(name) if isinstance(params, Mapping) else None
    return items if isinstance(items, list) else []
