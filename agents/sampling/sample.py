"""A reply as a candidate: the corrected piece of code in its fence, put in the place of the old one."""

from __future__ import annotations

import ast
import re
import textwrap
from dataclasses import dataclass

from agents.sampling.place import Place
from verifier import Candidate, Edit

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[^\n`]*\n(.*?)^[ \t]*(?:```|~~~)[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Sample:
    """A candidate, the code that it puts at its place, and how many replies asked for it."""

    place: Place
    code: str
    candidate: Candidate
    votes: int = 1


def candidate_of(reply: str, place: Place, data: bytes) -> Sample | str:
    """Return a reply's code in the place of the old one, as the smallest edit that makes it so; else why it is none."""
    blocks = [block for block in _FENCE.findall(reply) if block.strip()]
    code = max(blocks, key=len) if blocks else reply
    if not code.strip():
        return "the reply holds no code"
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return f"{place.path} is not UTF-8"
    lines = text.splitlines(keepends=True)
    old = "".join(lines[place.first - 1 : place.last])
    new = _fitted(code, old)
    if new == old:
        return "the reply changes nothing"
    whole = "".join(lines[: place.first - 1]) + new + "".join(lines[place.last :])
    if wrong := _unparsed(whole, text, place):
        return wrong
    return Sample(place, new, Candidate((_edit(place, text, whole),)))


def _fitted(code: str, old: str) -> str:
    """Return code at the indentation and with the line endings of what it replaces."""
    first = next((line for line in old.splitlines() if line.strip()), "")
    indent = first[: len(first) - len(first.lstrip())]
    newline = "\r\n" if "\r\n" in old else "\n"
    fitted = textwrap.indent(
        textwrap.dedent(code.strip("\n").expandtabs(4) if "\t" not in old else code.strip("\n")), indent
    )
    ended = newline.join(line.rstrip() for line in fitted.splitlines())
    return ended + (newline if old.endswith(("\n", "\r")) else "")


def _unparsed(after: str, before: str, place: Place) -> str:
    """Return why the file would be worse Python than it is; "" where it parses and still has the function of the place."""
    if not place.path.endswith(".py"):
        return ""
    try:
        ast.parse(before)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    try:
        tree = ast.parse(after)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"the code does not parse: {error}"
    names = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    return f"the code has no function {place.name}" if place.name and place.name not in names else ""


def _edit(place: Place, before: str, after: str) -> Edit:
    shorter = min(len(before), len(after))
    head = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    tail = next((at for at in range(shorter - head) if before[-1 - at] != after[-1 - at]), shorter - head)
    start = len(before[:head].encode())
    end = len(before[: len(before) - tail].encode())
    return Edit(place.path, start, end, after[head : len(after) - tail])
