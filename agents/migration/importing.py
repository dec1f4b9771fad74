"""Importing: the imports that examples add are added where they are needed, once; those that nothing uses any more go."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agents.migration.imports import Binding, bindings, is_import, spelled, throughout
from agents.migration.rewriting import Edit, rewritten
from agents.migration.tree import Node, Source, walk
from shadowfs import RepoPath

_HEADS = ("package_clause", "package_declaration", "ImportFrom")


@dataclass(frozen=True, slots=True)
class Need:
    """An import that a rule's result needs: as the example's file `path` says it. `beside` is a name that it stands in
    place of, where both come from one module."""

    bound: str
    module: str
    original: str
    statement: str
    path: RepoPath
    beside: str = ""


def imported(source: Source, needs: Iterable[Need], gone: Iterable[str]) -> bytes:
    """Return a file with what it needs imported, and without the imports of `gone` names that nothing in it uses."""
    there = bindings(source)
    held = [each for each in there if _top(each.statement, source) or source.family == "go"]
    unused = [each for each in held if each.bound in set(gone) and not _used(source, each)]
    known = {each.bound for each in throughout(source)}
    edits: list[Edit] = []
    for need in dict.fromkeys(needs):
        if need.bound in known:
            continue
        edit = _instead(need, unused, source) or _besides(need, there, source) or _line(need, source)
        edits.append(edit)
    edits += [_removal(each, source) for each in unused]
    return rewritten(source.data, _joined(edits))


def _used(source: Source, binding: Binding) -> bool:
    """Say whether anything but its import names a binding: strings too, and all that a package's `__init__` hands on."""
    if posixpath.basename(source.path) in ("__init__.py", "index.js", "index.ts"):
        return True
    word = re.compile(rf"\b{re.escape(binding.bound)}\b")
    inside = (binding.statement.start, binding.statement.end)
    for leaf in walk(source.root):
        if not leaf.children and not (inside[0] <= leaf.start and leaf.end <= inside[1]) and leaf.word:
            if leaf.text == binding.bound and leaf.kind not in ("property_identifier", "field_identifier"):
                return True
            if not leaf.name and word.search(leaf.text):
                return True
    return False


def _module(need: Need, there: Sequence[Binding], path: RepoPath, family: str) -> str:
    """Return the need's module in the words of a file: those in which it names the module already, where it does."""
    if need.beside:
        beside = next((each.module for each in there if each.bound == need.beside), None)
        if beside is not None:
            return beside
    return spelled(need.module, need.path, path, family)


def _instead(need: Need, unused: list[Binding], source: Source) -> Edit | None:
    """Put an import in the place of one that goes."""
    module = _module(need, bindings(source), source.path, source.family)
    for each in unused:
        if each.module == module and each.original and need.original and need.original != "default":
            unused.remove(each)
            return Edit(each.spec.start, each.spec.end, (_spec(need),))
    for each in unused:
        if each.alone and (_top(each.statement, source) or source.family == "go"):
            unused.remove(each)
            return Edit(each.statement.start, each.statement.end, (_statement(need, source),))
    return None


def _besides(need: Need, there: Sequence[Binding], source: Source) -> Edit | None:
    """Put a name into a statement that imports from its module."""
    if not need.original or need.original == "default":
        return None
    module = _module(need, there, source.path, source.family)
    for each in reversed(there):
        named = each.spec.kind in ("alias", "import_specifier")
        if each.module == module and each.original and named and _top(each.statement, source):
            return Edit(each.spec.end, each.spec.end, (f", {_spec(need)}",))
    return None


def _line(need: Need, source: Source) -> Edit:
    """Put a statement after the last import, else before what the file begins with."""
    text, newline = _statement(need, source), source.newline
    tops = [node for node in source.root.children if is_import(node) or _is_future(node)]
    if tops:
        last = tops[-1]
        specs = [node for node in walk(last) if node.kind == "import_spec"]
        if last.kind == "import_declaration" and len(specs) > 0 and source.family == "go":
            grouped = any(node.kind == "import_spec_list" for node in last.children)
            if grouped:
                last = specs[-1]
                indentation = source.indentation(last.start)
                return Edit(last.end, last.end, (f"{newline}{indentation}{text}",))
            text = f"import {text}"
        ended = source.data[last.end - 1 : last.end] == b"\n"
        return Edit(last.end, last.end, (f"{text}{newline}" if ended else f"{newline}{text}",))
    heads = [node for node in source.root.children if node.kind in _HEADS or _is_docstring(node, source)]
    if heads:
        return Edit(heads[-1].end, heads[-1].end, (f"{newline}{newline}{text}",))
    at = source.root.children[0].start if source.root.children else 0
    return Edit(at, at, (f"{text}{newline}{newline}",))


def _removal(binding: Binding, source: Source) -> Edit:
    """Take an import away, with its line where it stands alone."""
    if not binding.alone:
        siblings = next(node for node in walk(binding.statement) if binding.spec in node.children).children
        at = siblings.index(binding.spec)
        if at > 0 and siblings[at - 1].text == ",":
            return Edit(siblings[at - 1].start, binding.spec.end, ())
        after = siblings[at + 1] if at + 1 < len(siblings) and siblings[at + 1].text == "," else binding.spec
        end = siblings[at + 2].start if at + 2 < len(siblings) else after.end
        return Edit(binding.spec.start, end, ())
    start, end = binding.statement.start, binding.statement.end
    line = source.data.rfind(b"\n", 0, start) + 1
    after_line = source.data.find(b"\n", end)
    alone = source.data[line:start].strip() in (b"", b"import") and not source.data[end : max(after_line, end)].strip()
    return Edit(line, after_line + 1, ()) if alone and after_line >= 0 else Edit(start, end, ())


def _joined(edits: list[Edit]) -> list[Edit]:
    """Return edits of which those at the same place are one."""
    found: dict[tuple[int, int], Edit] = {}
    for edit in edits:
        known = found.get((edit.start, edit.end))
        found[edit.start, edit.end] = Edit(edit.start, edit.end, (*known.pieces, *edit.pieces)) if known else edit
    return list(found.values())


def _spec(need: Need) -> str:
    return need.original if need.original == need.bound else f"{need.original} as {need.bound}"


def _statement(need: Need, source: Source) -> str:
    module = _module(need, bindings(source), source.path, source.family)
    if source.family == "python":
        if need.original:
            return f"from {module} import {_spec(need)}"
        return f"import {module}" if need.bound == module.partition(".")[0] else f"import {module} as {need.bound}"
    text = need.statement
    if source.family == "javascript" and need.original and need.original != "default":
        text = re.sub(r"\{.*\}", lambda _: f"{{ {_spec(need)} }}", text, count=1, flags=re.DOTALL)
    return text.replace(need.module, module) if source.family == "javascript" else text


def _top(statement: Node, source: Source) -> bool:
    return any(statement is node for node in source.root.children)


def _is_future(node: Node) -> bool:
    return node.kind == "ImportFrom" and any(child.text == "__future__" for child in node.children)


def _is_docstring(node: Node, source: Source) -> bool:
    first = node is source.root.children[0]
    return first and node.kind == "Expr" and all(leaf.text[:1] in "\"'rRuU" for leaf in walk(node) if leaf.text)
