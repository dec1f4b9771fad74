"""Who people of an issuer are here: told apart by issuer and subject, never by a name."""

from __future__ import annotations

import threading
import time

import pytest

from orchestrator.forges.payload import Payload
from orchestrator.web.identities import Identities, Identity, Policy
from orchestrator.web.people import Person, Role
from orchestrator.web.problems import Problem
from tests.orchestrator.web.conftest import Served

ISSUER = "https://id.example.org"
ANN = Identity(ISSUER, "1", "ann@example.org")


@pytest.fixture
def identities(served: Served) -> Identities:
    return Identities(served.site.crew.database, served.site.people, time.time)


def test_the_highest_of_what_names_somebody_counts_and_nobody_else_comes_in() -> None:
    policy = Policy(
        "groups", {"a": Role.FILE, "b": Role.REVIEW}, {"ann@example.org": Role.ADMINISTER}, {"7": Role.FILE}
    )

    def role(**claims: object) -> Role | None:
        return policy.role(policy.identity(ISSUER, Payload({"sub": "1", **claims})))

    assert role() is None
    assert role(groups=["c", "A", 7, None, ["a"]]) is None
    assert role(groups=["a"]) is Role.FILE
    assert role(groups="b") is Role.REVIEW
    assert role(groups=["b", "a"]) is Role.REVIEW
    assert role(roles=["b"]) is None
    assert role(sub="7") is Role.FILE
    assert role(groups=["b"], email="Ann@Example.org", email_verified=True) is Role.ADMINISTER
    for unverified in ({}, {"email_verified": False}, {"email_verified": "true"}, {"email_verified": 1}):
        assert role(email="ann@example.org", **unverified) is None
    assert role(sub="ann@example.org", preferred_username="ann@example.org") is None


@pytest.mark.parametrize("subject", ["", None, "x" * 256, []])
def test_a_subject_that_is_none_is_nobody(subject: object) -> None:
    with pytest.raises(Problem):
        Policy().identity(ISSUER, Payload({"sub": subject}))


def test_somebody_stays_the_same_user_with_the_role_of_the_last_time(served: Served, identities: Identities) -> None:
    first = identities.admit(ANN, Role.REVIEW)
    cookie = served.site.sessions.enter_as(first)
    moved = Identity(ISSUER, "1", "ann@elsewhere.example")
    assert identities.admit(moved, Role.FILE).name == first.name == "ann@example.org"
    there = served.site.sessions.person(cookie)
    assert there is not None and there.role is Role.FILE


def test_nobody_becomes_somebody_else_by_a_name(served: Served, identities: Identities) -> None:
    served.site.people.add("ann@example.org", Role.ADMINISTER)
    names = {
        identities.admit(who, Role.FILE).name
        for who in (
            ANN,
            Identity(ISSUER, "2", "ann@example.org"),
            Identity("https://other.example", "1", "ann@example.org"),
        )
    }
    assert names == {"ann@example.org (2)", "ann@example.org (3)", "ann@example.org (4)"}
    assert identities.admit(Identity(ISSUER, "3", "", "owner"), Role.FILE).name == "owner (2)"
    assert served.site.people.person("ann@example.org") == Person(
        "ann@example.org",
        Role.ADMINISTER,
        served.site.people.person("ann@example.org").since,  # type: ignore[union-attr]
    )


def test_whoever_was_removed_stays_out_until_they_are_added_again(served: Served, identities: Identities) -> None:
    people = served.site.people
    name = identities.admit(ANN, Role.REVIEW).name
    cookie = served.site.sessions.enter_as(identities.admit(ANN, Role.REVIEW))
    assert people.remove(name)
    assert served.site.sessions.person(cookie) is None
    for _ in range(2):
        with pytest.raises(Problem, match="was removed"):
            identities.admit(ANN, Role.ADMINISTER)
    assert people.person(name) is None
    assert identities.admit(Identity(ISSUER, "2", "ann@example.org"), Role.FILE).name == "ann@example.org (2)"
    people.add(name, Role.FILE)
    assert identities.admit(ANN, Role.REVIEW) == people.person(name)
    assert served.site.sessions.person(cookie) is None


def test_what_the_issuer_takes_away_ends_sessions_and_keys(served: Served, identities: Identities) -> None:
    person = identities.admit(ANN, Role.REVIEW)
    cookie = served.site.sessions.enter_as(person)
    key = served.site.people.make_key(person.name, "")
    with pytest.raises(Problem, match="nobody has let you in"):
        identities.admit(ANN, None)
    assert served.site.sessions.person(cookie) is None
    assert served.site.people.of_key(key) is None
    assert identities.admit(ANN, Role.FILE).name == person.name


def test_those_who_come_at_once_come_in_once(served: Served, identities: Identities) -> None:
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(identities.admit(ANN, Role.FILE).name)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert found == ["ann@example.org"] * 4
    assert [each.name for each in served.site.people.all()] == ["ann@example.org", "owner"]
