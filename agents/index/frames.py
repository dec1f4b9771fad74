"""The frames of a traceback inside a ticket's text, as Python, JavaScript, Java, Go and Rust print them."""

from __future__ import annotations

import re

from agents.index.records import Frame

_MOST_TEXT = 200_000
_MOST_FRAMES = 50
_PYTHON = re.compile(r'^\s*File "([^"\n]{1,500})", line (\d{1,7})|^([^\s:()"]{1,500}\.pyi?):(\d{1,7}):', re.MULTILINE)
_OTHER = re.compile(r"([^\s:()\[\]\"']{1,500}\.(?:[cm]?[jt]sx?|java|kt|go|rs|c|cc|cpp|h|hpp|rb|php|cs)):(\d{1,7})\b")


def frames(text: str) -> tuple[Frame, ...]:
    """Return the frames that a text shows, the deepest last; the 50 deepest at most."""
    text = text[-_MOST_TEXT:]
    python = [Frame(one or two, int(at or other)) for one, at, two, other in _PYTHON.findall(text)]
    # Only Python prints the deepest last.
    others = [Frame(path, int(at)) for path, at in _OTHER.findall(text)][::-1]
    return tuple((others + python)[-_MOST_FRAMES:])
