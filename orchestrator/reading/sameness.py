"""Sameness: hunks that are mechanical, found from the text alone: formatting and comments, moves, renames, and the same edit again."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.reading.records import Hunk, Role
from orchestrator.reading.tokens import bare, is_word, tokens
from shadowfs import RepoPath

_MOVED_LINES = 3
"""Fewer lines that stand elsewhere are no move."""
_AGAIN = 3
"""So many places make an edit a repeated one; so many uses, one of them fewer, a rename."""
_MOST_TOKENS = 200
_TELLING = 4
"""Edits of fewer tokens do not tell what they are about."""
_LAYOUT = (".py", ".pyi", ".yml", ".yaml", ".mk", ".haml", ".pug", ".coffee", ".nim", ".hs", ".md", ".rst", ".txt")
"""White space means something in these; of Python its syntax tree says what."""
_COMMENTS = ("#", "//", "--", ";", "/*", "*")


@dataclass(frozen=True, slots=True)
class Same:
    """Why a hunk is mechanical: its role, what it repeats (an id, "" for none), and in which words it is told."""

    role: Role
    follows: str
    told: str


Files = Mapping[RepoPath, tuple[tuple[str, ...], tuple[str, ...]]]
"""The lines of both sides of each file."""


def mechanical(hunks: Sequence[Hunk], files: Files) -> dict[str, Same]:
    """Return the hunks that are mechanical, by id."""
    found = {each.id: Same(Role.FORMATTED, "", "Formatting and comments") for each in hunks if _formatted(each, files)}
    for find in (_moves, _renames, _repeated):
        found |= find([each for each in hunks if each.id not in found])
    return found


def _formatted(hunk: Hunk, files: Files) -> bool:
    before, after = hunk.before.lines, hunk.after.lines
    words = bare(tokens(before)) == bare(tokens(after))
    comments = all(_is_comment(line) for line in (*before, *after))
    if hunk.path.endswith((".py", ".pyi")):
        words = words or bare(tokens(map(_code, before))) == bare(tokens(map(_code, after)))
        return (words or comments) and _means_the_same(hunk, files[hunk.path][0])
    return words and not hunk.path.endswith(_LAYOUT)


def _code(line: str) -> str:
    """Return a line of Python without what may be a comment; the syntax tree says whether it was one."""
    return line.partition("#")[0]


def _is_comment(line: str) -> bool:
    return not line.strip() or line.lstrip().startswith(_COMMENTS)


def _means_the_same(hunk: Hunk, before: tuple[str, ...]) -> bool:
    """Say whether a Python file with this hunk alone has the syntax tree that it had."""
    changed = (*before[: hunk.before.first - 1], *hunk.after.lines, *before[hunk.before.last :])
    one, other = _tree("\n".join(before)), _tree("\n".join(changed))
    return one is not None and one == other


def _tree(text: str) -> str | None:
    try:
        return ast.dump(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _moves(hunks: Sequence[Hunk]) -> dict[str, Same]:
    """Pair what one hunk only removes with what another only adds, wherever it is indented."""
    removed: dict[tuple[str, ...], list[Hunk]] = defaultdict(list)
    for hunk in hunks:
        if not hunk.after.lines:
            removed[_bare(hunk.before.lines)].append(hunk)
    found: dict[str, Same] = {}
    for hunk in hunks:
        key = _bare(hunk.after.lines)
        if hunk.before.lines or len(key) < _MOVED_LINES or not removed.get(key):
            continue
        source = removed[key].pop(0)
        told = f"Moved from {source.path} to {hunk.path}" if source.path != hunk.path else f"Moved within {hunk.path}"
        found[source.id] = Same(Role.MOVED, hunk.id, told)
        found[hunk.id] = Same(Role.MOVED, "", told)
    return found


def _bare(lines: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(line.strip() for line in lines if line.strip())


def _renames(hunks: Sequence[Hunk]) -> dict[str, Same]:
    """Find hunks that differ in one identifier only, the same one in several."""
    of_pair: dict[tuple[str, str], list[Hunk]] = defaultdict(list)
    for hunk in hunks:
        pair = _one_word(tokens(hunk.before.lines), tokens(hunk.after.lines))
        if pair is not None:
            of_pair[pair].append(hunk)
    return {
        hunk.id: Same(Role.RENAMED, "" if hunk is renamed[0] else renamed[0].id, f"`{old}` is called `{new}`")
        for (old, new), renamed in of_pair.items()
        if len(renamed) >= _AGAIN
        for hunk in renamed
    }


def _one_word(before: list[str], after: list[str]) -> tuple[str, str] | None:
    """Return the identifier of one side and that of the other, where this is all in which they differ."""
    if len(before) != len(after):
        return None
    pairs = {(old, new) for old, new in zip(before, after, strict=True) if old != new}
    if len(pairs) != 1:
        return None
    ((old, new),) = pairs
    return (old, new) if is_word(old) and is_word(new) else None


def _repeated(hunks: Sequence[Hunk]) -> dict[str, Same]:
    """Find edits that take the same tokens away and put the same ones in, in several places; the first of them is to be read."""
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Hunk]] = defaultdict(list)
    for hunk in hunks:
        edit = _edit(tokens(hunk.before.lines), tokens(hunk.after.lines))
        if edit is not None:
            alike[edit].append(hunk)
    return {
        hunk.id: Same(Role.REPEATED, first.id, "The same edit again")
        for first, *others in alike.values()
        if len(others) >= _AGAIN - 1
        for hunk in others
    }


def _edit(before: list[str], after: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return the tokens that are taken away and those that are put in, with one on each side where nothing else would tell edits apart."""
    if max(len(before), len(after)) > _MOST_TOKENS or not (before or after):
        return None
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    if len(before) + len(after) - 2 * (head + tail) < _TELLING:
        # A sign for another is the same edit only where it stands between the same.
        head, tail = max(0, head - 1), max(0, tail - 1)
    return tuple(before[head : len(before) - tail]), tuple(after[head : len(after) - tail])
