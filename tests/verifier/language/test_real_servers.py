"""Every server that is known, as it is: a seeded error found and gone, in a sandbox, on a shadow, in texts that are nowhere written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache

import pytest

from orchestrator.places.place import Place
from tests.verifier.language.repository import FILES, SAMPLES, placed, started
from verifier import LanguageSession, Position, ServerRefused, Severity, apply_edits

Sessions = Callable[[str], LanguageSession]
PYTHON = ("ruff", "ty", "pyrefly")
ASTRAL = {name: "# " if name in PYTHON else "// " for name in SAMPLES}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with placed(tmp_path_factory.mktemp("servers")) as opened:
        yield opened


@pytest.fixture(scope="module")
def sessions(place: Place) -> Iterator[Sessions]:
    """Give what gives the session with a server, started once for all tests."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(started(place, name)))


def errors(running: LanguageSession, path: str, text: str) -> list[tuple[int, int]]:
    running.show(path, text.encode())
    found = running.diagnose(path, 60.0)
    return [(said.span.start.line, said.span.start.column) for said in found if said.severity is Severity.ERROR]


@pytest.mark.parametrize("name", SAMPLES)
def test_a_seeded_error_is_found_and_gone(place: Place, sessions: Sessions, name: str) -> None:
    sample = SAMPLES[name]
    running = sessions(name)
    assert errors(running, sample.path, sample.right) == []
    at = (sample.use.line, sample.use.column)
    assert errors(running, sample.path, sample.wrong) == [at]
    assert errors(running, sample.path, f"{ASTRAL[name]}\U0001f600\r\n{sample.wrong}") == [(at[0] + 1, at[1])]
    # Columns behind a character that two units of UTF-16 make.
    shifted = sample.wrong.replace("return undefined_name", "return '\U0001f600' == undefined_name")
    assert (at[0], at[1] + 7) in errors(running, sample.path, shifted)
    assert errors(running, sample.path, sample.right) == []
    running.hide(sample.path)
    assert [said for said in running.diagnose(sample.path, 60.0) if said.severity is Severity.ERROR] == []
    assert place.shadow.read(sample.path).decode() == FILES[sample.path]


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "ruff"])
def test_a_name_is_followed(sessions: Sessions, name: str) -> None:
    sample = SAMPLES[name]
    running = sessions(name)
    running.diagnose(sample.path, 60.0)
    (where,) = running.definition(sample.path, sample.use)
    assert (where.path, where.span.start.line) == sample.defined
    assert "f" in running.hover(sample.path, sample.use)
    assert "g" in [symbol.name for symbol in running.symbols(sample.path)]
    used = running.references(where.path, where.span.start)
    assert sample.path in {each.path for each in used}


@pytest.mark.parametrize("name", ["ty", "pyrefly", "typescript", "clangd", "gopls", "rust-analyzer"])
def test_a_name_is_given_another_everywhere(sessions: Sessions, name: str) -> None:
    sample = SAMPLES[name]
    running = sessions(name)
    running.diagnose(sample.path, 60.0)
    (where,) = running.definition(sample.path, sample.use)
    edits = running.rename(where.path, where.span.start, "renamed")
    texts = {edit.path: apply_edits(FILES[edit.path], edit.edits) for edit in edits}
    assert "renamed(" in texts[sample.defined[0]]
    if name != "clangd":  # It knows of other files when it has indexed a compilation database, which is not here.
        assert "renamed(1)" in texts[sample.path]


@pytest.mark.parametrize("name", ["ty", "pyrefly", "typescript"])
def test_calls_are_followed_both_ways(sessions: Sessions, name: str) -> None:
    sample = SAMPLES[name]
    running = sessions(name)
    running.diagnose(sample.path, 60.0)
    (where,) = running.definition(sample.path, sample.use)
    assert [call.symbol.name for call in running.callers(where.path, where.span.start)] == ["g"]
    (caller,) = [symbol for symbol in running.symbols(sample.path) if symbol.name == "g"]
    assert "f" in [call.symbol.name for call in running.callees(sample.path, caller.location.span.start)]


def test_a_quick_fix_makes_its_edit(place: Place) -> None:
    text = "import os\n\n\ndef g() -> None:\n    return None\n"
    with started(place, "ruff") as running:
        running.show("py/b.py", text.encode())
        (said,) = [each for each in running.diagnose("py/b.py") if each.code == "F401"]
        edits = [fix.edits for fix in running.fixes("py/b.py", said.span) if "unused import" in fix.title]
    assert apply_edits(text, edits[0][0].edits) == "\n\ndef g() -> None:\n    return None\n"


def test_what_the_user_configured_holds(place: Place) -> None:
    place.shadow.write(
        "py/ruff.toml", b'[lint]\nselect = ["E501"]\nline-length = 20\n'.replace(b"line-length = 20\n", b"")
    )
    with started(place, "ruff") as running:
        running.show("py/b.py", b"import os\n" + b"x = '" + b"x" * 100 + b"'\n")
        assert {said.code for said in running.diagnose("py/b.py")} == {"E501"}
        place.shadow.delete("py/ruff.toml")
        running.wrote(["py/ruff.toml"])
        assert "F401" in {said.code for said in running.diagnose("py/b.py")}


def test_a_file_that_changed_below_is_seen_anew(place: Place) -> None:
    with started(place, "ty") as running:
        assert running.diagnose("py/b.py") == ()
        place.shadow.write("py/a.py", b"def f(x: int) -> str:\n    return str(x)\n")
        running.wrote(["py/a.py"])
        assert [said.span.start for said in running.diagnose("py/b.py")] == [Position(5, 11)]
        place.shadow.write("py/a.py", FILES["py/a.py"].encode())


def test_what_a_server_cannot_do_is_refused_and_it_goes_on(place: Place) -> None:
    with started(place, "ruff") as running:
        with pytest.raises(ServerRefused, match="referencesProvider"):
            running.references("py/b.py", Position(5, 11))
        assert running.diagnose("py/b.py") == ()
