"""The kinds of drift, one function each: what the model miscopied, what the file became meanwhile, what must be refused."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from rapidfuzz import fuzz

from tests.bench.model_edits_drift import (
    Case,
    Draft,
    Drift,
    _ops,
    case,
    comment_mark,
    heads,
    mapped,
    mistyped,
    occurrences,
    paraphrased,
    sound,
    statement,
    word_counts,
)

_SPACED = re.compile(r"(?<=\w)(, | = | \+ | == )(?=\w)")


def exact(draft: Draft, _: random.Random) -> Case | None:
    """Copied as it is."""
    return case(draft)


def trailing_space(draft: Draft, rng: random.Random) -> Case | None:
    """The file's lines end in spaces that the copy has not, or the other way round."""
    if rng.random() < 0.5:
        return case(draft, mapped(draft, lambda at, line: line + " " * (at % 3 > 0)))
    lines = [line + "  " * (draft.at <= at < draft.end and bool(line.strip())) for at, line in enumerate(draft.lines)]
    return case(draft.on(lines, lines[draft.at : draft.end]), (draft.search, draft.replace))


def dedented(draft: Draft, _: random.Random) -> Case | None:
    """The whole copy lost the indentation that its lines share."""
    both = [*draft.search, *draft.replace]
    depth = min(len(line) - len(line.lstrip(" ")) for line in both if line.strip())
    if not depth:
        return None
    return case(draft, (tuple(line[depth:] for line in draft.search), tuple(line[depth:] for line in draft.replace)))


def first_line(draft: Draft, _: random.Random) -> Case | None:
    """The copy's first line lost its indentation."""
    if draft.search[0] != draft.replace[0] or draft.search[0] == draft.search[0].lstrip():
        return None
    return case(draft, ((draft.search[0].lstrip(), *draft.search[1:]), (draft.replace[0].lstrip(), *draft.replace[1:])))


def tabs(draft: Draft, _: random.Random) -> Case | None:
    """The file is indented by tabs, the copy by spaces, or the other way round."""
    if any(line.startswith("\t") for line in draft.lines):
        return case(
            draft, (tuple(_to_spaces(line) for line in draft.search), tuple(_to_spaces(line) for line in draft.replace))
        )
    unit = 2 if any(re.match(r"  \S", line) for line in draft.lines) else 4
    if any(
        not line.startswith("\t") and (len(line) - len(line.lstrip(" "))) % unit for line in draft.lines if line.strip()
    ):
        return None
    file = draft.with_file([_to_tabs(line, unit) for line in draft.lines], draft.at, draft.end)
    made = replace(file, replace=tuple(_to_tabs(line, unit) for line in draft.replace))
    return case(made, (draft.search, draft.replace))


def _to_spaces(line: str) -> str:
    body = line.lstrip("\t")
    return "    " * (len(line) - len(body)) + body


