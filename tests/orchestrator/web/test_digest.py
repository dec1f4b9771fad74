"""The page of the digest, and the digest that a running server writes in the morning."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from agents import NoFix, Write
from orchestrator.dispatch.gate import Gate
from orchestrator.records import Status
from orchestrator.reporting.board import Row
from orchestrator.reporting.digest import Digest, Group
from orchestrator.reporting.digestmarkdown import digest_markdown
from orchestrator.reporting.gathering import Gatherer
from orchestrator.schedule import Schedule, read_clock
from orchestrator.web import digestpage
from orchestrator.web.morning import LATE_S, Morning
from orchestrator.web.people import Role
from tests.orchestrator.crews import FIX, Open, order
from tests.orchestrator.schedule.test_windows import BERLIN, at
from tests.orchestrator.web.conftest import Serve, Served
from tests.orchestrator.web.test_pages import EVIL, PRODUCT

SEVEN = Schedule(zone=BERLIN, digest_min=read_clock("07:00"))
ROW = Row("261122-a", "it breaks", Path("/r"), Status.NO_FIX, "nothing fits", "", "repair", "me", 0.0, 0.0)


def headings(page: str) -> list[int]:
    return [int(level) for level in re.findall(r"<h([1-6])[ >]", page.split("<dialog")[0])]


def test_the_page_has_what_is_ready_first_and_the_command_that_says_the_same(
    serve: Serve, crew: Open, repository: Path
) -> None:
    made = crew([FIX], [NoFix("nothing fits", "")])
    served = serve(made)
    verified, no_fix = made.fix(order(repository)).ticket.id, made.fix(order(repository, failing=())).ticket.id
    queued = made.file(order(repository, priority=7, not_before=time.time() + 900.0)).id
    browser = served.browser()
    assert 'href="/digest"' in browser.get("/").text
    page = browser.get("/digest").text
    places = [page.index(f"/tickets/{ticket}") for ticket in (verified, no_fix, queued)]
    assert places == sorted(places)
    assert f'href="/tickets/{verified}/review"' in page and "verified, " in page
    assert "nothing fits" in page and "its time has not come" in page and "priority 7" in page
    assert "nightcrew digest --since 24h" in page
    assert headings(page) == [1, 2, 2, 3, 2, 2]
    assert "from before wait" not in page


def test_what_was_ready_before_is_counted(crew: Open, repository: Path) -> None:
    made = crew([FIX])
    made.fix(order(repository))
    later = Gatherer(made).digest(time.time() + 1.0)
    assert "1 from before wait for review too" in digest_markdown(later)


def test_its_numbers_move_with_time_while_nobody_writes(
    serve: Serve, crew: Open, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = crew([FIX])
    ticket = made.fix(order(repository)).ticket.id
    browser, now = serve(made).browser(), time.time()
    monkeypatch.setattr(digestpage, "time", SimpleNamespace(time=lambda: now))
    assert f"/tickets/{ticket}/review" in browser.get("/digest").text
    monkeypatch.setattr(digestpage, "time", SimpleNamespace(time=lambda: now + 86_460.0))
    assert "1 from before wait for review too" in browser.get("/digest").text


def test_a_span_is_chosen(served: Served) -> None:
    browser = served.browser()
    page = browser.get("/digest?hours=168")
    assert 'href="/digest?hours=168" aria-current="page"' in page.text and "Nothing happened" in page.text
    for hours in ("0", "9000", "x"):
        assert browser.get(f"/digest?hours={hours}").status_code == 422


def test_hostile_text_is_text(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([FIX, Write("x.py", b"x = 1\n")], [NoFix(EVIL, EVIL)])
    served = serve(made)
    made.fix(order(repository, text=EVIL))
    made.fix(order(repository, text=EVIL, failing=()))
    made.file(order(repository, text=EVIL))
    page = served.browser().get("/digest").text
    assert "<script>alert" not in page and "<img src=x" not in page and PRODUCT not in page
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", page)


def test_nobody_sees_it_who_is_not_known(served: Served) -> None:
    assert served.client().get("/digest", headers={"accept": "text/html"}).status_code == 401
    assert served.as_("ann", Role.FILE).get("/digest").status_code == 200


def morning(folder: Path, now: list[float], *schedules: Schedule) -> tuple[Morning, list[float]]:
    """Return a morning whose clock is `now`, and what it asked a digest of."""
    asked: list[float] = []

    def digest(since_at: float) -> Digest:
        asked.append(since_at)
        return Digest(since_at, now[0], no_fix=(Group("nothing fits", (ROW,)),))

    return Morning(folder, digest, schedules or (SEVEN,), lambda: now[0]), asked


def test_a_digest_is_written_once_at_its_time_in_its_zone(tmp_path: Path) -> None:
    now = [at("2026-11-23 06:59")]
    made, asked = morning(tmp_path / "digests", now)
    assert made.look() is made.latest() is None
    # A machine that slept is late.
    now[0] = at("2026-11-23 07:20")
    path = made.look()
    assert path == made.latest() == tmp_path / "digests/2026-11-23.md"
    assert "nothing fits" in path.read_text("utf-8")
    assert asked == [at("2026-11-22 07:00")]
    assert made.look() is None
    now[0] = at("2026-11-24 07:00")
    assert made.look() == made.latest() == tmp_path / "digests/2026-11-24.md"


def test_the_mornings_after_clocks_change_are_at_the_hour_that_the_clock_shows(tmp_path: Path) -> None:
    for day in ("2026-03-29", "2026-10-25"):
        now = [at(f"{day} 06:59")]
        made, asked = morning(tmp_path / day, now)
        assert made.look() is None
        now[0] = at(f"{day} 07:00")
        assert made.look() == tmp_path / day / f"{day}.md"
        assert len(asked) == 1


def test_a_server_that_starts_again_writes_no_second_one_and_one_that_starts_late_writes_the_first(
    tmp_path: Path,
) -> None:
    now = [at("2026-11-23 09:00")]
    path = morning(tmp_path, now)[0].look()
    assert path is not None
    os.utime(path, (now[0], now[0]))
    again, asked = morning(tmp_path, now)
    assert (again.look(), asked) == (None, [])
    # Of two times on a day the later one stays.
    twice = (SEVEN, replace(SEVEN, digest_min=read_clock("10:00")))
    now[0] = at("2026-11-23 10:01")
    assert morning(tmp_path, now, *twice)[0].look() == path
    now[0] = at("2026-11-24 07:00") + LATE_S + 1
    assert morning(tmp_path, now)[0].look() is None


def test_when_nothing_happened_nothing_is_written(tmp_path: Path) -> None:
    made = Morning(tmp_path / "digests", lambda since: Digest(since, since), [SEVEN], lambda: at("2026-11-23 07:00"))
    assert made.look() is None
    assert not (tmp_path / "digests").exists()


def test_the_board_tells_where_it_lies(serve: Serve, crew: Open, repository: Path, tmp_path: Path) -> None:
    made = crew([FIX])
    made.fix(order(repository))
    written = threading.Event()
    gatherer = Gatherer(made, Gate())

    def digest(since_at: float) -> Digest:
        written.set()
        return gatherer.digest(since_at)

    past = time.gmtime(time.time() - 3_600.0)
    due = Schedule(digest_min=past.tm_hour * 60 + past.tm_min)
    writing = Morning(tmp_path / "digests", digest, [due])
    writing.start()
    assert written.wait(60)
    assert writing.end(60)
    path = writing.latest()
    assert path is not None
    browser = serve(made, morning=writing).browser()
    for page in ("/", "/digest"):
        assert str(path) in browser.get(page).text
