"""Metrics: what a scrape finds, by a key at the server and without one at a port of this machine."""

from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from orchestrator.errors import BadConfig, StoreAway
from orchestrator.telemetry.figures import Figures, stored
from orchestrator.telemetry.metrics import Metrics
from orchestrator.web.people import Role
from tests.orchestrator.crews import Open, order
from tests.orchestrator.web.conftest import Serve, serve  # noqa: F401


def away() -> Figures:
    raise StoreAway("its server is away")


def test_a_scrape_asks_the_store_and_names_its_jobs(crew: Open, repository: Path) -> None:
    opened = crew([])
    opened.file(order(repository))
    text = Metrics(lambda: stored(opened), lambda: 0.0, "1.2.3").text().decode()
    assert 'nightcrew_jobs{status="queued"} 1.0' in text and 'nightcrew_jobs{status="failed"} 0.0' in text
    assert "nightcrew_queue_depth 1.0" in text and "nightcrew_tickets_total 1.0" in text
    assert "nightcrew_build_info{python=" in text and 'version="1.2.3"' in text
    assert "nightcrew_store_up 1.0" in text


def test_many_who_scrape_cost_one_look_for_a_moment(crew: Open) -> None:
    opened, asked, now = crew([]), [0], [0.0]

    def ask() -> Figures:
        asked[0] += 1
        return stored(opened)

    metrics = Metrics(ask, lambda: now[0], "1")
    metrics.text(), metrics.text()
    assert asked == [1]
    now[0] = 6.0
    metrics.text()
    assert asked == [2]


def test_a_store_that_is_away_is_told_and_the_rest_stands() -> None:
    metrics = Metrics(away, lambda: 0.0, "1")
    metrics.sends(3)
    text = metrics.text().decode()
    assert "nightcrew_store_up 0.0" in text and "nightcrew_dispatcher_sends_total 3.0" in text
    assert "nightcrew_jobs" not in text


def test_a_port_answers_for_as_long_as_it_is_wanted() -> None:
    metrics = Metrics(away, lambda: 0.0, "1")
    with metrics.served("127.0.0.1", 0) as port:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
            assert b"nightcrew_store_up 0.0" in answer.read()
        with pytest.raises(BadConfig, match="--metrics-port"), metrics.served("127.0.0.1", port):
            pass


def test_the_server_tells_who_administers_and_counts_requests_by_route(serve: Serve, crew: Open) -> None:  # noqa: F811
    opened = crew([])
    metrics = Metrics(lambda: stored(opened), lambda: 0.0, "1")
    site = serve(opened, metrics=metrics)
    assert site.client().get("/metrics").status_code == 401
    assert site.as_("ann", Role.REVIEW).get("/metrics").status_code == 403
    root = site.as_("root", Role.ADMINISTER)
    root.get("/api/tickets/no-such-ticket")
    root.get("/no/such/page-with-a-secret")
    answer = root.get("/metrics")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert (
        'nightcrew_http_request_seconds_count{method="GET",route="/api/tickets/{ticket}",status="404"} 1.0'
        in answer.text
    )
    assert 'route="other",status="404"' in answer.text
    assert "secret" not in answer.text and "no-such-ticket" not in answer.text
