"""Comments that silence a linter, a type checker or a coverage tool: how many of each a file gained."""

from __future__ import annotations

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator

from shadowfs import RepoPath
from verifier.tampering.finding import Finding

_PYTHON = re.compile(
    r"\b(noqa|type:\s*ignore|pragma:\s*no\s*(?:cover|branch|mutate)|pylint:\s*disable|pyright:\s*(?:ignore|basic)|ty:\s*ignore"
    r"|nosec|mypy:\s*[\w-]+|flake8:\s*noqa|ruff:\s*noqa|pyrefly:\s*ignore|fmt:\s*(?:off|skip)|isort:\s*skip)\b",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"(eslint-disable|@ts-ignore|@ts-expect-error|@ts-nocheck|biome-ignore|istanbul ignore|c8 ignore|//\s*nolint|rubocop:disable"
    r"|#\[allow\(|@SuppressWarnings|NOLINT|NOSONAR|shellcheck disable)"
)


def added_suppressions(path: RepoPath, before: bytes | None, after: bytes | None) -> Iterator[Finding]:
    """Yield each suppression that a file has more often than before."""
    budget = Counter(kind for _, kind in _suppressions(path, before))
    for line, kind in _suppressions(path, after):
        if budget[kind] > 0:
            budget[kind] -= 1
        else:
            yield Finding(path, f"`{kind}` is added", line)


def _suppressions(path: RepoPath, text: bytes | None) -> Iterator[tuple[int, str]]:
    if text is None:
        return
    python = path.endswith((".py", ".pyi"))
    for line, comment in _comments(text) if python else _lines(text):
        for found in (_PYTHON if python else _OTHERS).finditer(comment):
            yield line, " ".join(found.group(1).lower().split())


def _comments(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield the comments of Python source; of source that does not tokenize, what stands behind a `#`."""
    try:
        tokens = list(tokenize.tokenize(io.BytesIO(text).readline))
    except (tokenize.TokenError, SyntaxError, ValueError):
        yield from ((number, line.partition("#")[2]) for number, line in _lines(text))
        return
    yield from ((token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT)


def _lines(text: bytes) -> Iterator[tuple[int, str]]:
    return enumerate(text.decode("utf-8", "replace").splitlines(), 1)
