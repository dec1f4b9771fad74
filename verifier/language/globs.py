"""Which files a server wants to hear of when they change, by the patterns it registers: those of the protocol, read leniently."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from shadowfs import RepoPath
from verifier.language.uris import path_of

Watches = Callable[[RepoPath], bool]
_TOKEN = re.compile(r"/?\*\*/|\*\*|\*|\?|\{|\}|,|\[!?[^\]]*\]|.", re.DOTALL)
_LONGEST = 1000


def heard_of(root: Path, watchers: Sequence[object] | None, paths: Iterable[RepoPath]) -> list[RepoPath]:
    """Return those of the `paths` that any watcher matches; all where none were registered."""
    wanted = [_all] if watchers is None else [watched(root, watcher) for watcher in watchers]
    return [path for path in paths if any(wants(path) for wants in wanted)]


def watched(root: Path, watcher: object) -> Watches:
    """Return what a registered watcher matches of the repository at `root`: all, where it is not to be understood."""
    pattern = watcher.get("globPattern") if isinstance(watcher, Mapping) else None
    match pattern:
        case str():
            return _matching(root, Path(root.anchor) if pattern.startswith("/") else root, pattern.lstrip("/"))
        case {"pattern": str(inner), "baseUri": str(uri) | {"uri": str(uri)}}:
            base = path_of(root, uri)
            return _matching(root, root / base, inner) if base is not None else _all
    return _all


def _all(path: RepoPath) -> bool:
    del path
    return True


def _matching(root: Path, base: Path, pattern: str) -> Watches:
    try:
        expression = translated(pattern)
    except (re.error, ValueError):
        return _all

    def matches(path: RepoPath) -> bool:
        whole = root / path
        return whole.is_relative_to(base) and expression.fullmatch(str(whole.relative_to(base))) is not None

    return matches


def translated(pattern: str) -> re.Pattern[str]:
    """Return a glob of the protocol (`*`, `?`, `**`, `{a,b}`, `[a-z]`) as an expression. Raises `ValueError` for one too long, `re.error`."""
    if len(pattern) > _LONGEST:
        raise ValueError(f"a pattern of {len(pattern)} characters is longer than {_LONGEST}")
    depth, parts = 0, []
    for token in _TOKEN.findall(pattern):
        depth += (token == "{") - (token == "}")
        parts.append(_part(token, depth > 0))
    return re.compile("".join(parts), re.DOTALL)


def _part(token: str, grouped: bool) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "/**/":
            return "/(?:.*/)?"
        case "**":
            return ".*"
        case "*":
            return "[^/]*"
        case "?":
            return "[^/]"
        case "{":
            return "(?:"
        case "}":
            return ")"
        case "," if grouped:
            return "|"
    if token[0] == "[" and len(token) > 2:
        negated = token[1] == "!"
        return f"[{'^' if negated else ''}{re.escape(token[1 + negated : -1]).replace(chr(92) + '-', '-')}]"
    return re.escape(token)
