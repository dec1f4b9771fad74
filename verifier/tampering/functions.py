"""Whether an existing test, fixture or helper still checks what it checked: nothing of it may go, checks may be added."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from verifier.tampering.outline import Function, every_argument

_SKIPS = (
    "skip",
    "skipif",
    "skipIf",
    "skipUnless",
    "xfail",
    "expectedFailure",
    "importorskip",
    "skipTest",
    "SkipTest",
    "exit",
)
_LENIENT_DECORATORS = ("skip", "skipif", "skipIf", "skipUnless", "xfail", "expectedFailure")
_ADDED_DECORATORS = ("example",)
_RAISES = ("raises", "assertRaises", "assertRaisesRegex", "warns", "assertWarns")


@dataclass(frozen=True, slots=True)
class Weaker:
    """In what way a function became weaker (a predicate: `is skipped`), and at which line."""

    how: str
    line: int


def weaker(before: Function, after: Function) -> Weaker | None:
    """Return in what way `after` checks less than `before`; None where it is the same with checks added, at most."""
    how = decorated(before.decorator_list, after.decorator_list)
    if how is not None:
        return Weaker(how, after.decorator_list[0].lineno if after.decorator_list else after.lineno)
    if type(before) is not type(after) or ast.unparse(before.args) != ast.unparse(after.args):
        return Weaker("takes other arguments", after.lineno)
    old, new = _body(before), _body(after)
    taken = {part.id for part in ast.walk(before) if isinstance(part, ast.Name)}
    odd = _first_odd(old, new, taken | {argument.arg for argument in every_argument(before)})
    if odd is None:
        return None
    return Weaker(_explain(old, new), odd.lineno if odd.lineno else after.lineno)


def decorated(before: Sequence[ast.expr], after: Sequence[ast.expr]) -> str | None:
    """Return in what way a test's decorators became weaker."""
    old, new = [ast.unparse(node) for node in before], [ast.unparse(node) for node in after]
    gone = [node for node in before if ast.unparse(node) not in new]
    come = [node for node in after if ast.unparse(node) not in old]
    for node in come:
        if _called(node) in _LENIENT_DECORATORS:
            return f"is marked `{ast.unparse(node)}`"
        if _called(node) == "parametrize":
            earlier = next((other for other in gone if _argument_names(other) == _argument_names(node)), None)
            if earlier is None:
                return f"gains `{_short(node)}`"
            lost = _lost_cases(earlier, node)
            if lost is not None:
                return lost
            gone = [other for other in gone if other is not earlier]
        elif _called(node) not in _ADDED_DECORATORS:
            return f"gains `{_short(node)}`"
    lost_node = next((node for node in gone if _called(node) not in _LENIENT_DECORATORS), None)
    return None if lost_node is None else f"loses `{_short(lost_node)}`"


def skips(node: ast.AST) -> list[str]:
    """Return the calls below a node that skip or end a test, and raised skips."""
    calls = [part for part in ast.walk(node) if isinstance(part, ast.Call) and _called(part) in _SKIPS]
    raised = [part for part in ast.walk(node) if isinstance(part, ast.Raise) and part.exc is not None]
    return [ast.unparse(call) for call in calls] + [
        ast.unparse(part) for part in raised if part.exc is not None and _called(part.exc) == "SkipTest"
    ]


def _called(node: ast.expr) -> str:
    target = node.func if isinstance(node, ast.Call) else node
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def _argument_names(node: ast.expr) -> str | None:
    if isinstance(node, ast.Call) and _called(node) == "parametrize" and node.args:
        return ast.unparse(node.args[0])
    return None


def _lost_cases(before: ast.expr, after: ast.expr) -> str | None:
    """Return what a `parametrize` lost; more cases, and more names for them, are fine."""
    assert isinstance(before, ast.Call)
    assert isinstance(after, ast.Call)
    old = [*before.args[1:], *(keyword.value for keyword in before.keywords)]
    new = [*after.args[1:], *(keyword.value for keyword in after.keywords)]
    if [keyword.arg for keyword in before.keywords] != [keyword.arg for keyword in after.keywords] or len(old) != len(
        new
    ):
        return f"is parametrised otherwise: `{_short(after)}`"
    for was, now in zip(old, new, strict=True):
        missing = Counter(_elements(was)) - Counter(_elements(now))
        if missing:
            return f"lost or changed a case: `{next(iter(missing))[:80]}`"
    return None


def _elements(node: ast.expr) -> list[str]:
    return [ast.unparse(part) for part in node.elts] if isinstance(node, ast.List | ast.Tuple) else [ast.unparse(node)]


def _body(node: Function) -> list[ast.stmt]:
    first = node.body[0]
    documented = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return node.body[1:] if documented else node.body


def _first_odd(before: Sequence[ast.stmt], after: Sequence[ast.stmt], taken: Collection[str]) -> ast.stmt | None:
    """Return the first statement that is neither kept, nor harmless in between, nor appended; None where all are."""
    kept = 0
    for statement in after:
        if kept == len(before):
            return next((other for other in after if skips(other) and not any(skips(was) for was in before)), None)
        if ast.unparse(statement) == ast.unparse(before[kept]):
            kept += 1
        elif not (_is_check(statement) or _is_note(statement, taken)):
            return statement
    return None if kept == len(before) else before[kept]


def _is_check(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assert):
        binds = any(isinstance(part, ast.NamedExpr) for part in ast.walk(statement))
        return not binds
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and _called(statement.value).startswith("assert")
    )


def _is_note(statement: ast.stmt, taken: Collection[str]) -> bool:
    """Say whether a statement only gives values to names that the function does not use otherwise."""
    if not isinstance(statement, ast.Assign) or any(isinstance(part, ast.NamedExpr) for part in ast.walk(statement)):
        return False
    return all(isinstance(target, ast.Name) and target.id not in taken for target in statement.targets)


def _checks(body: Sequence[ast.stmt]) -> list[str]:
    found = []
    for part in _walk_all(body):
        if isinstance(part, ast.Assert) or (
            isinstance(part, ast.Call) and _called(part).startswith(("assert", *_RAISES))
        ):
            found.append(ast.unparse(part))
    return found


def _walk_all(body: Sequence[ast.stmt]) -> Iterator[ast.AST]:
    for statement in body:
        yield from ast.walk(statement)


def _count(body: Sequence[ast.stmt], kind: type[ast.AST]) -> int:
    return sum(isinstance(part, kind) for part in _walk_all(body))


def _explain(before: Sequence[ast.stmt], after: Sequence[ast.stmt]) -> str:
    skipped = Counter(text for part in after for text in skips(part)) - Counter(
        text for part in before for text in skips(part)
    )
    if skipped:
        return f"is skipped by `{next(iter(skipped))[:80]}`"
    if _count(after, ast.Return) > _count(before, ast.Return):
        return "returns early"
    if _count(after, ast.Try) > _count(before, ast.Try):
        return "runs its checks under `try`"
    old, new = _checks(before), _checks(after)
    constant = [
        part for part in _walk_all(after) if isinstance(part, ast.Assert) and isinstance(part.test, ast.Constant)
    ]
    if constant:
        return f"asserts a constant: `{ast.unparse(constant[0])}`"
    if len(new) < len(old):
        return f"checks less: {len(new)} instead of {len(old)} checks"
    gone, come = Counter(old) - Counter(new), Counter(new) - Counter(old)
    if gone and come:
        return f"expects something else: `{next(iter(gone))[:80]}` became `{next(iter(come))[:80]}`"
    return "is changed"


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 80 else f"{text[:77]}…"
