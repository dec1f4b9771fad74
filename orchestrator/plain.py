"""Make untrusted text safe to print: no control, escape, or direction characters reach a terminal."""

from __future__ import annotations

import re

_SEQUENCES = re.compile(
    r"\x1b\][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links, clipboard
    r"|\x1b[PX^_][^\x1b\x9c]*(?:\x1b\\|\x9c)?"  # DCS, SOS, PM, APC
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # CSI: colours, cursor
    r"|\x1b[ -/]*[0-~]?"
)
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # marks, embeddings, overrides, isolates, invisible operators
    "\U000e0000-\U000e007f\ud800-\udfff]"  # tags, and what was no UTF-8
)


_ASCII_CONTROLS = bytes([*range(0x09), *range(0x0B, 0x20), 0x7F])


def plain(text: str) -> str:
    """Return `text` with escape sequences removed and what else a terminal would obey replaced by U+FFFD; newline and tab stay."""
    if text.isascii() and len(text.encode("ascii").translate(None, _ASCII_CONTROLS)) == len(text):
        # Most text is: this is told much sooner than by the patterns.
        return text
    return _CONTROLS.sub("\ufffd", _SEQUENCES.sub("", text.replace("\r\n", "\n")))


def one_line(text: str, limit: int = 100) -> str:
    """Return the first line of `text`, plain, cut to `limit` characters."""
    lines = plain(text).strip().split("\n")
    line = lines[0].replace("\t", " ").strip()
    return line if len(line) <= limit else line[: limit - 1] + "…"
