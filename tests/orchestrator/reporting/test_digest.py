"""The digest: in the order in which it matters, whatever tickets say, and over a real crew's store."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agents import NoFix
from orchestrator.cli.entry import run
from orchestrator.dispatch.gate import Gate
from orchestrator.records import Cost, Status
from orchestrator.reporting.board import Row
from orchestrator.reporting.digest import Digest, Proof, compose
from orchestrator.reporting.digestmarkdown import begins_words, cost_words, digest_markdown, summary
from orchestrator.reporting.documents import digest_document
from orchestrator.reporting.gathering import Gatherer
from orchestrator.schedule import Opening, Schedule, read_hours
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order
from tests.orchestrator.test_cli import ask

APP, WEB = Path("/src/app"), Path("/src/web")
EVIL = "a](http://evil) <img src=x onerror=alert(1)> @someone `code` | x \x1b[31m \u202egnp.exe"


def row(id: str, status: Status, **given: object) -> Row:
    made = Row(
        ticket=f"261122-{id}",
        text=f"ticket {id}",
        repository=APP,
        status=status,
        why="",
        next=f"next of {id}",
        agent="repair",
        user="me",
        filed_at=10.0,
        updated_at=100.0,
    )
    return replace(made, **given)  # type: ignore[arg-type]


def digest_of(
    *rows: Row, spent: dict[str, Cost] | None = None, since_at: float = 50.0, **given: dict[str, object]
) -> Digest:
    return compose(
        rows,
        spent or {},
        given.get("proofs", {}),  # type: ignore[arg-type]
        given.get("openings", {}),  # type: ignore[arg-type]
        since_at=since_at,
        made_at=200.0,
    )


def ids(rows: tuple[Row, ...]) -> str:
    return "".join(each.ticket[-1] for each in rows)


def test_what_is_ready_is_in_the_order_of_its_evidence() -> None:
    proofs = {
        "261122-a": Proof(marks=3, passed=5),
        "261122-b": Proof(marks=1, passed=4),
        "261122-c": Proof(marks=1, passed=6),
        "261122-d": Proof(marks=0, passed=6),
        "261122-e": Proof(marks=None, passed=9),
    }
    rows = [row(id, Status.VERIFIED) for id in "eacb"] + [row("d", Status.UNVERIFIED)]
    digest = digest_of(*rows, proofs=proofs)  # type: ignore[arg-type]
    assert ids(tuple(each.row for each in digest.ready)) == "cbaed"


def test_questions_come_before_what_is_at_its_budget_however_old_they_are() -> None:
    digest = digest_of(
        row("a", Status.PAUSED, why="paused: the budget is spent", updated_at=10.0),
        row("b", Status.PAUSED, question="which?", updated_at=20.0),
    )
    assert ids(digest.needs) == "ba"


def test_what_ended_is_grouped_by_why_and_what_is_older_is_left_out() -> None:
    why = "no candidate passes"
    digest = digest_of(
        row("a", Status.NO_FIX, why=why),
        row("b", Status.NO_FIX, why="nothing covers it"),
        row("c", Status.NO_FIX, why=f"{why}\nmore of it"),
        row("d", Status.NO_FIX, why=why, updated_at=49.0),
        row("e", Status.FAILED, why="its deadline passed"),
        row("f", Status.STOPPED),
        row("g", Status.ACCEPTED),
    )
    assert [(group.why, ids(group.rows)) for group in digest.no_fix] == [(why, "ac"), ("nothing covers it", "b")]
    assert {group.why for group in digest.failed} == {"its deadline passed", "nobody said why"}
    assert digest.decided == {Status.ACCEPTED: 1}
    assert summary(digest) == "3 without a fix, 2 failed or stopped, 1 accepted"


def test_cost_is_by_repository_and_agent_of_what_was_worked_on_since() -> None:
    spent = {"261122-a": Cost(5.0, 10, 1, 1.0), "261122-b": Cost(7.0, 0, 0, 0.5), "261122-c": Cost(100.0)}
    digest = digest_of(
        row("a", Status.VERIFIED),
        row("b", Status.NO_FIX),
        row("c", Status.NO_FIX, repository=WEB, agent="model"),
        row("d", Status.QUEUED),
        spent=spent,
    )
    assert [(share.repository, share.agent, share.tickets, share.cost) for share in digest.shares] == [
        (APP, "repair", 2, Cost(12.0, 10, 1, 1.5)),
        (WEB, "model", 1, Cost(100.0)),
    ]
    assert (digest.cost, digest.tried) == (Cost(112.0, 10, 1, 1.5), 3)
    assert cost_words(digest.cost) == "112 s, 11 tokens, $1.50"


def test_the_queued_are_in_the_order_in_which_they_may_begin() -> None:
    openings = {
        "261122-a": Opening(False, 900.0, "outside of its hours"),
        "261122-b": Opening(False, 300.0, "outside of its hours"),
        "261122-d": Opening(True),
    }
    rows = [
        row("a", Status.QUEUED, priority=9),
        row("b", Status.QUEUED),
        row("c", Status.QUEUED, priority=1),
        row("d", Status.QUEUED),
    ]
    digest = digest_of(*rows, openings=openings)  # type: ignore[arg-type]
    assert ids(tuple(each.row for each in digest.waiting)) == "cdba"
    assert begins_words(digest.waiting[0]) == "may begin now"
    assert re.fullmatch(r"from [\d-]+ [\d:]+ on: outside of its hours", begins_words(digest.waiting[2]))


def test_nothing_is_a_digest_too() -> None:
    digest = digest_of()
    assert digest.empty and summary(digest) == "nothing happened"
    assert digest_markdown(digest).startswith("# nightcrew: ")


def test_hostile_text_is_code_in_markdown_and_plain_on_a_terminal() -> None:
    evil = {"text": EVIL, "why": EVIL, "question": EVIL, "agent": EVIL, "next": EVIL, "repository": Path("/x") / EVIL}
    rows = [row(id, status, **evil) for id, status in zip("abcdef", Status, strict=False)]
    digest = digest_of(
        *rows,
        spent={each.ticket: Cost(1.0) for each in rows},
        proofs={each.ticket: Proof(title=EVIL) for each in rows},
    )
    text = digest_markdown(digest)
    assert not re.search("[\x1b\u202a-\u202e]", text)
    # What is left when code is taken out says nothing of theirs.
    bare = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)
    assert not re.search(r"evil|img|@|alert", bare), bare


def test_a_digest_is_gathered_of_a_crews_tickets(crew: Open, repository: Path) -> None:
    made = crew([FIX], [NoFix("nothing fits", "")])
    began = time.time()
    verified, no_fix = made.fix(order(repository)).ticket.id, made.fix(order(repository, failing=())).ticket.id
    queued = made.file(order(repository)).id
    night = Schedule(hours=(read_hours("00:00-00:01"),))
    gatherer = Gatherer(made, Gate((night,), lambda: 86_400.0 * 20_000 + 43_200), time.time)
    digest = gatherer.digest(began)
    assert [(each.row.ticket, each.proof.files) for each in digest.ready] == [(verified, 1)]
    proof = digest.ready[0].proof
    assert proof.title and proof.passed > 2 and proof.marks is not None
    assert [(group.why, [each.ticket for each in group.rows]) for group in digest.no_fix] == [
        ("nothing fits", [no_fix])
    ]
    assert [(each.row.ticket, each.opening) for each in digest.waiting] == [
        (queued, Opening(False, 86_400.0 * 20_001, "outside of its hours"))
    ]
    assert [(share.repository, share.tickets) for share in digest.shares] == [(repository, 2)]
    assert digest.cost == made.cost(since=began) and digest.tried == 2
    again = gatherer.digest(began)
    assert replace(again, made_at=digest.made_at) == digest
    # What was ready before is counted.
    later = gatherer.digest(time.time() + 1)
    assert (later.ready, later.no_fix, later.shares, later.older_ready) == ((), (), (), 1)
    assert gatherer.digest(began, Path("/elsewhere")).empty
    document = digest_document(digest)
    assert (document["ready"][0]["ticket"], document["queued"][0]["begins_at"]) == (verified, 86_400.0 * 20_001)


def test_a_digest_is_told_of_a_change_whose_depot_is_gone(crew: Open, repository: Path, tmp_path: Path) -> None:
    made = crew([FIX])
    made.fix(order(repository))
    (depot,) = (tmp_path / "state/depots").iterdir()
    depot.rename(tmp_path / "gone")
    (ready,) = Gatherer(made).digest(0.0).ready
    assert ready.proof == Proof()


def test_the_command_prints_text_markdown_or_one_document(
    capsys: pytest.CaptureFixture[str], crew: Open, repository: Path, tmp_path: Path
) -> None:
    ticket = crew([FIX]).fix(order(repository, text=EVIL)).ticket.id
    state = tmp_path / "state"
    status, document = ask(capsys, state, "digest", "--repo", repository)
    assert (status, [each["ticket"] for each in document["ready"]]) == (0, [ticket])
    assert document["ready"][0]["marks"] is not None
    assert run(["digest", "--state", str(state), "--since", "2h"]) == 0
    text = capsys.readouterr().out
    assert "1 ready for review" in text and ticket in text and project.branches(repository)[0] in text
    assert not re.search("[\x1b\u202a-\u202e]", text)
    assert run(["digest", "--state", str(state), "--markdown"]) == 0
    assert "## Ready for review" in capsys.readouterr().out
    for words, told in ((("--since", "yesterday"), "an age is a number"), (("--markdown",), "leave one of them out")):
        status, answer = ask(capsys, state, "digest", *words)
        assert (status, told in answer["error"]["message"]) == (2, True)
