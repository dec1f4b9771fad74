"""The repair agent's notes: what is written is read again, and what another version wrote is ignored with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import MemoryWorkspace, Proposal, RepairAgent, Step, Task
from agents.repair.diagnosis import Diagnosis
from agents.repair.hints import QUICK_FIX, Hints, Offer
from agents.repair.notes import Batch, Diagnosed, Hinted, Note, Original, Rejected, Unread, keep, read
from agents.repair.past import recall
from agents.repair.search import Settings
from agents.repair.source import Splice
from tests.agents.repair.folder import opened
from verifier import ForkServers

DIAGNOSIS = Diagnosis(("t::a",), ("E  boom",), ("t::b", "t::c"), True, (("m.py", 3, 0.7071), ("n.py", 1, 1.0)), 0.5, 1)
HINTS = Hints((("m.py", 3, 1.3),), (Offer("m.py", 3, QUICK_FIX, 0.9, (Splice(4, 7, "é"),)),), ("ty: it was slow",))
NOTES: tuple[Note, ...] = (
    Diagnosed(DIAGNOSIS),
    Batch(48, (3, 17)),
    Rejected(3),
    Original("a\udcff.py", b"x\xff\0"),
    Hinted(HINTS),
)

OFFER = {"path": "m.py", "line": 3, "kind": QUICK_FIX, "closeness": 1.0}

counts = st.integers(0, 1 << 40)
texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def stored(note: Note, number: int = 1) -> Step:
    """Return a note as it comes back from a store: through JSON."""
    return Step(number, f"note:{note.kind}", json.loads(json.dumps(note.data())))


def broken(note: Note, **other: object) -> Step:
    """Return a note with some fields otherwise; those that are `...` are not there."""
    fields = {**stored(note).data, **other}
    return Step(7, f"note:{note.kind}", {name: value for name, value in fields.items() if value is not ...})


@pytest.mark.parametrize("note", NOTES, ids=lambda note: note.kind)
def test_what_is_kept_is_read_again(note: Note) -> None:
    workspace = MemoryWorkspace({})
    keep(workspace, note, progress="so far")
    assert read(workspace.journal()[0]) == read(stored(note)) == note
    assert workspace.progress == ["so far"]


@given(st.builds(Batch, counts, st.lists(counts).map(tuple)) | st.builds(Original, texts, st.binary(max_size=40)))
def test_any_note_survives_the_store(note: Note) -> None:
    assert read(stored(note)) == note


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (broken(NOTES[0], guards=...), "field `guards` is missing"),
        (broken(NOTES[0], scores=[["m.py", "3", 0.5]]), "field `scores` is no list of path, line and score"),
        (broken(NOTES[0], whole="yes"), "field `whole` is no flag: 'yes'"),
        (broken(NOTES[0], failing="t::a"), "field `failing` is no list: 't::a'"),
        (broken(NOTES[1], done=-1), "field `done` is no count: -1"),
        (broken(NOTES[1], plausible=[1, None]), "field `plausible` is no list of counts"),
        (broken(NOTES[2], index=True), "field `index` is no count: True"),
        (broken(NOTES[3], content="???"), "field `content` is no base64"),
        (broken(NOTES[3], path=None), "field `path` is no text: None"),
        (broken(NOTES[4], offers=[3]), "field `offers` is no list of records"),
        (broken(NOTES[4], offers=[OFFER]), "field `splices` is missing"),
        (broken(NOTES[4], offers=[{**OFFER, "splices": [{"start": -1}]}]), "field `start` is no count: -1"),
    ],
)
def test_a_note_of_another_version_is_ignored_with_a_reason(step: Step, why: str) -> None:
    note = read(step)
    assert isinstance(note, Unread)
    assert note.why.startswith(f"step 7 holds no {note.kind} of this version: {why}")
    assert recall([step]).unread == [note.why]


@given(st.sampled_from([note.kind for note in NOTES]), st.dictionaries(texts, json_values, max_size=4))
def test_no_journal_makes_it_crash(kind: str, data: Mapping[str, object]) -> None:
    recall([Step(1, f"note:{kind}", data), Step(2, "write", data), Step(3, "note:other", data)])


def test_a_field_that_a_newer_version_added_does_no_harm() -> None:
    assert read(broken(NOTES[1], why="new")) == NOTES[1]


def test_progress_counts_from_the_diagnosis_before_it() -> None:
    steps = [stored(note) for note in NOTES]
    past = recall(steps)
    assert (past.diagnosis, past.done, past.plausible, past.rejected) == (DIAGNOSIS, 48, [3, 17], [3])
    assert past.originals == {"a\udcff.py": b"x\xff\0"}
    assert past.hints == HINTS
    again = recall([*steps, stored(NOTES[0])])
    assert (again.diagnosis, again.done, again.plausible, again.rejected) == (DIAGNOSIS, 0, [], [])
    assert (again.originals, again.hints) == (past.originals, None)


@pytest.mark.parametrize(
    "step", [broken(NOTES[0], guards=...), broken(NOTES[1], done=...), broken(NOTES[4], raised=...)]
)
def test_what_follows_an_unreadable_place_is_searched_again(step: Step) -> None:
    past = recall([stored(NOTES[0]), stored(NOTES[1]), step, stored(Batch(96, (60,))), stored(Rejected(60))])
    assert (past.diagnosis, past.done, past.plausible, past.rejected) == (None, 0, [], [])
    assert len(past.unread) == 1


def test_an_attempt_whose_journal_is_of_another_version_begins_anew(tmp_path: Path) -> None:
    files = {
        "m.py": "def f(x):\n    return x.uper()\n",
        "test_m.py": "from m import f\n\ndef test_f(): assert f('a') == 'A'\n",
    }
    journal = [broken(NOTES[0], whole=...), stored(NOTES[1])]
    with opened(tmp_path, files, journal=journal) as (workspace, suite):
        settings = Settings(further_at_least=0, further=0.0)
        result = RepairAgent(ForkServers(), settings).work(Task("", suite), workspace)
        unread = [step.data["why"] for step in workspace.journal() if step.kind == "note:unread"]
    assert isinstance(result, Proposal), result
    assert unread == [["step 7 holds no diagnosis of this version: field `whole` is missing"]]
