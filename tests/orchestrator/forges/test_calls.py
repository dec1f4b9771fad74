"""Calls of an API: what is down, slow, rate-limiting or nonsense is asked again, what says no is told with what to do."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.forges.calls import Caller
from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable
from tests.orchestrator.forges.desk import Desk, desk
from tests.orchestrator.forges.fake import TOKEN


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


def caller(at: Desk, tries: int = 1, token: str = TOKEN) -> Caller:
    headers = {"Authorization": f"Bearer {token}"}
    return Caller("hub", f"{at.fake.url}/api", headers, token=token, tries=tries, pause=at.paused.append, timeout_s=5.0)


def test_an_answer_is_read_and_a_wrong_token_is_told_without_it(at: Desk) -> None:
    with caller(at) as asking:
        assert asking.ask("GET", "/user").data.text("login") == "nightcrew-bot"
    with caller(at, token="wrong-one") as asking, pytest.raises(ForgeRefused, match="put a new one") as raised:
        asking.ask("GET", "/user")
    assert "wrong-one" not in str(raised.value)


def test_a_forge_that_repeats_the_token_gets_it_into_no_message(at: Desk) -> None:
    at.fake.fail("GET", 403, body=f'{{"message": "{TOKEN} may not"}}'.encode())
    with caller(at) as asking, pytest.raises(ForgeRefused) as raised:
        asking.ask("GET", "/user")
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
def test_what_passes_is_asked_again_by_who_waits(at: Desk, status: int) -> None:
    at.fake.fail("GET", status, times=2)
    with caller(at, tries=3) as asking:
        assert asking.ask("GET", "/user").status == 200
    assert at.paused == [2.0, 4.0]


def test_limits_of_how_often_are_kept(at: Desk) -> None:
    reset = str(int(time.time()) + 90)
    for headers, least, most in (
        ({"Retry-After": "17"}, 17, 17),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0, 0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}, 80, 90),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "nonsense"}, 60, 60),
    ):
        at.fake.fail("GET", 429, headers=headers)
        with caller(at) as asking, pytest.raises(ForgeUnavailable) as raised:
            asking.ask("GET", "/user")
        assert least <= raised.value.after_s <= most, headers
    # GitHub says 403 for its second kind of limit.
    at.fake.fail("GET", 403, headers={"Retry-After": "30"})
    with caller(at) as asking, pytest.raises(ForgeUnavailable):
        asking.ask("GET", "/user")


@pytest.mark.parametrize("body", [b"<html>welcome</html>", b"\xff\xfe", b'{"login": '])
def test_nonsense_is_no_answer(at: Desk, body: bytes) -> None:
    at.fake.fail("GET", 200, body=body)
    with caller(at) as asking, pytest.raises(ForgeUnavailable):
        asking.ask("GET", "/user")


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        address = f"{at.fake.url}/api"
    with Caller("hub", address, {}) as asking, pytest.raises(ForgeUnavailable, match="cannot be reached"):
        asking.ask("GET", "/user")


def test_who_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Caller("hub", address, {}, timeout_s=0.2) as asking, pytest.raises(ForgeUnavailable):
            asking.ask("GET", "/user")


def test_an_endless_answer_is_cut_off(at: Desk) -> None:
    at.fake.fail("GET", 200, body=b"[" + b"1," * (9 << 20))
    with caller(at) as asking, pytest.raises(ForgeUnavailable, match="16 MB"):
        asking.ask("GET", "/user")
