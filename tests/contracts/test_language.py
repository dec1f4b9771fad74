"""The contract of language sessions, over a real server, one that is started anew when it dies, and the scripted one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.verifier.language.doubles import sandboxed, session, written
from verifier import (
    Call,
    Diagnostic,
    FileEdit,
    Fix,
    LanguageSession,
    Location,
    Position,
    RestartingSession,
    ScriptedSession,
    ServerFailed,
    ServerPlaces,
    ServerRefused,
    Severity,
    Span,
    Symbol,
    TextEdit,
    apply_edits,
    find_servers,
)

FILES = {
    "a.py": "def f(x: int) -> int:\n    return x\n",
    "b.py": "from a import f\n\n\ndef g() -> int:\n    return f(1)\n",
}
WRONG = FILES["b.py"].replace("f(1)", "undefined_name")
USE = Position(5, 11)
DEFINED = Location("a.py", Span(Position(1, 4), Position(1, 5)))
FIXED = "missing = 1\n"


@pytest.fixture(params=["scripted", "ty", "restarting ty"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LanguageSession]:
    tree = written(tmp_path / "tree", {**FILES, "data.bin": ""})
    (tree / "data.bin").write_bytes(b"\xff\xfe")
    if request.param == "scripted":
        yield scripted(tree)
        return
    ty = [found for found in find_servers(ServerPlaces(tree, f"{sys.prefix}/bin")) if found.server.name == "ty"]
    if not ty:
        pytest.skip("there is no ty here")
    with sandboxed(tree) as sandbox:
        if request.param == "ty":
            with session(sandbox, ty[0]) as opened:
                yield opened
        else:
            with RestartingSession("ty", lambda: session(sandbox, ty[0])) as opened_again:
                yield opened_again


def scripted(tree: Path) -> ScriptedSession:
    """Return a session that says of the project what ty says of it."""

    def finds(path: str, text: str) -> tuple[Diagnostic, ...]:
        at = text.find("undefined_name")
        lines = text[:at].split("\n")
        start = Position(len(lines), len(lines[-1]))
        span = Span(start, Position(start.line, start.column + 14))
        return (
            () if at < 0 else (Diagnostic(path, span, Severity.ERROR, "Name `undefined_name` used when not defined"),)
        )

    in_b = Span(USE, Position(5, 12))
    symbol_g = Symbol("g", "function", Location("b.py", Span(Position(4, 4), Position(4, 5))))
    return ScriptedSession(
        find=finds,
        files={path.name: path.read_bytes() for path in tree.iterdir()},
        places=(DEFINED,),
        names=("imag", "real"),
        uses=(Location("b.py", in_b),),
        declared=(symbol_g,),
        told="def f(x: int) -> int",
        renames=lambda name: (
            FileEdit("a.py", (TextEdit(DEFINED.span, name),)),
            FileEdit("b.py", (TextEdit(Span(Position(1, 14), Position(1, 15)), name), TextEdit(in_b, name))),
        ),
        calls=(Call(symbol_g, (in_b,)),),
        offers=(Fix("a fix", ()),),
        server="ty",
    )


def errors(running: LanguageSession, path: str = "b.py") -> list[Position]:
    return [said.span.start for said in running.diagnose(path) if said.severity is Severity.ERROR]


def test_it_has_its_servers_name(running: LanguageSession) -> None:
    assert running.server == "ty"


def test_what_is_shown_is_what_is_judged_and_what_is_hidden_is_not(running: LanguageSession) -> None:
    assert errors(running) == []
    running.show("b.py", WRONG.encode())
    assert errors(running) == [USE]
    running.show("b.py", FILES["b.py"].encode())
    assert errors(running) == []
    running.show("b.py", b"\n" + WRONG.encode())
    assert errors(running) == [Position(6, 11)]
    running.hide("b.py")
    assert errors(running) == []


def test_a_file_that_is_only_shown_is_judged(running: LanguageSession) -> None:
    running.show("new.py", b"undefined_name\n")
    assert errors(running, "new.py") == [Position(1, 0)]


def test_a_written_file_may_be_told_of(running: LanguageSession) -> None:
    running.wrote(["a.py", "gone.py"])
    assert errors(running) == []


def test_names_are_followed(running: LanguageSession) -> None:
    assert running.definition("b.py", USE) == (DEFINED,)
    assert Location("b.py", Span(USE, Position(5, 12))) in running.references("a.py", Position(1, 4))
    assert "int" in running.hover("b.py", USE)
    running.show("b.py", FILES["b.py"].replace("f(1)", "f(1).").encode())
    assert "real" in running.completions("b.py", Position(5, 16))
    running.hide("b.py")
    assert [symbol.name for symbol in running.symbols("b.py")] == ["g"]
    assert [call.symbol.name for call in running.callers("a.py", Position(1, 4))] == ["g"]
    assert running.callees("b.py", Position(4, 4))


def test_a_name_is_given_another(running: LanguageSession) -> None:
    edits = running.rename("a.py", Position(1, 4), "renamed")
    texts = {each.path: apply_edits(FILES[each.path], each.edits) for each in edits}
    assert texts == {
        path: text.replace("f(", "renamed(").replace("import f", "import renamed") for path, text in FILES.items()
    }


def test_fixes_have_titles(running: LanguageSession) -> None:
    running.show("b.py", WRONG.encode())
    assert all(fix.title for fix in running.fixes("b.py", Span(USE, USE)))


def test_what_is_no_text_and_what_is_not_there_are_refused(running: LanguageSession) -> None:
    with pytest.raises(ServerRefused):
        running.show("b.py", b"\xff")
    with pytest.raises(ServerRefused):
        running.diagnose("data.bin")
    with pytest.raises(ServerRefused):
        running.diagnose("gone.py")
    assert errors(running) == []


def test_nothing_is_asked_after_its_end(running: LanguageSession) -> None:
    running.close()
    running.close()
    with pytest.raises(ServerFailed):
        running.diagnose("b.py")
    with pytest.raises(ServerFailed):
        running.show("b.py", b"")
