"""What language servers say of the suspicious files: lines with errors are raised; quick fixes, and names that are known, are offered."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

from agents.agent import Workspace
from agents.repair.hints import KNOWN_NAME, MOST_TEXT, QUICK_FIX, Hints, Offer
from agents.repair.localise import Lines
from agents.repair.site import alike
from agents.repair.source import Source, Splice
from agents.repair.variants import Module
from shadowfs import RepoPath
from verifier import Diagnostic, Fix, Position, ServerRefused, Severity, Span, TextEdit

_MOST_FILES = 5
_MOST_ASKED = 20
_MOST_OFFERS = 40
_RAISED = 1.3
_OF_A_WARNING = 0.1
"""Linters find style, too: such rewrites hardly ever repair anything."""
_EACH_NEXT = 0.9
_MOST_NAMES = 4
_LEAST_ALIKE = 0.4


def inspected(workspace: Workspace, modules: Mapping[RepoPath, Module], lines: Lines, within_s: float) -> Hints:
    """Return what the servers find in suspicious lines, and offer for them; nothing where there are no servers.

    All answers are waited for at most `within_s` seconds of wall clock; a server's start has a limit of its own.
    """
    ends = workspace.remaining_s() - within_s
    hints = Hints()
    for path, module in list(modules.items())[:_MOST_FILES]:
        left_s = workspace.remaining_s() - ends
        if left_s <= 0:
            break
        seen = workspace.inspect(path, left_s)
        found = [said for said in seen.found if (path, said.span.start.line) in lines]
        hints += _told(path, found, lines)
        if module.source.encoding == "utf-8":
            likely = _first(path, found, lines)
            hints += Hints(offers=(*_fixes(workspace, module, likely, ends), *_names(workspace, module, likely, ends)))
        hints += Hints(failures=tuple(why for why in seen.failures if why not in hints.failures))
    if workspace.remaining_s() <= ends:
        hints += Hints(failures=(f"language servers had {within_s:g} s, and were not done",))
    return replace(hints, offers=hints.offers[:_MOST_OFFERS])


def _told(path: RepoPath, found: list[Diagnostic], lines: Lines) -> Hints:
    """Return which of a file's lines have errors."""
    errors = sorted({said.span.start.line for said in found if said.severity is Severity.ERROR})
    return Hints(raised=tuple((path, line, _RAISED) for line in errors if (path, line) in lines))


def _first(path: RepoPath, found: list[Diagnostic], lines: Lines) -> list[Diagnostic]:
    """Return the findings that may have a fix worth trying: errors first, those of suspicious lines before others."""
    said = [each for each in found if each.severity <= Severity.WARNING]
    said.sort(key=lambda each: (each.severity, -lines[path, each.span.start.line], each.span, each.code))
    return said[:_MOST_ASKED]


def _fixes(workspace: Workspace, module: Module, found: list[Diagnostic], ends: float) -> Iterator[Offer]:
    """Yield the quick fixes for findings, the first of each first."""
    source = module.source
    for said in found:
        left_s = workspace.remaining_s() - ends
        fixes = workspace.fixes(source.path, said.span, left_s) if left_s > 0 else ()
        closeness = 1.0 if said.severity is Severity.ERROR else _OF_A_WARNING
        for fix in sorted(fixes, key=lambda fix: not fix.preferred):
            if splices := _splices(source, fix):
                yield Offer(source.path, said.span.start.line, QUICK_FIX, round(closeness, 4), splices)
                closeness *= _EACH_NEXT


def _names(workspace: Workspace, module: Module, found: list[Diagnostic], ends: float) -> Iterator[Offer]:
    """Yield, for attributes that end where an error does, those of a like name that the thing before the dot has."""
    source = module.source
    wrong = {_offset(source, said.span.end): said for said in found if said.severity is Severity.ERROR}
    attributes = [node for node in module.index.parents if isinstance(node, ast.Attribute)]
    for node in attributes if wrong else ():
        end = source.span(node)[1]
        start, left_s = end - len(node.attr.encode()), workspace.remaining_s() - ends
        if end not in wrong or left_s <= 0:
            continue
        said = wrong[end]
        with suppress(ServerRefused):
            dot = replace(said.span.end, column=said.span.end.column - len(node.attr))
            known = set(workspace.completions(source.path, Span(dot, said.span.end), left_s)) - {node.attr}
            close = sorted(((alike(name, node.attr), name) for name in known if name.isidentifier()), reverse=True)
            for near, name in close[:_MOST_NAMES]:
                if near >= _LEAST_ALIKE:
                    yield Offer(
                        source.path, said.span.start.line, KNOWN_NAME, round(near, 4), (Splice(start, end, name),)
                    )


def _splices(source: Source, fix: Fix) -> tuple[Splice, ...]:
    """Return a fix as splices; none where it edits another file, or does no more than silence the server by a comment."""
    edits = [edit for file in fix.edits for edit in file.edits]
    if {file.path for file in fix.edits} != {source.path} or all(edit.text.lstrip()[:1] == "#" for edit in edits):
        return ()
    splices = sorted((_splice(source, edit) for edit in edits), key=lambda each: (each.start, each.end))
    apart = all(one.end <= other.start for one, other in pairwise(splices))
    small = sum(len(each.text) for each in splices) <= MOST_TEXT
    return tuple(splices) if small and apart and all(each.start <= each.end for each in splices) else ()


def _splice(source: Source, edit: TextEdit) -> Splice:
    text = edit.text.replace("\r\n", "\n").replace("\n", source.newline)
    return Splice(_offset(source, edit.span.start), _offset(source, edit.span.end), text)


def _offset(source: Source, at: Position) -> int:
    """Return the byte at a position; what lies past a line or the file is its end."""
    if at.line > len(source.starts):
        return len(source.utf8)
    start = source.starts[at.line - 1]
    stop = source.starts[at.line] if at.line < len(source.starts) else len(source.utf8)
    line = source.utf8[start:stop].decode().rstrip("\r\n")
    return start + len(line[: at.column].encode())
