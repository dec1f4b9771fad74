"""Words for people: a title, and one paragraph drawn from the evidence. What code and tests say is made safe first."""

from __future__ import annotations

from agents.repair.clusters import Clusters
from agents.repair.diagnosis import Diagnosis
from agents.repair.index import Function
from agents.repair.search import Plausible, Search
from agents.repair.variants import Module
from agents.wording import plain

_MOST = 60


def changed_lines(module: Module, plausible: Plausible) -> tuple[str, str]:
    """Return the lines that a patch touches, before and after."""
    source, splices = module.source, plausible.variant.rewrite.splices
    first, last = min(splices, key=lambda each: each.start), max(splices, key=lambda each: each.end)
    start = source.starts[source.line_of(first.start) - 1]
    line = source.line_of(last.end)
    end = source.starts[line] if line < len(source.starts) else len(source.utf8)
    return source.utf8[start:end].decode(), source.spliced(splices, start, end)


def place(module: Module, plausible: Plausible) -> str:
    """Return the name of the function around a patch, else the file's."""
    line, best = plausible.variant.line, ""
    for functions in module.index.functions.values():
        for function in functions:
            if function.lineno <= line <= (function.end_lineno or function.lineno):
                best = _qualified(module, function) if not best or function.lineno > _line(module, best) else best
    return best or plain(plausible.variant.path)


def _qualified(module: Module, function: Function) -> str:
    owner = module.index.class_of(function)
    return f"{owner.name}.{function.name}" if owner is not None else function.name


def _line(module: Module, name: str) -> int:
    return max(function.lineno for function in module.index.functions[name.rpartition(".")[2]])


def title(module: Module, plausible: Plausible) -> str:
    """Return one line in the imperative mood."""
    where = place(module, plausible)
    old, new = _old_and_new(module, plausible)
    if old == new:
        return f"Move `{new}` in {where}"
    if not new:
        return f"Drop `{old}` in {where}"
    return f"Replace `{old}` by `{new}` in {where}" if old else f"Add `{new}` in {where}"


def _old_and_new(module: Module, plausible: Plausible) -> tuple[str, str]:
    """Return the whole lines where a patch changes one short line in one place, else the first piece alone."""
    splices = plausible.variant.rewrite.splices
    before, after = (text.strip() for text in changed_lines(module, plausible))
    if len(splices) > 1 or "\n" in before + after or len(before + after) > 2 * _MOST:
        return _short(module.source.utf8[splices[0].start : splices[0].end].decode()), _short(splices[0].text)
    return _short(before), _short(after)


def _short(text: str) -> str:
    words = " ".join(plain(text).split()).replace("`", "'")
    return words if len(words) <= _MOST else f"{words[: _MOST - 1].rstrip()}…"


def explanation(
    module: Module, chosen: Plausible, search: Search, clusters: Clusters[Plausible], smelly: frozenset[str]
) -> str:
    """Return one paragraph: what failed, where the bug was looked for and why, the edit, how much was tried, and why this one."""
    diagnosis, variant = search.diagnosis, chosen.variant
    before, after = changed_lines(module, chosen)
    parts = [
        _what_failed(diagnosis),
        f"{_why_here(diagnosis, variant.path, variant.line)} The edit ({variant.operator}) turns `{_short(before)}` into `{_short(after)}`"
        + (
            f" and makes the same change in {len(variant.rewrite.splices)} places"
            if len(variant.rewrite.splices) > 1
            else ""
        )
        + f" at {plain(variant.path)}:{variant.line}.",
        f"{search.tried:,} candidates were tried; {_why_this(chosen, clusters)}",
        _kept(diagnosis),
    ]
    if smelly:
        parts.append(f"Look closely: it {', '.join(sorted(smelly))}.")
    return " ".join(part for part in parts if part)


def _why_this(chosen: Plausible, clusters: Clusters[Plausible]) -> str:
    """Say how many patches passed, how differently they behave, and why this one was taken among them."""
    passed, inputs = (
        len(clusters.order),
        f"{clusters.compared:,} input{'s' * (clusters.compared > 1)}, recorded from tests and mutated",
    )
    if passed == 1:
        return "no other one passed."
    mine = next(cluster for cluster in clusters.clusters if chosen in cluster.members)
    if not clusters.compared:
        return f"{passed} passed. They could not be called side by side, and this one is the likeliest by place, kind and size."
    if len(mine.members) == passed:
        return f"{passed} passed and do the same on {inputs}; this one is the best by kind and size."
    share = round(100 * mine.weight / sum(each.weight for each in clusters.clusters))
    same = (
        f"{len(mine.members)} of them do what this one does"
        if len(mine.members) > 1
        else "no other does what this one does"
    )
    return (
        f"{passed} passed and fall into {len(clusters.clusters)} behaviours on {inputs}. {same[0].upper()}{same[1:]}, which by"
        f" place, kind and size is {share} % likely among them."
    )


def _what_failed(diagnosis: Diagnosis) -> str:
    ids = ", ".join(plain(test) for test in diagnosis.failing[:3])
    more = f" and {len(diagnosis.failing) - 3} more" if len(diagnosis.failing) > 3 else ""
    error = (
        next((line for line in reversed(plain(diagnosis.messages[0]).splitlines()) if line.strip()), "")
        if diagnosis.messages
        else ""
    )
    return f"{ids}{more} failed" + (f" with `{_short(error)}`." if error else ".")


def _why_here(diagnosis: Diagnosis, path: str, line: int) -> str:
    ranked = sorted(diagnosis.lines().values(), reverse=True)
    score = diagnosis.lines().get((path, line), 0.0)
    rank = sum(1 for each in ranked if each > score) + 1
    if not score:
        return f"Line {line} runs when the module is imported; the code that fails uses it."
    return f"Line {line} ranked {rank} of {len(ranked)} lines by how much more often failing tests run it than passing ones, and by the traceback."


def _kept(diagnosis: Diagnosis) -> str:
    if not diagnosis.guards:
        return "No passing test ran beside it."
    whole = "all other tests" if diagnosis.whole else "a sample of the other tests"
    return f"The failing tests now pass, and so do {whole} that passed before ({len(diagnosis.guards):,})."
