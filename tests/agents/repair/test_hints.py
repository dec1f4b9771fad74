"""Hints from outside: what language servers and the last commits say becomes suspicion and rewrites, and is used the same after a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from agents import MemoryWorkspace
from agents.repair.hints import KNOWN_NAME, QUICK_FIX, UNDONE, Hints, Offer
from agents.repair.inspection import inspected
from agents.repair.localise import places
from agents.repair.operators import OPERATORS
from agents.repair.rank import ranked
from agents.repair.recent import recent
from agents.repair.source import Source, Splice, read_source
from agents.repair.variants import Module
from tests.verifier.language.doubles import double
from verifier import (
    Diagnostic,
    FileEdit,
    Fix,
    Found,
    LanguageSession,
    Position,
    Says,
    ScriptedSession,
    ServerFailed,
    Severity,
    Span,
    TextEdit,
)

CODE = "import json\n\n\ndef area(é, r):\n    x = r * r\n    return math.pi * x\n"
NAMES = [f"m{number}.py" for number in range(5)]
LINES = {("m.py", 5): 0.5, ("m.py", 6): 0.9}
IMPORT = TextEdit(Span(Position(1, 0), Position(1, 0)), "import math\n")


def module(text: str = CODE) -> dict[str, Module]:
    source = read_source("m.py", text.encode())
    assert isinstance(source, Source)
    return {"m.py": Module.of(source)}


def said(line: int, severity: Severity = Severity.ERROR) -> Diagnostic:
    return Diagnostic("m.py", Span(Position(line, 4), Position(line, 8)), severity, "no")


def served(
    found: Sequence[Diagnostic],
    offers: Sequence[Fix] = (),
    text: str = CODE,
    clock: Callable[[], float] = lambda: 0.0,
    names: tuple[str, ...] = (),
) -> MemoryWorkspace:
    """Return a workspace with a server that says and offers this of any place in any file, and knows these names."""

    def start(workspace: MemoryWorkspace, which: Found) -> LanguageSession:
        return ScriptedSession(
            lambda *_: tuple(found), workspace.files, offers=tuple(offers), names=names, server=which.server.name
        )

    files = {path: text.encode() for path in ("m.py", *NAMES)}
    types = replace(double("well").server, says=Says.TYPES)
    return MemoryWorkspace(files, servers=[Found(types, "")], start=start, clock=clock)


def test_without_servers_and_history_there_is_nothing() -> None:
    workspace = MemoryWorkspace({"m.py": CODE.encode()})
    assert not inspected(workspace, module(), LINES, 5.0)
    assert not recent(workspace, module(), LINES)
    assert not workspace.journal()


def test_a_line_with_an_error_is_raised_where_it_is_suspicious_already() -> None:
    hints = inspected(served([said(5), said(1), said(6, Severity.WARNING)]), module(), LINES, 5.0)
    assert [(path, line) for path, line, _ in hints.raised] == [("m.py", 5)]
    scores = hints.over(LINES)
    assert scores["m.py", 5] > LINES["m.py", 5] and scores["m.py", 6] == LINES["m.py", 6]
    assert set(scores) == set(LINES)


def test_quick_fixes_are_rewrites_of_the_statement_they_are_offered_for() -> None:
    hints = inspected(
        served([said(6)], [Fix("import math", (FileEdit("m.py", (IMPORT,)),), True)]), module(), LINES, 5.0
    )
    assert hints.offers == (Offer("m.py", 6, QUICK_FIX, 1.0, (Splice(0, 0, "import math\n"),)),)
    modules = module()
    order = ranked(places(modules, hints.over(LINES), frozenset()), (*OPERATORS, *hints.operators()), {})
    found = next(variant for _, variant in order if variant.operator == QUICK_FIX)
    assert modules["m.py"].source.spliced(found.rewrite.splices) == f"import math\n{CODE}"
    assert found.candidate.edits[0].path == "m.py"


def test_attributes_of_a_like_name_are_offered_where_one_is_wrong() -> None:
    text = CODE.replace("math.pi", "math.tua")
    wrong = Diagnostic("m.py", Span(Position(6, 11), Position(6, 19)), Severity.ERROR, "no `tua`")
    workspace = served([wrong, said(5)], text=text, names=("tau", "tua", "tuna", "no name", "cos"))
    hints = inspected(workspace, module(text), LINES, 5.0)
    source = module(text)["m.py"].source
    assert [source.spliced(each.splices) for each in hints.offers] == [
        text.replace("tua", name) for name in ("tau", "tuna")
    ]
    assert {(each.kind, each.line) for each in hints.offers} == {(KNOWN_NAME, 6)}


@pytest.mark.parametrize(
    "fix",
    [
        Fix("another file", (FileEdit("n.py", (IMPORT,)),)),
        Fix("two files", (FileEdit("m.py", (IMPORT,)), FileEdit("n.py", (IMPORT,)))),
        Fix("silence", (FileEdit("m.py", (TextEdit(Span(Position(6, 22), Position(6, 22)), "  # noqa\n"),)),)),
        Fix("nothing", ()),
        Fix("long", (FileEdit("m.py", (TextEdit(said(5).span, "x" * 4_001),)),)),
        Fix("overlapping", (FileEdit("m.py", tuple(TextEdit(said(5).span, each) for each in "ab")),)),
        Fix("backwards", (FileEdit("m.py", (TextEdit(Span(Position(5, 6), Position(4, 1)), "a"),)),)),
    ],
    ids=lambda fix: fix.title,
)
def test_fixes_that_are_no_rewrite_of_the_file_are_left_out(fix: Fix) -> None:
    assert not inspected(served([said(5)], [fix]), module(), LINES, 5.0).offers


def test_positions_count_characters_and_splices_bytes() -> None:
    edit = TextEdit(Span(Position(4, 12), Position(4, 99)), "r=1):\n    pass")
    text = CODE.replace("\n", "\r\n")
    hints = inspected(
        served([said(4)], [Fix("", (FileEdit("m.py", (edit,)),))], text), module(text), {("m.py", 4): 1.0}, 5.0
    )
    source = module(text)["m.py"].source
    assert "def area(é, r=1):\r\n    pass\r\n" in source.spliced(hints.offers[0].splices)


def test_trouble_is_told_once_and_offers_nothing() -> None:
    def start(workspace: MemoryWorkspace, found: Found) -> LanguageSession:
        raise ServerFailed(f"{found.server.name} is not to be had for {workspace.root}")

    workspace = MemoryWorkspace({"m.py": b"", "n.py": b""}, servers=[double("well")], start=start)
    modules = module() | {"n.py": module()["m.py"]}
    hints = inspected(workspace, modules, LINES, 5.0)
    assert hints == Hints(failures=("well is not to be had for /repository",))


def test_servers_that_take_too_long_are_asked_no_further() -> None:
    now = iter(range(0, 1000, 2))
    workspace = served([said(5)], clock=lambda: float(next(now)))
    hints = inspected(workspace, dict.fromkeys(NAMES, module()["m.py"]), {(path, 5): 1.0 for path in NAMES}, 5.0)
    assert 0 < len(hints.raised) < 5
    assert hints.failures == ("language servers had 5 s, and were not done",)


def changed(old: str, new: str, lines: dict[tuple[str, int], float], *older: str) -> Hints:
    workspace = MemoryWorkspace({"m.py": new.encode()}, history={"m.py": [each.encode() for each in (old, *older)]})
    return recent(workspace, module(new), lines)


def test_lines_of_the_last_change_are_raised_and_it_is_offered_undone() -> None:
    old = CODE.replace("r * r", "r ** 2")
    hints = changed(old, CODE, LINES)
    assert [(line, factor > 1.0) for _, line, factor in hints.raised] == [(5, True)]
    (offer,) = hints.offers
    assert (offer.line, offer.kind) == (5, UNDONE)
    assert module()["m.py"].source.spliced(offer.splices) == old


def test_lines_that_went_are_offered_again_beside_the_gap() -> None:
    old = CODE.replace("    x = r * r\n", "    x = r * r\n    x = abs(x)\n")
    hints = changed(old, CODE, LINES)
    assert [line for _, line, _ in hints.raised] == [5, 6]
    assert [(module()["m.py"].source.spliced(offer.splices), offer.line) for offer in hints.offers] == [(old, 6)]


def test_an_older_change_counts_less_and_is_undone_alone() -> None:
    head = CODE.replace("r * r", "r ** 2")
    before = head.replace("math.pi", "3.14")
    first = before.replace("def area(é, r)", "def area(é, r, s)")
    hints = changed(head, f"{CODE}\n\nx = 1\n", {**LINES, ("m.py", 4): 0.2}, before, first)
    source = module(f"{CODE}\n\nx = 1\n")["m.py"].source
    assert [(source.spliced(each.splices), each.closeness) for each in hints.offers] == [
        (f"{each}\n\nx = 1\n", weight)
        for each, weight in (
            (CODE.replace("r * r", "r ** 2"), 1.0),
            (CODE.replace("math.pi", "3.14"), 1.0),
            (CODE.replace("é, r)", "é, r, s)"), 0.7),
        )
    ]
    assert [line for _, line, _ in hints.raised] == [4, 5, 6]
    assert hints.raised[0][2] < hints.raised[1][2] == hints.raised[2][2]


def test_a_change_that_was_changed_again_is_not_undone() -> None:
    hints = changed(CODE.replace("r * r", "r ** 2"), CODE, LINES, CODE.replace("r * r", "r ** 3"))
    assert len(hints.offers) == 1


@pytest.mark.parametrize("old", ["def (\n", "\0", CODE, CODE.replace("r * r", "1")], ids=range(4))
def test_what_cannot_be_read_and_what_nobody_suspects_is_no_hint(old: str) -> None:
    assert not changed(old, CODE, {("m.py", 2): 1.0})


def test_a_rewritten_function_is_raised_and_not_offered_undone() -> None:
    old = CODE.replace("    x = r * r\n", "".join(f"    x = {number}\n" for number in range(20)))
    long = CODE.replace("r * r", "r * " + "r" * 4_001)
    for hints in (changed(old, CODE, LINES), changed(long, CODE, LINES)):
        assert hints.raised and not hints.offers
