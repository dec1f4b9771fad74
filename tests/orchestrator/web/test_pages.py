"""Pages and forms without a browser: what they show, and that nothing of a ticket is ever more than text."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

from agents import Write
from tests.orchestrator import project
from tests.orchestrator.crews import FIX, Open, order
from tests.orchestrator.reviewing.test_desk import NOTES
from tests.orchestrator.web.conftest import Serve, Served

SUM = "123457*765431"
PRODUCT = str(123457 * 765431)
"""What a template would make of it. A commit's id does not have so many digits in this order by chance."""
EVIL = (
    "<script>alert(1)</script><img src=x onerror=alert(1)> \" ' javascript:alert(1) {{ "
    + SUM
    + " }} \u202etxt.exe\x1b[31m"
)
SHOWN = f"""
    def test_what_shows_itself_so(self):
        class Evil(list):
            def __repr__(self):
                return {EVIL!r}

        assert total(Evil([0, 3])) == 3
"""
"""A test that calls what is repaired with something that has such a text."""
FORM = re.compile(r'name="form" value="([^"]+)"')


def form_of(page: str) -> str:
    found = FORM.search(page)
    assert found is not None
    return found[1]


def test_hostile_text_names_and_lines_are_text_on_every_page(serve: Serve, crew: Open, repository: Path) -> None:
    name = 'a"><script>alert(2)</script>.py'
    made = crew([FIX, Write(name, f"x = '{EVIL}'\n".encode())])
    served = serve(made)
    ticket = made.fix(order(repository, text=EVIL)).ticket.id
    browser = served.browser()
    browser.post(
        f"/tickets/{ticket}/remarks",
        data={
            "form": form_of(browser.get("/").text),
            "tree": made.show(ticket).attempts[0].tree or "",
            "text": EVIL,
            "path": name,
            "line": "1",
        },
    )
    for path in (
        "/",
        f"/tickets/{ticket}",
        f"/tickets/{ticket}/review",
        f"/tickets/{ticket}/review?view=split",
        f"/?words={quote(EVIL)}",
    ):
        page = browser.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text and "<img" not in page.text.replace(
            '<img src="/static/icon.svg"', ""
        ), path
        assert PRODUCT not in page.text
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", page.text), path


def test_what_tested_code_says_of_its_values_is_text(serve: Serve, crew: Open, repository: Path) -> None:
    (repository / "tests/test_sums.py").write_text(project.SUITE + SHOWN)
    project.git(repository, "commit", "--quiet", "--all", "--message=shown")
    made = crew([FIX])
    ticket = made.fix(order(repository)).ticket.id
    page = serve(made).browser().get(f"/tickets/{ticket}/review").text
    assert "total(numbers=&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page and "<img src=x" not in page and PRODUCT not in page
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", page)


def test_a_change_is_reviewed_by_forms_alone(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([FIX, NOTES], [])
    served = serve(made)
    report = made.fix(order(repository))
    ticket, tree = report.ticket.id, report.attempts[0].tree or ""
    browser = served.browser()
    page = browser.get(f"/tickets/{ticket}/review").text
    form = form_of(page)
    assert page.index("sums.py") < page.index("notes.txt")
    read = {"form": form, "tree": tree, "path": "notes.txt", "done": "true"}
    assert "<span data-left>1</span>" in browser.post(f"/tickets/{ticket}/read", data=read).text
    kept = re.findall(r'name="hunk" value="([0-9a-f]+)"', page)
    answer = browser.post(f"/tickets/{ticket}/part", data={"form": form, "tree": tree, "hunk": kept[:1]})
    assert "a part was chosen by owner" in answer.text
    made.work_next()
    page = browser.get(f"/tickets/{ticket}/review").text
    now = made.show(ticket).verdict
    assert now is not None and now.tree in page and "notes.txt" not in page.split("Decide")[0]
    stale = browser.post(f"/tickets/{ticket}/apply", data={"form": form, "tree": tree})
    assert (stale.status_code, "another version" in stale.text) == (409, True)
    done = browser.post(f"/tickets/{ticket}/apply", data={"form": form, "tree": now.tree})
    assert "accepted" in done.text
    assert (repository / "sums.py").read_text() == project.FIXED
    assert not (repository / "notes.txt").exists()


def test_remarks_are_kept_dropped_and_sent(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([FIX], [NOTES])
    served = serve(made)
    report = made.fix(order(repository))
    ticket, tree = report.ticket.id, report.attempts[0].tree or ""
    browser = served.browser()
    form = form_of(browser.get("/").text)
    for text in ("first", "second"):
        browser.post(
            f"/tickets/{ticket}/remarks",
            data={"form": form, "tree": tree, "text": text, "path": "sums.py", "line": "3"},
        )
    first = made.reviews.said(ticket)[0].id
    browser.post(f"/tickets/{ticket}/remarks/{first}/drop", data={"form": form})
    sent = browser.post(f"/tickets/{ticket}/comment", data={"form": form, "tree": tree, "agent": "command:true"})
    assert "sent back to work by owner" in sent.text
    assert [(each.remark.text, each.sent) for each in made.reviews.said(ticket)] == [("second", True)]
    made.work_next()
    page = browser.get(f"/tickets/{ticket}/review?attempt=2&since=1").text
    assert "Only what changed since attempt 1" in page and "notes.txt" in page


def test_a_moved_branch_is_told_on_the_page(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([FIX])
    served = serve(made)
    ticket = made.fix(order(repository)).ticket.id
    browser = served.browser()
    assert "moved on since" not in browser.get(f"/tickets/{ticket}/review").text
    (repository / "other.txt").write_text("other")
    project.git(repository, "add", ".")
    project.git(repository, "commit", "--quiet", "--message=more")
    assert "the change merges into it" in browser.get(f"/tickets/{ticket}/review").text
    (repository / "sums.py").write_text(project.BUGGY.replace("numbers[1:]", "numbers[2:]"))
    project.git(repository, "commit", "--quiet", "--all", "--message=clash")
    before = project.digest(repository)
    page = browser.get(f"/tickets/{ticket}/review").text
    assert "it would conflict in" in page and "<code>sums.py</code>" in page
    assert project.digest(repository) == before


def test_what_is_not_there_is_a_page_that_says_so(served: Served) -> None:
    browser = served.browser()
    for path in ("/tickets/nope", "/tickets/nope/review", "/nowhere"):
        answer = browser.get(path)
        assert (answer.status_code, "Back to the tickets" in answer.text) == (404, True), path
    assert browser.get("/tickets/x/review?view=sideways").status_code == 422


def test_a_file_is_shown_whole_and_only_of_the_change(serve: Serve, crew: Open, repository: Path) -> None:
    made = crew([FIX])
    ticket = made.fix(order(repository)).ticket.id
    browser = serve(made).browser()
    assert 'id="L5"' in browser.get(f"/tickets/{ticket}/file?path=sums.py").text
    assert browser.get(f"/tickets/{ticket}/file?path=../../etc/passwd").status_code == 404
    assert browser.get(f"/tickets/{ticket}/file?path=conftest.py").status_code == 404
