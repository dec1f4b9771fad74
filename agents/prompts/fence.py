"""Untrusted text as data: fenced so that it cannot close its fence, and without the marks that would end a message.

Nothing changes its length, so each character of a part has its place in what is rendered.
"""

from __future__ import annotations

import hashlib
import json
import re

_MARKS = re.compile(
    r"<(?=\|[^<>|\s]{1,60}\|>)|<(?=｜[^<>｜]{1,60}｜>)|<(?=</?SYS>>)|<(?=(?:start|end)_of_turn>)"
    r"|\[(?=/?(?:INST|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|AVAILABLE_TOOLS)\])"
)
"""What chat templates make of messages (ChatML, Llama, DeepSeek, Gemma, Mistral): servers read it in a message's text too."""
_SURROGATES = re.compile("[\ud800-\udfff]")
_INSTEAD = {"<": "‹", "[": "⟦"}
_NONCE = 8


def neutral(text: str) -> str:
    """Return text of the same length that is valid Unicode and in which nothing can begin or end a message."""
    if ("<" in text and ("<|" in text or "<｜" in text or "SYS>>" in text or "_of_turn>" in text)) or (
        "[" in text and ("INST]" in text or "TOOL" in text)
    ):
        text = _MARKS.sub(lambda match: _INSTEAD[match[0]], text)
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def fenced(name: str, text: str) -> tuple[str, int]:
    """Return neutral text between lines that it does not hold, and where in them it begins. Equal text has an equal fence."""
    digest = text.encode("utf-8", "replace")
    mark = ""
    while not mark or mark in text.lower():
        digest = hashlib.blake2b(digest, digest_size=16).digest()
        mark = f"data-{digest.hex()[:_NONCE]}"
    opening = f"<{mark} from={_label(name)}>\n"
    return f"{opening}{text}{'' if text.endswith(chr(10)) else chr(10)}</{mark}>\n", len(opening)


def _label(name: str) -> str:
    """Return a part's name, which may be the path of a hostile file, as one quoted word."""
    if (
        name.isascii()
        and name.isprintable()
        and not ('"' in name or "<" in name or "[" in name or "\\" in name or ">" in name)
    ):
        return f'"{name}"'
    return json.dumps(neutral(name)).replace("<", "\\u003c").replace(">", "\\u003e")
