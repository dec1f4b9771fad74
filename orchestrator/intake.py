"""Intake: an order becomes a ticket, or is refused with what to do instead. Everything in an order's text is untrusted."""

from __future__ import annotations

import os
import pwd
import re
import secrets
import time
import unicodedata
from dataclasses import replace
from pathlib import PurePosixPath

from orchestrator.dispatch.abilities import checked
from orchestrator.errors import OrderRefused
from orchestrator.examples import MIGRATE
from orchestrator.plain import one_line
from orchestrator.records import CLIENT, AddedTest, Order, Ticket
from orchestrator.roster import AUTO, agents_of
from orchestrator.settings import Settings
from orchestrator.suites import including, read_suite
from orchestrator.working.deadline import shown

TEXT_BYTES = 8 << 20
ADDED_BYTES = 16 << 20
ATTEMPTS = 64
MOST_PRIORITY = 1_000
_DEFAULTS = Settings()
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
    checked(order.needs, OrderRefused)
    _check_times(order, now)
    return Ticket(new_id(now), slug_of(order.text), order, now)


def _check_times(order: Order, now: float) -> None:
    if abs(order.priority) > MOST_PRIORITY:
        raise OrderRefused(f"a priority of {order.priority} is none: give one from -{MOST_PRIORITY} to {MOST_PRIORITY}")
    if order.deadline is None:
        return
    if order.deadline <= now:
        raise OrderRefused(f"its deadline, {shown(order.deadline)}, has passed: give a later one, or none")
    if order.not_before is not None and order.not_before >= order.deadline:
        raise OrderRefused(
            f"it is not to begin before {shown(order.not_before)}, and its deadline is {shown(order.deadline)}: give a later deadline"
        )


def settle(order: Order, settings: Settings) -> Settings:
    """Return the settings that hold for an order: what it says, else what the repository's say. Raises `OrderRefused`."""
    suite = settings.suite if order.test_command is None else read_suite(order.test_command, settings.python)
    if suite is not None:
        suite = including(suite, (test.path for test in order.added), order.repository)
    settled = replace(
        settings,
        suite=suite,
        agent=agent_of(order, settings),
        attempts=settings.attempts if order.attempts is None else order.attempts,
        ask=settings.ask if order.ask is None else order.ask,
        seconds=settings.seconds if order.seconds is None else order.seconds,
        usd=settings.usd if order.usd is None else order.usd,
        tokens=settings.tokens if order.tokens is None else order.tokens,
        driver=order.driver or settings.driver,
        sandbox=order.sandbox or settings.sandbox,
    )
    begins_later = settled.managed is not None and settled.managed.tree is None
    if settled.suite is None and not begins_later:
        raise OrderRefused("no tests are known for this repository: name them with --test CMD, or in nightcrew.toml")
    if not 1 <= settled.attempts <= ATTEMPTS:
        raise OrderRefused(f"{settled.attempts} attempts cannot be made: ask for 1 to {ATTEMPTS}")
    if MIGRATE in agents_of(settled.agent) and not order.examples:
        raise OrderRefused(f"the agent {MIGRATE!r} does what examples do: name a commit or a diff with --like")
    _check_plan(order, settled)
    if order.follow:
        _check_follow(settled)
        # What an agent would go on from after the ladder's word has moved.
        settled = replace(settled, rounds=0)
    settled = _bounded(order, settled)
    if order.model is not None and not runs_program(settled.agent):
        raise OrderRefused(
            f"--model names the model that a program may ask, and the agent is {settled.agent!r}: type --agent model:{order.model}"
        )
    if not settled.seconds > 0:
        raise OrderRefused(f"a budget of {settled.seconds:g} seconds allows nothing: give more")
    return settled


def _check_plan(order: Order, settled: Settings) -> None:
    """Refuse a plan that an agent would not make, or that nobody is there to approve."""
    if not order.plan:
        return
    without = next((each for each in agents_of(settled.agent) if not needs_model(each)), None)
    if without is not None:
        raise OrderRefused(
            f"the agent {without!r} makes no plan that could be approved first: use --agent model, or leave out --plan"
        )
    if not settled.ask:
        raise OrderRefused("a plan waits for somebody's answer, and nobody is asked: leave out --plan, or type --ask")


