"""Orders become tickets, or are refused with what to do instead."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import OrderRefused
from orchestrator.intake import check_agent, filer, new_id, read_order, settle, slug_of
from orchestrator.plain import one_line
from orchestrator.records import AddedTest, Order
from orchestrator.settings import Settings
from verifier import Suite

SETTINGS = Settings(suite=Suite("pytest", python="/p"), python="/p", seconds=60.0)


def order(**given: Any) -> Order:
    return Order(**{"text": "it breaks", "repository": Path("/r"), **given})


@pytest.mark.parametrize(
    ("text", "slug"),
    [
        ("total() is off by one", "total-is-off-by-one"),
        ("  \n# Größe: naïve façade\nsecond line", "groe-naive-facade"),
        ("../../etc/passwd; rm -rf / `x` $(y)", "etc-passwd-rm-rf-x-y"),
        ("\x1b[31mred\x07 @{-1}..~^:?*[\\.lock", "31mred-1-lock"),
        ("日本語", "ticket"),
        ("x" * 100_000, "ticket"),
        ("a " * 500, "a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a-a"),
    ],
)
def test_a_slug_is_safe_in_refs_paths_and_shells_whatever_the_text(text: str, slug: str) -> None:
    assert slug_of(text) == slug
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug)
    assert len(slug) <= 40


def test_ids_are_short_sort_by_time_and_do_not_repeat() -> None:
    day = 1_795_300_000.0
    ids = [new_id(day + 10 * tick) for tick in range(500)]
    assert ids == sorted(ids)
    assert len({new_id(day) for _ in range(50)}) == 50
    assert all(re.fullmatch(r"\d{6}-[0-9a-hjkmnp-tv-z]{7}", id) for id in ids)


def test_a_ticket_of_a_megabyte_is_taken_quickly_and_whole() -> None:
    text = "x" * (1 << 20)
    began = time.process_time()
    assert read_order(order(text=text), 0.0).order.text == text
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": "  \n\x00"}, "empty"),
        ({"text": "x" * (9 << 20)}, "bytes"),
        ({"added": (AddedTest("/etc/x", b""),)}, "added test"),
        ({"added": (AddedTest("a/../../x", b""),)}, "added test"),
        ({"added": (AddedTest("a/.GIT/hooks/x", b""),)}, "added test"),
        ({"added": (AddedTest("", b""),)}, "added test"),
        ({"added": (AddedTest("a//b", b""),)}, "added test"),
        ({"added": (AddedTest("t.py", b"x" * (17 << 20)),)}, "bytes"),
    ],
)
def test_a_bad_order_is_refused_with_its_reason(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(OrderRefused, match=said):
        read_order(order(**wrong), 0.0)


def test_a_relative_repository_is_refused() -> None:
    with pytest.raises(OrderRefused, match="absolute"):
        read_order(Order("x", Path("r")), 0.0)


def test_what_an_order_says_goes_before_the_settings() -> None:
    settled = settle(order(test_command="python -m unittest", attempts=3, seconds=5.0, driver="copy"), SETTINGS)
    assert settled.suite == Suite("unittest", (), "/p")
    assert (settled.attempts, settled.seconds, settled.driver, settled.agent) == (3, 5.0, "copy", "repair")
    assert settle(order(), SETTINGS) == SETTINGS


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({}, Settings()),
        ({"attempts": 0}, SETTINGS),
        ({"attempts": 65}, SETTINGS),
        ({"seconds": 0.0}, SETTINGS),
        ({"seconds": float("nan")}, SETTINGS),
        ({"test_command": "pytest 'x"}, SETTINGS),
        ({"test_command": " "}, SETTINGS),
        ({"model": "large"}, SETTINGS),
    ],
)
def test_an_order_that_cannot_be_worked_on_is_refused(given: dict[str, object], settings: Settings) -> None:
    with pytest.raises(OrderRefused):
        settle(order(**given), settings)


@pytest.mark.parametrize("agent", ["", "fix", "command:", "command: ", "review:main", "repair:x", "acp:"])
def test_an_unknown_agent_is_refused(agent: str) -> None:
    with pytest.raises(OrderRefused):
        check_agent(agent)


def test_known_agents_are_taken() -> None:
    check_agent("repair")
    check_agent("acp:goose acp")
    check_agent("command:sed -i s/a/b/ x.py")
    check_agent("repair, model:small,command:sed -e a,b x.py")
    check_agent("auto")
    for wrong in ("auto,repair", "repair,", "repair,nobody"):
        with pytest.raises(OrderRefused):
            check_agent(wrong)


PAID = replace(SETTINGS, agent="model:big", paid=("model:big", "auto"))


@pytest.mark.parametrize(
    ("given", "settings", "fine"),
    [
        ({}, PAID, False),
        ({}, replace(PAID, usd=1.0), False),
        ({}, replace(PAID, usd_bound=True), True),
        ({"usd": 1.0}, PAID, True),
        ({"agent": "model:big"}, PAID, True),
        ({"agent": "repair"}, PAID, True),
        ({}, replace(PAID, agent="repair,model:big"), False),
        ({}, replace(PAID, agent="model:free"), True),
        ({"agent": "auto"}, PAID, False),
        ({"agent": "auto", "usd": 1.0}, PAID, True),
        ({"model": "big"}, replace(PAID, agent="command:x"), False),
        ({"model": "big", "usd": 1.0}, replace(PAID, agent="command:x"), True),
        ({}, replace(PAID, agent="command:x"), True),
    ],
)
def test_what_costs_dollars_and_nobody_typed_needs_a_number(
    given: dict[str, object], settings: Settings, fine: bool
) -> None:
    if fine:
        settle(order(**given), settings)
    else:
        with pytest.raises(OrderRefused, match=r"budget\.usd"):
            settle(order(**given), settings)


UNPRICED = replace(SETTINGS, agent="model", unpriced=("model:default", "model", "auto"))


@pytest.mark.parametrize(
    ("given", "settings", "fine"),
    [
        ({}, UNPRICED, False),
        ({"usd": 1.0}, UNPRICED, False),
        ({"tokens": 1000}, UNPRICED, True),
        ({}, replace(UNPRICED, tokens_bound=True), True),
        ({}, replace(UNPRICED, tokens=10**12), False),
        ({"agent": "model"}, UNPRICED, True),
        ({"agent": "auto"}, UNPRICED, True),
        ({}, replace(UNPRICED, agent="repair"), True),
    ],
)
def test_a_model_without_a_price_that_nobody_typed_needs_a_number_of_tokens(
    given: dict[str, object], settings: Settings, fine: bool
) -> None:
    if fine:
        settle(order(**given), settings)
    else:
        with pytest.raises(OrderRefused, match=r"budget\.tokens_per_day"):
            settle(order(**given), settings)


@pytest.mark.parametrize(
    ("given", "settings", "expected"),
    [
        ({"agent": "model:big"}, PAID, (1, 2)),
        ({"agent": "command:x"}, replace(PAID, paid=("model",)), (1, 2)),
        ({"agent": "model"}, UNPRICED, (1, 2)),
        ({"agent": "model:big", "attempts": 5}, PAID, (5, 2)),
        ({"agent": "model:big", "usd": 1.0}, PAID, (64, 16)),
        ({"agent": "model:big"}, replace(PAID, usd_bound=True), (64, 16)),
        ({"agent": "model:big"}, replace(PAID, usd=1000.0), (1, 2)),
        ({"agent": "model:free"}, PAID, (64, 16)),
        ({"agent": "command:x"}, PAID, (64, 16)),
    ],
)
def test_what_a_repository_says_does_not_multiply_a_cost_without_bound(
    given: dict[str, object], settings: Settings, expected: tuple[int, int]
) -> None:
    settled = settle(order(**given), replace(settings, attempts=64, rounds=16))
    assert (settled.attempts, settled.rounds) == expected


def test_who_files_is_who_is_named_else_the_user_of_this_process() -> None:
    assert filer(order(user="ann\x1b[31m")) == one_line("ann\x1b[31m", 200)
    assert filer(order())


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"deadline": 999.0}, "has passed: give a later one"),
        ({"deadline": 1_000.0}, "has passed"),
        ({"deadline": 2_000.0, "not_before": 2_000.0}, "give a later deadline"),
        ({"priority": 1_001}, "from -1000 to 1000"),
        ({"priority": -1_001}, "from -1000 to 1000"),
    ],
)
def test_an_order_that_could_never_begin_in_time_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(OrderRefused, match=told):
        read_order(Order("it breaks", Path("/r"), **given), 1_000.0)
    fine = Order("it breaks", Path("/r"), deadline=2_000.0, not_before=1_500.0, priority=-1_000)
    assert read_order(fine, 1_000.0).order == fine
