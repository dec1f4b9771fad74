"""git's words about a forge, and what they mean for us."""

from __future__ import annotations

import re

from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable

_FORBIDDEN = re.compile(
    r"returned error: 40[13]|Authentication failed|Permission|denied|not permitted|not allowed|could not read Username|repository .* not found",
    re.IGNORECASE,
)
"""The other side knows us and says no, or does not know us."""
_PLACE = re.compile(r"^git \S+ in .*?: (?:fatal|error): ", re.DOTALL)
"""Where git was run, which is nobody's business."""


def explained(forge: str, repository: str, doing: str, error: Exception) -> ForgeRefused | ForgeUnavailable:
    """Return the error that git's words mean, when it was to push to, or fetch from, a repository."""
    said = _PLACE.sub("", str(error))
    if _FORBIDDEN.search(said):
        return ForgeRefused(
            f"{forge} does not let us {doing} {repository} ({said}): its token is wrong, or may not {_RIGHT[doing]} there"
        )
    return ForgeUnavailable(f"{forge} does not speak git with us ({said}); it is asked again")


_RIGHT = {"push to": "write", "fetch from": "read"}
