"""What a file imports and defines: whether a name means there what it means in the examples, and in which words to import another."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from agents.migration.tree import IMPORTS, Node, Source, names, walk
from shadowfs import RepoPath

_WHOLE = frozenset({"import_spec", "use_declaration", "preproc_include"})
"""Imports that are read as one text; what they bind is taken for their last name."""
_SCOPES = frozenset({"FunctionDef", "AsyncFunctionDef", "ClassDef", "function_item", "mod_item"})
_DEFINES = frozenset(
    {"def", "class", "function", "const", "let", "var", "func", "fn", "struct", "enum", "type", "interface"}
)


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """A name that a file imports: from which `module`, under which name there (`original`, "" for the module itself).

    `spec` is what stands for it in the `statement`, `alone` says that nothing else does.
    """

    bound: str
    module: str
    original: str
    spec: Node
    statement: Node
    alone: bool

    @property
    def what(self) -> tuple[str, str, str]:
        return self.module, self.original, self.bound


def bindings(source: Source) -> tuple[Binding, ...]:
    """Return what a file imports, in its order."""
    return tuple(each for node in walk(source.root) for each in _bound(node, source.family))


def throughout(source: Source) -> tuple[Binding, ...]:
    """Return what a file imports for all of it, when it runs: neither in a function or class, nor for its types alone."""
    return tuple(each for node in _outside(source.root) for each in _bound(node, source.family))


def is_import(node: Node) -> bool:
    """Say whether a node is an import as a whole."""
    return node.kind in IMPORTS


def defined(source: Source) -> frozenset[str]:
    """Return the names that a file defines at its outermost level."""
    assigned = {
        node.children[0].name for node in source.root.children if node.kind in ("Assign", "AnnAssign") and node.children
    }
    return frozenset((assigned | declared(source)) - {""})


def declared(source: Source) -> frozenset[str]:
    """Return the functions, classes and their like that a file declares at its outermost level."""
    found: set[str] = set()
    for node in source.root.children:
        held = node.children if node.kind.startswith("export") else ()
        for each in (node, *held):
            for keyword, after in zip(each.children, each.children[1:], strict=False):
                if keyword.text in _DEFINES:
                    found.add(next((leaf.name for leaf in walk(after) if leaf.name), ""))
    return frozenset(found - {""})


def starred(source: Source) -> tuple[str, ...]:
    """Return the modules from which a Python file imports all there is."""
    return tuple(module for node in walk(source.root) if node.kind == "ImportFrom" for module in _stars(node))


def located(module: str, path: RepoPath, family: str) -> str:
    """Return where a module lies, for one named relative to a file: a dotted name, or a path without suffix."""
    folder = posixpath.dirname(path)
    if family == "javascript":
        if not module.startswith("."):
            return module
        return "./" + posixpath.splitext(posixpath.normpath(posixpath.join(folder, module)))[0]
    if family == "python" and module.startswith("."):
        name = module.lstrip(".")
        parts = folder.split("/") if folder else []
        up = len(module) - len(name) - 1
        return ".".join([*parts[: len(parts) - up], *filter(None, [name])])
    return module


def same_module(one: str, other: str) -> bool:
    """Say whether two places are one module: equal, the same below a source folder, or one hands on what the other has."""
    shorter, longer = sorted((one, other), key=len)
    return shorter == longer or (bool(shorter) and (longer.endswith(f".{shorter}") or longer.startswith(f"{shorter}.")))


def is_module(path: RepoPath, module: str, family: str) -> bool:
    """Say whether a file is a module."""
    stem = posixpath.splitext(path)[0]
    if family == "javascript":
        return module in (f"./{stem}", f"./{stem.removesuffix('/index')}")
    dotted = stem.replace("/", ".").removesuffix(".__init__")
    return bool(module) and (dotted == module or dotted.endswith(f".{module}"))


def spelled(module: str, path: RepoPath, target: RepoPath, family: str) -> str:
    """Return how a file `target` names a module that `path` names `module`."""
    place = located(module, path, family)
    if place == module:
        return module
    if family == "javascript":
        relative = posixpath.relpath(place[2:], posixpath.dirname(target) or ".")
        suffix = posixpath.splitext(module)[1] if posixpath.splitext(module)[1] in (".js", ".mjs", ".ts") else ""
        return (relative if relative.startswith(".") else f"./{relative}") + suffix
    parts, folder = place.split("."), [part for part in posixpath.dirname(target).split("/") if part]
    same = 0
    while same < min(len(parts), len(folder)) and parts[same] == folder[same]:
        same += 1
    return "." * (len(folder) - same + 1) + ".".join(parts[same:])


def _bound(node: Node, family: str) -> Iterator[Binding]:
    """Yield what one node imports by itself."""
    if node.kind in ("ImportFrom", "Import"):
        yield from _python(node)
    elif node.kind == "import_statement" and family == "javascript":
        yield from _javascript(node)
    elif node.kind in _WHOLE or (node.kind == "import_declaration" and family == "java"):
        yield _whole(node)


def _outside(node: Node) -> Iterator[Node]:
    """Yield a node and what is below it, but for scopes of their own."""
    yield node
    for child in node.children:
        if child.kind not in _SCOPES and not _for_types(child):
            yield from _outside(child)


def _for_types(node: Node) -> bool:
    return node.kind == "If" and "TYPE_CHECKING" in names(node.children[1:2])


def _python(node: Node) -> Iterator[Binding]:
    listed = next((child for child in node.children if child.kind == "names"), None)
    if listed is None:
        return
    aliases = [each for each in listed.children if each.kind == "alias" and each.text != "*"]
    for alias in aliases:
        texts = [leaf.text for leaf in walk(alias) if not leaf.children]
        renamed = len(texts) > 2 and texts[-2] == "as"
        name = "".join(texts[:-2] if renamed else texts)
        alone = len(aliases) == 1
        if node.kind == "ImportFrom":
            yield Binding(texts[-1], _module(node), name, alias, node, alone)
        else:
            yield Binding(texts[-1] if renamed else texts[0], name, "", alias, node, alone)


def _module(node: Node) -> str:
    """Return what stands between `from` and `import`."""
    return "".join(child.text for child in node.children if child.kind in ("name", "op"))


def _stars(node: Node) -> Iterator[str]:
    listed = next((child for child in node.children if child.kind == "names"), None)
    if listed is not None and any(each.text == "*" for each in listed.children):
        yield _module(node)


def _javascript(node: Node) -> Iterator[Binding]:
    path = next((child.text[1:-1] for child in node.children if child.kind == "string"), "")
    specs = [each for each in walk(node) if each.kind in ("import_specifier", "namespace_import")]
    clause = next((child for child in node.children if child.kind == "import_clause"), None)
    default = [each for each in clause.children if each.kind == "identifier"] if clause else []
    alone = len(specs) + len(default) == 1
    for spec in default:
        yield Binding(spec.text, path, "default", spec, node, alone)
    for spec in specs:
        words = [leaf.text for leaf in walk(spec) if leaf.name]
        original = "" if spec.kind == "namespace_import" else words[0]
        yield Binding(words[-1], path, original, spec, node, alone)


def _whole(node: Node) -> Binding:
    leaves = [leaf for leaf in walk(node) if not leaf.children]
    text = " ".join(leaf.text for leaf in leaves)
    named = [leaf.name for leaf in leaves if leaf.name]
    bound = named[-1] if named else leaves[-1].text.strip('"<>').rpartition("/")[2]
    return Binding(bound, text, "", node, node, True)
