"""What is shown of proposals in a document, and what is offered where somebody stands."""

from __future__ import annotations

from orchestrator.lsp.client import APPLY_ALL, APPLY_HUNK, FILE, FIX, REJECT, SHOW_DIFF
from orchestrator.lsp.showing import lenses, notes, offers, placed
from orchestrator.lsp.wording import Report
from tests.orchestrator import project
from tests.orchestrator.lsp.changed import PATH, URI, buffer, proposal

TWICE = project.FIXED.replace("return result", "return int(result)")


def test_a_hunk_has_its_lenses_above_the_first_line_it_touches() -> None:
    found = proposal(project.BUGGY, project.FIXED)
    shown = list(lenses(placed(buffer(f"\n{project.BUGGY}"), PATH, [found])))
    assert [(each.line, each.act.command) for each in shown] == [(4, APPLY_HUNK), (4, REJECT), (4, SHOW_DIFF)]
    assert shown[0].act.title == "nightcrew: Count all numbers (verified) - apply hunk"
    assert shown[0].act.arguments == (found.ticket, found.hunks[0].hunk.id)
    several = list(lenses(placed(buffer(project.BUGGY), PATH, [proposal(project.BUGGY, TWICE)])))
    assert [each.line for each in several] == [3] * 4 + [5] * 4
    assert several[1].act.command == APPLY_ALL and several[1].act.title == "apply all 2"


def test_what_has_no_place_is_not_shown() -> None:
    found = proposal(project.BUGGY, project.FIXED)
    assert placed(buffer(project.FIXED), PATH, [found]) == ()
    assert placed(buffer(project.BUGGY), "other.py", [found]) == ()


def test_a_note_covers_the_lines_and_carries_what_is_risky() -> None:
    (quiet,) = notes(placed(buffer(project.BUGGY), PATH, [proposal(project.BUGGY, project.FIXED)]))
    assert (quiet.span.start.line, quiet.span.end.line, quiet.grave) == (3, 3, False)
    assert "ticket 261122-abc" in quiet.text
    marked = proposal(project.BUGGY, project.FIXED, "`total` is called otherwise than before")
    (grave,) = notes(placed(buffer(project.BUGGY), PATH, [marked]))
    assert grave.grave and grave.related == ("signature: `total` is called otherwise than before",)
    added = proposal(project.BUGGY, project.BUGGY.replace("    return", "    log()\n    return"))
    (note,) = notes(placed(buffer(project.BUGGY), PATH, [added]))
    assert note.span.start.line == 4, "where lines are only added it is the one before"


def test_diagnostics_and_selections_are_offered_as_tickets_and_hunks_where_one_stands() -> None:
    hunks = placed(buffer(project.BUGGY), PATH, [proposal(project.BUGGY, project.FIXED)])
    report = Report("undefined name 'x'\nand more", "pyflakes", "F821", 3)
    found = list(offers(URI, 3, 3, True, [report], hunks))
    assert [each.act.command for each in found] == [APPLY_HUNK, REJECT, SHOW_DIFF, FILE, FIX]
    assert found[1].act.title == "nightcrew: reject (Count all numbers)"
    assert found[-1].act.title == "Fix this now: undefined name 'x'" and found[-1].diagnostic == 0
    (given,) = found[-1].act.arguments
    assert isinstance(given, dict) and given["first"] == 3 and given["diagnostics"][0]["code"] == "F821"
    selected = list(offers(URI, 1, 500, True, [], ()))
    assert [each.act.command for each in selected] == [FILE, FIX]
    assert selected[0].act.arguments == ({"uri": URI, "first": 1, "last": 40},)
    assert list(offers(URI, 1, 1, False, [], hunks)) == []
