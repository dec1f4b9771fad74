"""Intake: an order becomes a ticket, or is refused with what to do instead. Everything in an order's text is untrusted."""

from __future__ import annotations

import re
import secrets
import time
import unicodedata
from dataclasses import replace
from pathlib import PurePosixPath

from orchestrator.errors import OrderRefused
from orchestrator.records import AddedTest, Order, Ticket
from orchestrator.settings import Settings
from orchestrator.suites import including, read_suite

TEXT_BYTES = 8 << 20
ADDED_BYTES = 16 << 20
ATTEMPTS = 64
_SLUG_CHARACTERS = 40
_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: no letter that looks like a digit."""


def read_order(order: Order, now: float) -> Ticket:
    """Return the ticket of an order. Raises `OrderRefused`."""
    size = len(order.text.encode("utf-8", "surrogatepass"))
    if size > TEXT_BYTES:
        raise OrderRefused(
            f"the ticket's text has {size:,} bytes, more than {TEXT_BYTES:,}: file the part that matters"
        )
    if not any(character.isalnum() for character in order.text):
        raise OrderRefused("the ticket's text is empty: say what is wrong, and how it shows")
    if not order.repository.is_absolute():
        raise OrderRefused(f"repository {str(order.repository)!r} is not absolute: name its full path")
    for test in order.added:
        _check_path(test)
    if sum(len(test.data) for test in order.added) > ADDED_BYTES:
        raise OrderRefused(f"the added tests have more than {ADDED_BYTES:,} bytes: add what shows the bug only")
    return Ticket(new_id(now), slug_of(order.text), order, now)


def settle(order: Order, settings: Settings) -> Settings:
    """Return the settings that hold for an order: what it says, else what the repository's say. Raises `OrderRefused`."""
    suite = settings.suite if order.test_command is None else read_suite(order.test_command, settings.python)
    if suite is not None:
        suite = including(suite, (test.path for test in order.added), order.repository)
    settled = replace(
        settings,
        suite=suite,
        agent=order.agent or settings.agent,
        attempts=settings.attempts if order.attempts is None else order.attempts,
        ask=settings.ask if order.ask is None else order.ask,
        seconds=settings.seconds if order.seconds is None else order.seconds,
        usd=settings.usd if order.usd is None else order.usd,
        driver=order.driver or settings.driver,
        sandbox=order.sandbox or settings.sandbox,
    )
    if settled.suite is None:
        raise OrderRefused("no tests are known for this repository: name them with --test CMD, or in nightcrew.toml")
    if not 1 <= settled.attempts <= ATTEMPTS:
        raise OrderRefused(f"{settled.attempts} attempts cannot be made: ask for 1 to {ATTEMPTS}")
    _check_plan(order, settled)
    if not settled.seconds > 0:
        raise OrderRefused(f"a budget of {settled.seconds:g} seconds allows nothing: give more")
    return settled


def _check_plan(order: Order, settled: Settings) -> None:
    """Refuse a plan that an agent would not make, or that nobody is there to approve."""
    if not order.plan:
        return
    if not needs_model(settled.agent):
        raise OrderRefused(
            f"the agent {settled.agent!r} makes no plan that could be approved first: use --agent model, or leave out --plan"
        )
    if not settled.ask:
        raise OrderRefused("a plan waits for somebody's answer, and nobody is asked: leave out --plan, or type --ask")


def check_agent(agent: str) -> None:
    """Raise `OrderRefused` when no agent is called so."""
    kind, _, command = agent.partition(":")
    if agent not in ("repair", "model") and not (kind in ("command", "acp", "model") and command.strip()):
        raise OrderRefused(
            f"there is no agent {agent!r}: use `repair`, `model` or `model:NAME`, `command:CMD` for a program that edits files,"
            " or `acp:CMD` for one that speaks the Agent Client Protocol"
        )


def needs_model(agent: str) -> bool:
    """Say whether an agent is one that asks a model."""
    return agent.partition(":")[0] == "model"


def new_id(now: float) -> str:
    """Return an id that sorts by time: the day, then three digits of the time of day and four random ones."""
    day = time.strftime("%y%m%d", time.gmtime(now))
    tick = int(now % 86400 / 86400 * 32**3)
    return f"{day}-{_base32(tick, 3)}{_base32(secrets.randbelow(32**4), 4)}"


def slug_of(text: str) -> str:
    """Return a few words of a text in lower-case ASCII letters, digits and hyphens: safe in a git ref, a path and a shell."""
    start = unicodedata.normalize("NFKD", text[:2000].lstrip().partition("\n")[0])
    words = re.findall(r"[a-z0-9]+", start.encode("ascii", "ignore").decode().lower())
    slug = ""
    for word in words:
        if len(slug) + len(word) >= _SLUG_CHARACTERS:
            break
        slug = f"{slug}-{word}" if slug else word
    return slug or "ticket"


def _check_path(test: AddedTest) -> None:
    path = PurePosixPath(test.path)
    wrong = path.is_absolute() or not path.parts or ".." in path.parts or "\0" in test.path
    if wrong or any(part.lower() == ".git" for part in path.parts) or str(path) != test.path:
        raise OrderRefused(
            f"{test.path!r} is no path for an added test: name one inside the repository, as in FILE:tests/test_x.py"
        )


def _base32(value: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        value, digit = divmod(value, 32)
        digits = _DIGITS[digit] + digits
    return digits
