"""The page of the model pools: who sees it, what it shows, and that nothing a pool tells is more than text."""

from __future__ import annotations

import json
import time
from contextlib import AbstractContextManager
from pathlib import Path

from agents import Endpoint
from agents.models import Key
from orchestrator.pool import ModelStatus, PoolStatus, ReplicaStatus, Report
from orchestrator.pool.ledger import Taken
from orchestrator.pool.status import Allowed
from orchestrator.web.people import Role
from tests.orchestrator.crews import Open, order
from tests.orchestrator.pool.standins import free_port
from tests.orchestrator.pool.test_report import answering
from tests.orchestrator.web.conftest import Serve
from tests.orchestrator.web.test_pages import EVIL, PRODUCT

AT = "http://pool.example:8400/v1"


def replica(name: str, state: str = "up", why: str = "", cache: tuple[int, int] | None = None) -> ReplicaStatus:
    return ReplicaStatus(name, state, 1, 2, time.time() - 90.0, 0, 3, 4, why, cache=cache)


def report(alias: str = "") -> Report:
    replicas = (
        replica("coder-1", cache=(2_000, 1_900)),
        replica("coder-2", "waiting", f"the engine ended with status 1\n{EVIL}"),
    )
    models = (
        ModelStatus("coder", ("plan", "edit"), "vllm", 7, 1, replicas),
        ModelStatus("small", (), "llama", 0, 0, ()),
    )
    allowed = Allowed(10_000, {"ann": 50_000})
    status = PoolStatus(1, AT, time.time(), "x", False, f"not so: {EVIL}", models, allowed)
    tickets = (Taken("ann", alias, 8, 4_000, 1_000, 3_600), Taken(EVIL, EVIL, 1, 0, 5, 0))
    return Report(True, status, (), tickets, (Taken("ann", "", 9, 5_000, 2_000, 3_600), Taken("bob", "", 1, 1, 1, 0)))


def answered(made: Report) -> AbstractContextManager[str]:
    """Have a pool that tells this; give its address."""
    return answering(200, json.dumps(made.document).encode())


def test_replicas_hits_and_tokens_against_their_limits_are_shown_and_linked(
    serve: Serve, crew: Open, repository: Path
) -> None:
    made = crew()
    ticket = made.file(order(repository))
    with answered(report(ticket.alias)) as address:
        served = serve(made, pools=lambda: (Endpoint("own", address, "coder", Key("k-secret"), pool=True),))
        browser = served.browser()
        assert 'href="/pool"' in browser.get("/").text
        page = browser.get("/pool").text
    assert "95% of 2,000" in page and "not told" in page and "requests that wait: 7" in page
    assert f'href="/tickets/{ticket.id}"' in page and "50% of 10,000" in page and "14% of 50,000" in page
    assert "the engine ended with status 1" in page and "No replica: the first request starts one" in page
    assert "<script>alert" not in page and PRODUCT not in page and "\x1b" not in page and "\u202e" not in page
    assert "k-secret" not in page


def test_those_who_do_not_administer_see_neither_page_nor_link(serve: Serve, crew: Open) -> None:
    served = serve(crew(), pools=lambda: (Endpoint("own", AT, "coder", pool=True),))
    reviewer = served.as_("rita", Role.REVIEW)
    assert reviewer.get("/pool").status_code == 403
    assert 'href="/pool"' not in reviewer.get("/").text


def test_without_a_pool_there_is_no_page_and_one_that_is_down_is_named(serve: Serve, crew: Open) -> None:
    made = crew()
    assert serve(made).browser().get("/pool").status_code == 404
    down = f"http://127.0.0.1:{free_port()}/v1"
    served = serve(made, pools=lambda: (Endpoint("own", down, "coder", pool=True),))
    assert f"the pool at {down} cannot be reached" in served.browser().get("/pool").text
