"""Whether a text speaks to nightcrew: by a mention outside of quotations and code. And whether nightcrew wrote it itself."""

from __future__ import annotations

import re

_FENCED = re.compile(r"^ {0,3}(```+|~~~+).*?(?:^ {0,3}\1|\Z)", re.DOTALL | re.MULTILINE)
_QUOTED = re.compile(r"^ {0,3}>.*$", re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_MARK = "<!-- nightcrew:"


def mentions(text: str, name: str) -> bool:
    """Say whether `text` mentions `name` (with its `@`) where it speaks for itself."""
    if name.casefold() not in text.casefold():
        return False
    for other in (_COMMENT, _FENCED, _QUOTED, _CODE):
        text = other.sub(" ", text)
    return re.search(rf"(?<![\w@/.-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None


def marked(text: str, mark: str) -> str:
    """Return a text of ours with a mark that nobody sees: it says that it is ours, and which."""
    return f"{_MARK} {mark} -->\n{text}"


def is_marked(text: str, mark: str = "") -> bool:
    """Say whether a text begins with a mark of ours, or with this one."""
    return text.lstrip().startswith(f"{_MARK} {mark} -->" if mark else _MARK)