def _check_follow(settled: Settings) -> None:
    """Refuse to follow the user's saves with what needs files that stand still."""
    agents = agents_of(settled.agent)
    still = next((each for each in agents if each in ("repair", MIGRATE, AUTO)), None)
    if still is not None:
        raise OrderRefused(
            f"the agent {still!r} searches in files that stand still: with --follow use command:CMD, acp:CMD or model"
        )
    if len(agents) > 1 or settled.attempts > 1:
        raise OrderRefused("one attempt of one agent can follow what you save: leave out --follow, or ask for one")
    if settled.sandbox == "docker":
        raise OrderRefused("files go into a container before each command: with --follow use --sandbox local")


def _bounded(order: Order, settled: Settings) -> Settings:
    """Refuse work that costs without bound and that nobody typed; where it was typed, leave out what a repository multiplies it by.

    A repository's file may have come from anywhere: its own numbers bound nothing.
    """
    agents = _asking(order, settled)
    paid = () if settled.usd_bound or order.usd is not None else [each for each in agents if each in settled.paid]
    bound = settled.tokens_bound or order.tokens is not None
    unpriced = () if bound else [each for each in agents if each in settled.unpriced]
    if paid and (order.agent is None or AUTO in agents):
        raise OrderRefused(
            f"{', '.join(paid)} costs dollars, and nobody said how many a ticket may cost: type --usd, or set `budget.usd` in"
            " the machine's config.toml; a repository's number does not count"
        )
    if unpriced and order.agent is None:
        raise OrderRefused(
            f"{', '.join(unpriced)} asks the environment's model, whose price is not known, and the repository chose it: type"
            " --agent or --tokens, or set `budget.tokens_per_day` in the machine's config.toml"
        )
    if not paid and not unpriced:
        return settled
    attempts = min(settled.attempts, _DEFAULTS.attempts) if order.attempts is None else order.attempts
    return replace(settled, attempts=attempts, rounds=min(settled.rounds, _DEFAULTS.rounds))


def _asking(order: Order, settled: Settings) -> tuple[str, ...]:
    """Return the agents of an order; a program that may ask a model counts as the agent of that model."""
    door = order.program_model
    model = "model" if not door else f"model:{door}"
    return tuple(each if door is None or not runs_program(each) else model for each in agents_of(settled.agent))


def agent_of(order: Order, settings: Settings) -> str:
    """Return who works on an order: whom it names, else who works by examples where it has some, else the repository's."""
    return order.agent or (MIGRATE if order.examples else settings.agent)


def filer(order: Order) -> str:
    """Return who files an order: whom it names, else the user of this process."""
    return one_line(order.user, 200) if order.user else user()


def user() -> str:
    """Return the user of this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def check_agent(agent: str) -> None:
    """Raise `OrderRefused` when no agent is called so; `agent` may list several, or be `auto`."""
    agents = agents_of(agent)
    for each in agents:
        if agents != (AUTO,):
            _check_agent(each)


def _check_agent(agent: str) -> None:
    if agent == CLIENT:
        raise OrderRefused("a client of `nightcrew mcp` works on it: have one go on with `begin` and the ticket's id")
    kind, _, command = agent.partition(":")
    if agent not in ("repair", "model", MIGRATE) and not (kind in ("command", "acp", "model") and command.strip()):
        raise OrderRefused(
            f"there is no agent {agent!r}: use `repair`, `migrate`, `model` or `model:NAME`, `command:CMD` for a program that edits files,"
            " or `acp:CMD` for one that speaks the Agent Client Protocol"
        )


def needs_model(agent: str) -> bool:
    """Say whether an agent is one that asks a model, or a list one that names such an agent."""
    return any(each.partition(":")[0] == "model" for each in agents_of(agent))


def runs_program(agent: str) -> bool:
    """Say whether an agent is somebody else's program, which may be let ask a model."""
    return any(kind in agent for kind in ("command:", "acp:"))


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
