"""Names of models on the Hugging Face hub: `ORG/NAME`, `ORG/NAME/FILE.gguf`, either with `@REVISION`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_NAME = re.compile(
    r"(?P<repo>(?:[\w.-]+/)?[\w.-]+?)(?:/(?P<file>[\w./-]+\.gguf))?(?:@(?P<revision>[\w./-]+))?", re.ASCII
)


@dataclass(frozen=True, slots=True)
class HubName:
    """A model, or one file of it, and the branch, tag or commit that is meant."""

    repo: str
    file: str = ""
    revision: str = "main"

    def __str__(self) -> str:
        return "/".join(filter(None, (self.repo, self.file)))


def read_hub_name(text: str) -> HubName | None:
    """Return the name that a text is, None for a path: what is there, and what begins as paths do, is one."""
    found = _NAME.fullmatch(text)
    if found is None or text.startswith(".") or found["repo"].endswith(".gguf") or Path(text).exists():
        return None
    return HubName(found["repo"], found["file"] or "", found["revision"] or "main")
