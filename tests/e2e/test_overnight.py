"""A night as a person has it: several workers in one server, schedules that hold, and a digest in the morning that a screen reader reads."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.axe import violations
from tests.e2e.command import NIGHTCREW, clean_environment, nightcrew
from tests.e2e.project import FAILING, TICKET, activated, make_project
from tests.e2e.serving import chromium, entered, serving, shot
from tests.e2e.test_pages import no_sideways
from tests.roomy import ROOM

ENDS_S = 240.0
SLOW = "command:sh -c 'echo begun; sleep 600'"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def configured(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose machine lets one job of each repository be at work at once."""
    folder = tmp_path / "config/nightcrew"
    folder.mkdir(parents=True)
    past = time.gmtime(time.time() - 600)
    digest = f"{past.tm_hour:02}:{past.tm_min:02}"
    (folder / "config.toml").write_text(f'[[schedule]]\nparallel = 1\nzone = "UTC"\ndigest = "{digest}"\n' + ROOM)
    return {"XDG_CONFIG_HOME": str(tmp_path / "config"), **activated()}


def filed(repository: Path, state: Path, environ: dict[str, str], *words: str) -> str:
    answer = nightcrew("file", TICKET, "--repo", repository, "--failing", FAILING, *words, state=state, environ=environ)
    assert answer.document.get("status") == "queued", answer
    return str(answer.document["ticket"])


def test_work_takes_several_jobs_at_once_and_the_most_wanted_first(tmp_path: Path, state: Path) -> None:
    repositories = [make_project(tmp_path / name) for name in ("one", "two")]
    environ = activated()
    low, other = (filed(each, state, environ) for each in repositories)
    high = filed(repositories[0], state, environ, "--priority", "5")
    first = nightcrew("work", "--limit", "1", state=state, environ=environ)
    assert [job["ticket"] for job in first.document["jobs"]] == [high]
    rest = nightcrew("work", "--workers", "2", state=state, environ=environ)
    assert (rest.status, {job["ticket"] for job in rest.document["jobs"]}) == (0, {low, other}), rest
    assert {job["status"] for job in rest.document["jobs"]} == {"verified"}
    assert rest.document["waiting"] == 0


def test_ctrl_c_ends_all_jobs_in_hand_with_their_work_kept(tmp_path: Path, state: Path) -> None:
    environ = activated()
    tickets = {filed(make_project(tmp_path / name), state, environ, "--agent", SLOW) for name in ("one", "two")}
    words: list[str | Path] = [NIGHTCREW, "work", "--workers", "2", "--json", "--state", state]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, env=clean_environment(environ), **pipes) as process:  # type: ignore[call-overload]
        begun: set[str] = set()
        while begun != tickets:
            ticket, kind, *_ = process.stderr.readline().split()
            begun |= {ticket} if kind == "attempt" else set()
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=ENDS_S)
    assert (process.returncode, "Traceback" in errors) == (0, False), errors
    jobs = json.loads(out)["jobs"]
    assert {job["ticket"] for job in jobs} == tickets
    assert {job["status"] for job in jobs} <= {"paused", "stopped"}
    assert all(job["next"] == f"nightcrew resume {job['ticket']}" for job in jobs)


def test_a_server_with_workers_works_on_two_repositories_at_once_and_on_one_job_of_each(
    tmp_path: Path, state: Path, configured: dict[str, str]
) -> None:
    repositories = [make_project(tmp_path / name) for name in ("one", "two")]
    tickets = [filed(each, state, configured, "--agent", SLOW) for each in (*repositories, *repositories)]
    with serving(state, "--workers", "4", environ=configured) as server:
        deadline = time.monotonic() + ENDS_S
        while time.monotonic() < deadline:
            listed = nightcrew("list", state=state, environ=configured).document["tickets"]
            stands = {each["ticket"]: each["status"] for each in listed}
            if list(stands.values()).count("working") == 2:
                break
        assert [stands[ticket] for ticket in tickets] == ["working", "working", "queued", "queued"]
        assert server.end() == 0
    listed = nightcrew("list", state=state, environ=configured).document["tickets"]
    assert {each["status"] for each in listed} == {"queued"}


def test_the_digest_is_read_on_its_page_without_sight_on_a_phone_and_in_the_file_that_was_written(
    browser: Browser, tmp_path: Path, state: Path, configured: dict[str, str]
) -> None:
    repository = make_project(tmp_path / "repository")
    words = ("fix", TICKET, "--repo", repository, "--failing", FAILING)
    verified = nightcrew(*words, state=state, environ=configured).document["ticket"]
    filed(repository, state, configured, "--at", "+8h", "--by", "+1d")
    nightcrew("fix", "nothing", "--repo", repository, "--agent", "command:true", state=state, environ=configured)
    with serving(state, "--no-work", environ=configured) as server, entered(browser, server) as page:
        page.get_by_role("link", name="Digest").click()
        expect(page.get_by_role("heading", name="Ready for review")).to_be_visible()
        expect(page.locator("section[aria-labelledby=ready]")).to_contain_text(verified)
        expect(page.locator("section[aria-labelledby=queued]")).to_contain_text("its time has not come")
        assert violations(page) == []
        shot(page, "digest")
        page.set_viewport_size({"width": 360, "height": 740})
        no_sideways(page)
        page.emulate_media(color_scheme="dark")
        assert violations(page) == []
        page.get_by_role("link", name="A week").click()
        (written,) = (state / "digests").glob("*.md")
        expect(page.locator("main")).to_contain_text(str(written))
        assert "## Ready for review" in written.read_text("utf-8")
        page.get_by_role("link", name="nightcrew", exact=True).click()
        expect(page.locator("#board")).to_contain_text(str(written))
        assert violations(page) == []
