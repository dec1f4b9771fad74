"""The contract of what workspaces ask language servers: the same over memory and over shadows with a server in the sandbox."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents import OutOfBudget, Workspace
from sandbox import Command
from tests.contracts.workspaces import Hold, kinds, opened
from tests.verifier.language.doubles import double
from verifier import Position, ServerPlaces, ServerRefused, Span, find_servers

AT = Position(1, 0)


@pytest.fixture(params=kinds())
def hold(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hold]:
    with opened(request.param, tmp_path, servers=(double("well"),)) as held:
        yield held


def steps(workspace: Workspace) -> list[str]:
    return [step.kind for step in workspace.journal()]


def test_each_write_is_judged_and_what_it_introduced_is_in_the_journal(hold: Hold) -> None:
    workspace = hold.workspace
    workspace.write("age.py", b"# BAD\n" + workspace.read("age.py"))
    workspace.write("notes.txt", b"BAD, but in no language\n")
    assert steps(workspace) == ["write", "diagnose", "write"]
    data = workspace.journal()[1].data
    assert (data["path"], data["introduced"]) == ("age.py", ["age.py:1: error [7]: this is bad"])
    found = workspace.diagnose("age.py")
    assert [said.span.start for said in found.delta.introduced] == [Position(1, 2)]
    assert (found.asked, found.failures) == (("well",), ())


def test_what_a_command_wrote_and_what_was_removed_is_seen(hold: Hold) -> None:
    workspace = hold.workspace
    workspace.write("new.py", b"BAD\n")
    workspace.run(Command(("true",)))
    assert len(workspace.diagnose("new.py").delta.introduced) == 1
    workspace.delete("new.py")
    assert not workspace.diagnose("new.py").delta.introduced


def test_all_that_is_found_in_a_file_is_told_whoever_wrote_it(hold: Hold) -> None:
    workspace = hold.workspace
    assert workspace.inspect("age.py").found == ()
    workspace.write("age.py", b"# BAD\n" + workspace.read("age.py"))
    seen = workspace.inspect("age.py", 20.0)
    assert [str(said) for said in seen.found] == ["age.py:1: error [7]: this is bad"]
    assert (seen.asked, seen.failures) == (("well",), ())
    assert workspace.inspect("tests/test_age.py").asked == ("well",)
    assert workspace.inspect("data.unknown").asked == ()


@pytest.mark.parametrize("path", ["age.py", "notes.txt"])
def test_what_no_server_can_tell_is_refused(hold: Hold, path: str) -> None:
    workspace = hold.workspace
    for ask in (
        lambda: workspace.definition(path, AT),
        lambda: workspace.references(path, AT),
        lambda: workspace.symbols(path),
        lambda: workspace.hover(path, AT),
        lambda: workspace.rename(path, AT, "other"),
        lambda: workspace.callers(path, AT),
        lambda: workspace.completions(path, Span(AT, AT)),
        lambda: workspace.callees(path, AT),
    ):
        with pytest.raises(ServerRefused):
            ask()
    assert workspace.fixes(path, Span(AT, AT)) == ()


def test_names_are_followed_in_the_shadow_as_it_is_by_a_real_server(tmp_path: Path) -> None:
    servers = [each for each in find_servers(ServerPlaces(tmp_path, f"{sys.prefix}/bin")) if each.server.name == "ty"]
    if not servers:
        pytest.skip("there is no ty here")
    with opened("copy", tmp_path, servers=servers) as held:
        workspace = held.workspace
        workspace.write("use.py", b"from age import old_enough\n\n\ndef asks() -> bool:\n    return old_enough(1, 2)\n")
        use, defined = Position(5, 11), Position(1, 4)
        assert [place.path for place in workspace.definition("use.py", use)] == ["age.py"]
        assert "use.py" in {place.path for place in workspace.references("age.py", defined)}
        assert {edit.path for edit in workspace.rename("age.py", defined, "of_age")} >= {"age.py", "use.py"}
        assert "asks" in [call.symbol.name for call in workspace.callers("age.py", defined)]
        assert [call.symbol.name for call in workspace.callees("use.py", Position(4, 4))] == ["old_enough"]
        assert "old_enough" in workspace.hover("use.py", use)
        assert [symbol.name for symbol in workspace.symbols("use.py")] == ["asks"]
        name = Span(Position(1, 16), Position(1, 26))
        assert {"old_enough"} <= set(workspace.completions("use.py", name))
        assert workspace.hover("use.py", use)
        workspace.write("age.py", b"")
        (said,) = workspace.diagnose("use.py").delta.introduced
        assert "old_enough" in said.message


def test_it_leaves_the_tree_for_nobody(hold: Hold) -> None:
    with pytest.raises(PermissionError):
        hold.workspace.diagnose("../outside.py")
    assert hold.workspace.diagnose("age.py").asked == ("well",)


def test_nothing_is_asked_without_budget(hold: Hold) -> None:
    hold.owner.expire()
    with pytest.raises(OutOfBudget):
        hold.workspace.diagnose("age.py")