def _to_tabs(line: str, unit: int) -> str:
    body = line.lstrip(" ")
    return "\t" * ((len(line) - len(body)) // unit) + body


def typo_context(draft: Draft, rng: random.Random) -> Case | None:
    """A line of context was copied with a typo."""
    spots = [at for at in draft.free() if mistyped(draft.search[at], random.Random(1))]
    chosen = rng.choice(spots) if spots else None
    return _written(draft, mapped(draft, lambda at, line: mistyped(line, rng) or line if at == chosen else line))


def typo_edited(draft: Draft, rng: random.Random) -> Case | None:
    """The line that is edited was copied with a typo, which the edit repeats or mends."""
    for tag, i1, i2, j1, j2 in _ops(draft.search, draft.replace):
        if tag == "replace" and i2 - i1 == j2 - j1 == 1:
            right, new = draft.search[i1], draft.replace[j1]
            wrong = mistyped(right, rng)
            slips = [o for o in _ops(right, wrong or "") if o[0] != "equal"]
            if wrong is None or not slips:
                return None
            repeats = new[: slips[0][1]] == right[: slips[0][1]] and rng.random() < 0.5
            tail = right[slips[-1][2] :]
            new_wrong = wrong[: len(wrong) - len(tail)] + new[slips[-1][2] :] if repeats else new
            if repeats and not new.startswith(right[: slips[-1][2]]):
                return None
            search = (*draft.search[:i1], wrong, *draft.search[i2:])
            return case(draft, (search, (*draft.replace[:j1], new_wrong, *draft.replace[j2:])))
    return None


def comment(draft: Draft, rng: random.Random) -> Case | None:
    """A comment in the window was copied in other words; where there is none, one is put into the file first."""
    mark = comment_mark(draft.source.language)
    spots = [
        at for at, line in enumerate(draft.search) if line.strip().startswith(f"{mark} ") and line in draft.replace
    ]
    if spots and len(draft.search) - len(spots) > 2:
        chosen = rng.choice(spots)
        return _written(draft, mapped(draft, lambda at, line: _otherwise(line, mark) if at == chosen else line))
    free = [at for at in draft.free() if draft.search[at].strip()[-1] not in "\\'\"`" and '"""' not in draft.search[at]]
    if not free or mark in "".join(draft.search):
        return None
    chosen = rng.choice(free)
    said = draft.search[chosen] + f"  {mark} keep this for the callers and the tests"
    wide = replace(
        draft.with_file(
            [*draft.lines[: draft.at + chosen], said, *draft.lines[draft.at + chosen + 1 :]], draft.at, draft.end
        ),
        replace=tuple(said if line == draft.search[chosen] else line for line in draft.replace),
    )
    return _written(wide, mapped(wide, lambda at, line: _otherwise(line, mark) if at == chosen else line))


def _otherwise(line: str, mark: str) -> str:
    before, _, words = line.partition(f"{mark} ")
    return f"{before}{mark} {paraphrased(words)}"


def line_dropped(draft: Draft, rng: random.Random) -> Case | None:
    """The model left out a line of the window."""
    spots = [at for at in draft.free() if 0 < at < len(draft.search) - 1]
    if not spots or len(draft.search) < 6:
        return None
    chosen = rng.choice(spots)
    return _written(draft, mapped(draft, lambda at, line: None if at == chosen else line))


def line_inserted(draft: Draft, rng: random.Random) -> Case | None:
    """Somebody put a line into the window since it was read."""
    spots = [at for at in draft.free() if at and at - 1 in draft.free()]
    if not spots:
        return None
    at = rng.choice(spots)
    line = draft.search[at]
    new = line[: len(line) - len(line.lstrip())] + statement(draft.source.language, rng)
    return _meanwhile(draft, at, at, [new])


def line_deleted(draft: Draft, rng: random.Random) -> Case | None:
    """Somebody took a line of context out of the window since it was read."""
    spots = [at for at in draft.free() if 0 < at < len(draft.search) - 1]
    return _meanwhile(draft, at := rng.choice(spots), at + 1, []) if spots and len(draft.search) >= 6 else None


def renamed(draft: Draft, rng: random.Random) -> Case | None:
    """Somebody renamed something, throughout the file, that stands on one line of the window's context."""
    counts = word_counts([*draft.search, *draft.replace])
    spots = [
        (at, word)
        for at in draft.free()
        for word in re.findall(r"[A-Za-z_]{5,}", draft.search[at])
        if counts[word] == 2
    ]
    if not spots or len(draft.search) < 6:
        return None
    at, word = rng.choice(spots)
    other = f"renamed_{rng.randrange(10)}"
    lines = [re.sub(rf"\b{word}\b", other, line) for line in draft.lines]
    return _meanwhile(replace(draft, lines=tuple(lines)), at, at + 1, [lines[draft.at + at]], draft.search)


def _meanwhile(draft: Draft, first: int, last: int, lines: Sequence[str], read: Sequence[str] = ()) -> Case | None:
    """Return the edit on a file whose lines `first` up to `last` of the window became others; `read` is the window before."""
    search = tuple(read) or draft.search
    whole = [*draft.lines[: draft.at + first], *lines, *draft.lines[draft.at + last :]]
    window = [*search[:first], *lines, *search[last:]]
    intended: list[str] = []
    for tag, i1, i2, j1, j2 in _ops(search, draft.replace):
        if tag != "equal":
            intended += draft.replace[j1:j2]
            continue
        for at in range(i1, i2):
            intended += lines if at == first else []
            intended += [search[at]] if not first <= at < last else []
    now = replace(draft.with_file(whole, draft.at, draft.at + len(window)), replace=tuple(intended))
    if not (sound(draft.source, "\n".join(whole)) and sound(draft.source, case(now).intended or "")):
        return None
    return case(now, (search, draft.replace), draft)


def blank_lines(draft: Draft, rng: random.Random) -> Case | None:
    """The copy has a blank line more, or has lost those there are."""
    if any(not line.strip() for line in draft.search) and rng.random() < 0.7:
        return _written(draft, mapped(draft, lambda _, line: line if line.strip() else None))
    free = [at for at in draft.free() if at]
    if not free or '"""' in "".join(draft.search):
        return None
    at = rng.choice(free)
    split = draft.search[at]
    if split not in draft.replace:
        return None
    put = draft.replace.index(split)
    return case(draft, ((*draft.search[:at], "", *draft.search[at:]), (*draft.replace[:put], "", *draft.replace[put:])))


def inner_space(draft: Draft, rng: random.Random) -> Case | None:
    """Spaces around signs inside a line were copied otherwise."""
    spots = [
        at for at in draft.free() if _SPACED.search(draft.search[at]) and not re.search("['\"`]", draft.search[at])
    ]
    chosen = rng.choice(spots) if spots else None
    return _written(
        draft, mapped(draft, lambda at, line: _SPACED.sub(lambda f: f[1].strip(), line) if at == chosen else line)
    )


def ellipsis(draft: Draft, rng: random.Random) -> Case | None:
    """`...` stands for some lines of the window, in SEARCH and in REPLACE."""
    free = draft.free()
    runs = [at for at in free if {at, at + 1} <= set(free) and 0 < at < len(draft.search) - 2]
    if not runs:
        return None
    at = rng.choice(runs)
    mark = rng.choice(("...", f"{comment_mark(draft.source.language)} ..."))
    line = draft.search[at]
    dots = line[: len(line) - len(line.lstrip())] + mark
    return _written(draft, mapped(draft, lambda n, text: dots if n == at else None if n == at + 1 else text))


def _written(draft: Draft, written: tuple[tuple[str, ...], tuple[str, ...]] | None) -> Case | None:
    return case(draft, written) if written is not None and written[0] != draft.search else None


def absent(draft: Draft, _: random.Random) -> Case | None:
    """The definition that the window lies in is gone."""
    around = [
        each for each in heads(draft.lines, draft.source.language) if each[0] <= draft.at and draft.end <= each[1]
    ]
    if not around:
        return None
    return _gone(draft, *around[-1][:2])


def _gone(draft: Draft, first: int, end: int) -> Case | None:
    lines = [*draft.lines[:first], *draft.lines[end:]]
    if occurrences(lines, draft.search) or len(lines) < 20:
        return None
    return replace(case(draft, refuse=True), file="\n".join(lines))


def sibling(draft: Draft, rng: random.Random) -> Case | None:
    """The definition that the window lies in is gone; one that is alike is still there."""
    found = list(heads(draft.lines, draft.source.language))
    texts = {head: "\n".join(draft.lines[head[0] : head[1]]) for head in found if head[1] - head[0] >= 4}
    alike = [pair for pair in combinations(texts, 2) if fuzz.ratio(texts[pair[0]], texts[pair[1]], score_cutoff=70)]
    if not alike:
        return None
    first, end, _ = rng.choice(rng.choice(alike))
    size = min(end - first, len(draft.search))
    at = rng.randrange(first, end - size + 1)
    moved = replace(draft, at=at, end=at + size)
    for _ in range(20):
        spot = rng.randrange(size)
        line = moved.search[spot]
        if len(line.strip()) > 6 and (number := re.search(r"[A-Za-z_]{4,}", line.lstrip()[1:])):
            new = line.replace(number[0], f"{number[0]}_new", 1)
            return _gone(replace(moved, replace=(*moved.search[:spot], new, *moved.search[spot + 1 :])), first, end)
    return None


def duplicated(draft: Draft, _: random.Random) -> Case | None:
    """The window stands twice in the file: a copy of its definition has another name."""
    around = [each for each in heads(draft.lines, draft.source.language) if each[0] < draft.at and draft.end <= each[1]]
    if not around:
        return None
    first, end, name = around[-1]
    head = draft.lines[first].replace(name, f"{name}_copy", 1)
    lines = [*draft.lines[:end], "", head, *draft.lines[first + 1 : end], "", *draft.lines[end:]]
    return case(replace(draft, lines=tuple(lines)), refuse=True, hinted=True)


def duplicated_drift(draft: Draft, rng: random.Random) -> Case | None:
    """The window stands twice, and was copied with a typo, dedented, or with a comment in other words."""
    twice = duplicated(draft, rng)
    drifted = rng.choice((typo_context, dedented, comment, trailing_space))(draft, rng)
    if twice is None or drifted is None or drifted.file != "\n".join(draft.lines):
        return None
    return replace(twice, search=drifted.search, replace=drifted.replace)


KINDS: tuple[tuple[str, Drift], ...] = tuple(
    (kind.__name__.replace("_", " "), kind)
    for kind in (
        exact, trailing_space, dedented, first_line, tabs, typo_context, typo_edited, comment, line_dropped, line_inserted, line_deleted,
        renamed, blank_lines, inner_space, ellipsis, absent, sibling, duplicated, duplicated_drift, absent,
    )
)  # fmt: skip
"""In the order in which they take turns; absent targets come twice."""
