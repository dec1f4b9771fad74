"""The environment that commands get: a clean set of our own, never what nightcrew itself was started with."""

from __future__ import annotations

from collections.abc import Mapping

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

CHANNEL = "NIGHTCREW_CHANNEL"
"""Names the descriptor at which a command that was started finds its end of the channel."""


def clean(home: str, tmp: str) -> dict[str, str]:
    """Return the variables every command gets; policy and command add to them."""
    return {
        "PATH": SYSTEM_PATH,
        "HOME": home,
        "TMPDIR": tmp,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "TZ": "UTC",
        "USER": "nightcrew",
        "LOGNAME": "nightcrew",
        "SHELL": "/bin/sh",
    }


def merged(*layers: Mapping[str, str]) -> dict[str, str]:
    """Lay environments over each other, the last one winning. Raises ValueError for a name or value that cannot be set."""
    result: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.items():
            if not name or "=" in name or "\0" in name or "\0" in value:
                raise ValueError(f"environment variable {name!r} cannot be set: its name is empty or has '=' or NUL")
            result[name] = value
    return result
