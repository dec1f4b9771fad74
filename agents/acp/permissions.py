"""Whether an agent may do what it asks permission for: whatever the sandbox holds, but nothing to what the ticket protects."""

from __future__ import annotations

from collections.abc import Sequence

from agents.acp.asked import Choice, Permission
from agents.acp.paths import inside
from agents.agent import Workspace

_HARMLESS = frozenset({"read", "search", "think"})
_YES = ("allow_once", "allow_always")
_NO = ("reject_once", "reject_always")


def decide(asked: Permission, workspace: Workspace) -> tuple[str | None, str]:
    """Return the id of the answer that is given, None where none that was offered fits; and why it is a refusal, "" where it is none.

    Commands and edits are held by the sandbox and judged by the ladder, so all are allowed, once rather than always.
    """
    why = "" if asked.kind in _HARMLESS else _protected(asked, workspace)
    return _chosen(asked.choices, _NO if why else _YES), why


def _protected(asked: Permission, workspace: Workspace) -> str:
    for path in asked.paths:
        found = inside(workspace.root, path) or path
        if workspace.protects(found):
            return f"{found[:200]} is protected: the ticket or the configuration fixes it"
    return ""


def _chosen(choices: Sequence[Choice], kinds: Sequence[str]) -> str | None:
    return next((choice.id for kind in kinds for choice in choices if choice.kind == kind), None)
