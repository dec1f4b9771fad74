"""The report of a pool: told to who administers it, and read with care."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.pool import PoolError, Report, ask_report
from orchestrator.pool.keys import ANYBODY, Holder, new_key
from orchestrator.pool.report import PATH, told
from orchestrator.pool.status import Folder
from tests.orchestrator.pool.standins import Standing, free_port, fronting


def test_it_is_told_to_who_administers_and_to_nobody_else(two: list[Standing], tmp_path: Path) -> None:
    (chief, sha256), (other, sha256_of_other) = new_key(), new_key()
    holders = [Holder("chief", sha256, administers=True), Holder("other", sha256_of_other)]
    with fronting(tmp_path, two, holders) as front:
        front.front.report = lambda: told(Folder(tmp_path / "none"))
        assert ask_report(front.url, chief) == Report(up=False, pool=None)
        for key in (other, "wrong", ""):
            with pytest.raises(PoolError, match="administers = true"):
                ask_report(front.url, key)


def test_without_keys_this_machine_is_told(two: list[Standing], tmp_path: Path) -> None:
    with fronting(tmp_path, two, anybody=Holder(ANYBODY, administers=True)) as front:
        front.front.report = lambda: told(Folder(tmp_path / "none"))
        assert not ask_report(front.url).up


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """Have a server that answers everything so; give its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == f"/v1{PATH}"
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"{}"), (200, b"<html>"), (200, b'{"up": "perhaps"}'), (200, b"[" * 100_000), (302, b""), (500, b"{}")],
    ids=["unknown", "a page", "of another shape", "deep", "elsewhere", "failing"],
)
def test_what_answers_otherwise_is_said_to_be_no_pool(status: int, body: bytes) -> None:
    with answering(status, body) as address, pytest.raises(PoolError, match="does not answer as a pool"):
        ask_report(address)


@pytest.mark.parametrize("port", ["", "99999"], ids=["nobody's", "none"])
def test_an_address_where_nobody_answers_is_named(port: str) -> None:
    with pytest.raises(PoolError, match="cannot be reached"):
        ask_report(f"http://127.0.0.1:{port or free_port()}/v1")
