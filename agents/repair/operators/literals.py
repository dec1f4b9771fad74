"""Literals: truth values, None, strings, regular expressions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agents.repair.operators.priors import repair
from agents.repair.site import Rewrite, Site, similar

_QUOTED = re.compile(r"""^([A-Za-z]*)('''|\"\"\"|'|\")(.*)\2$""", re.DOTALL)


@repair(
    "constant",
    ast.Constant,
    examples=(
        ("x = True\n", "x = False\n"),
        ("f(a, reverse=False)\n", "f(a, reverse=True)\n"),
        ("x = None\n", "x = []\n"),
        ("x = ''\n", "x = None\n"),
        ("x = ''\n", "x = ' '\n"),
    ),
)
def constant(site: Site, node: ast.Constant) -> Iterator[Rewrite]:
    """Flip a truth value, or replace an empty value by another empty one."""
    value = node.value
    others: dict[str, float] = {}
    if isinstance(value, bool):
        others = {str(not value): 1.0, "None": 0.2}
    elif value is None:
        others = {"False": 0.4, "0": 0.4, "True": 0.3, '""': 0.4, "[]": 0.4, "{}": 0.2, "()": 0.2, "1": 0.2}
    elif value == "" and isinstance(value, str):
        others = {"None": 0.5, "' '": 0.6, "','": 0.1}
    for text, near in others.items():
        yield site.splice(*site.source.span(node), text, near)


@repair(
    "empty collection",
    ast.List,
    ast.Dict,
    ast.Set,
    ast.Tuple,
    examples=(
        ("x = []\n", "x = {}\n"),
        ("x = {}\n", "x = set()\n"),
        ("x = [y]\n", "x = (y,)\n"),
        ("x = []\n", "x = [[]]\n"),
    ),
)
def collection(site: Site, node: ast.List | ast.Dict | ast.Set | ast.Tuple) -> Iterator[Rewrite]:
    """Replace a collection by one of another type."""
    if isinstance(getattr(node, "ctx", None) or ast.Load(), ast.Store | ast.Del):
        return
    parts = [] if isinstance(node, ast.Dict) else node.elts
    texts = ["[]", "{}", "set()", "()", "None", "[[]]", "0", '""']
    if parts or (isinstance(node, ast.Dict) and node.keys):
        inner = ", ".join(site.text(part) for part in parts)
        texts = [f"[{inner}]", f"({inner}{',' * (len(parts) == 1)})", f"{{{inner}}}"] if 0 < len(parts) < 4 else []
    own = site.text(node)
    for text in texts:
        if text != own:
            yield site.replace(node, text, 0.6)


@repair(
    "string literal",
    ast.Constant,
    examples=(
        ("x = 'ab'\ny = 'cd'\n", "x = 'cd'\ny = 'cd'\n"),
        ("x = 'ab '\n", "x = 'ab'\n"),
        ("x = 'abc'\n", "x = 'ABC'\n"),
        ('x = r"[a-z]+"\n', 'x = r"[a-z]*"\n'),
        ('x = r"ab"\n', 'x = r"ab$"\n'),
        ('x = "a.b"\n', 'x = "a\\\\.b"\n'),
    ),
)
def string(site: Site, node: ast.Constant) -> Iterator[Rewrite]:
    """Replace a string by another of the file, or change it by one character."""
    if not isinstance(node.value, str) or isinstance(site.parent(node), ast.Expr | ast.JoinedStr):
        return
    start, end = site.source.span(node)
    parts = _QUOTED.match(site.source.utf8[start:end].decode())
    if parts is None or len(parts[3]) > 200 or parts[2] in parts[3]:
        return
    prefix, quote, body = parts[1], parts[2], parts[3]
    near = sorted(
        (other for other in site.index.strings if other != node.value and 0 < len(other) <= 40 and other.isprintable()),
        key=lambda other: (-similar(other, body), other),
    )
    for other in near[:8]:
        if not {quote[0], "\\"} & set(other):
            yield site.splice(start, end, quote + other + quote, 0.4 + 0.5 * similar(other, body))
    for text, closeness in _variants(body, "r" in prefix.lower()).items():
        if text != body:
            yield site.splice(start, end, prefix + quote + text + quote, closeness)


def _variants(body: str, raw: bool) -> dict[str, float]:
    found = {body[:-1]: 0.5, body[1:]: 0.5, body.strip(): 0.6, body + " ": 0.4, " " + body: 0.3}
    found |= {body.upper(): 0.5, body.lower(): 0.5}
    found |= {body[:at] + body[at + 1 :]: 0.15 for at in range(1, min(len(body) - 1, 24))}
    if raw or set(body) & set("[](){}*+?|^$\\"):
        found |= _regex_variants(body, "\\" if raw else "\\\\")
    elif "." in body:
        found |= {body.replace(".", "\\\\."): 0.2}
    return {text: near for text, near in found.items() if text and not text.endswith("\\")}


def _regex_variants(body: str, slash: str) -> dict[str, float]:
    found = {
        body + "$": 0.5,
        "^" + body: 0.5,
        body.removesuffix("$"): 0.5,
        body.removeprefix("^"): 0.5,
        f"{body}{slash}Z": 0.3,
    }
    others = {"*": ("+", "*?"), "+": ("*", "+?"), "?": ("", "*"), ".": (f"{slash}.",)}
    for at, char in enumerate(body[:60]):
        for other in others.get(char, ()):
            found[body[:at] + other + body[at + 1 :]] = 0.6
        if char in ")]" and body[at + 1 : at + 2] not in ("*", "+", "?", "{"):
            found |= {body[: at + 1] + mark + body[at + 1 :]: 0.4 for mark in "?+*"}
    for one, other in (
        ("\\d", "\\w"),
        ("\\s", "\\S"),
        ("\\w", "\\S"),
        ("\\b", ""),
        ("a-z", "a-zA-Z"),
        ("0-9", "0-9a-f"),
        ("[^", "["),
    ):
        if one in body:
            found[body.replace(one, other, 1)] = 0.4
    return found


TABLE = (constant, collection, string)
