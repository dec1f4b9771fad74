"""Signatures: the right one passes, nothing else does, and nothing crashes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.forges.githubhooks import GiteaHooks, GithubHooks
from orchestrator.forges.gitlabhooks import GitlabHooks
from orchestrator.forges.linear import LinearHooks
from orchestrator.forges.records import Entry, Hook, Nothing
from orchestrator.forges.slack import SlackHooks
from tests.orchestrator.forges import webhooks
from tests.orchestrator.forges.webhooks import SECRET, Sent

ENTRY = Entry("hub", "github", "", "", {}, secret=SECRET)
BARE = Entry("hub", "github", "", "", {})
ALL = (GithubHooks, GiteaHooks, GitlabHooks, LinearHooks, SlackHooks)


def hook(sent: Sent) -> Hook:
    return Hook({name.lower(): value for name, value in sent[0].items()}, sent[1])


@settings(deadline=None)
@given(body=st.binary(max_size=200), given=st.text(max_size=80), kind=st.sampled_from(ALL))
def test_no_garbage_is_genuine_or_crashes(body: bytes, given: str, kind: type[GithubHooks]) -> None:
    names = ("x-hub-signature-256", "x-gitea-signature", "x-gitlab-token", "linear-signature", "x-slack-signature")
    for value in (given, f"sha256={given}", f"v0={given}"):
        made = Hook({**dict.fromkeys(names, value), "x-slack-request-timestamp": given}, body)
        assert not kind(ENTRY).genuine(made)
        assert not kind(BARE).genuine(made)
        kind(ENTRY).sent_at(made)
        kind(ENTRY).delivery(made)
        kind(ENTRY).challenge(made)


SENDERS: tuple[tuple[type[Any], Callable[[str], Sent]], ...] = (
    (GithubHooks, lambda secret: webhooks.github("ping", {}, secret)),
    (GiteaHooks, lambda secret: webhooks.gitea("ping", {}, secret)),
    (GitlabHooks, lambda secret: webhooks.gitlab({}, secret)),
    (LinearHooks, lambda secret: webhooks.linear({}, secret)),
    (SlackHooks, lambda secret: webhooks.slack({}, secret)),
)


@pytest.mark.parametrize(("kind", "send"), SENDERS)
def test_the_right_signature_is_genuine_and_another_secrets_is_not(
    kind: type[Any], send: Callable[[str], Sent]
) -> None:
    assert kind(ENTRY).genuine(hook(send(SECRET)))
    assert not kind(ENTRY).genuine(hook(send("another")))
    assert not kind(BARE).genuine(hook(send("")))


@settings(deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "action",
                        "issue",
                        "comment",
                        "repository",
                        "full_name",
                        "user",
                        "login",
                        "number",
                        "object_kind",
                        "event",
                        "object_attributes",
                        "labels",
                        "review",
                        "workflow_run",
                        "type",
                        "data",
                        "branches",
                        "state",
                        "changes",
                        "body",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=20,
    ),
    event=st.sampled_from(
        ["issues", "issue_comment", "pull_request_review", "pull_request_review_comment", "status", "workflow_run", ""]
    ),
    kind=st.sampled_from(ALL),
)
def test_no_json_crashes_a_parser(value: object, event: str, kind: type[GithubHooks]) -> None:
    made = Hook({"x-github-event": event, "x-gitea-event": event}, json.dumps(value).encode())
    kind(ENTRY).parse(made)


def test_what_is_no_json_and_what_is_nested_deeply_is_nothing() -> None:
    for body in (b"", b"\xff", b"[" * 100_000, b'{"action": ' * 50_000, b"1" * 5_000, b"payload=%7B%7D"):
        for kind in ALL:
            assert isinstance(kind(ENTRY).parse(Hook({"x-github-event": "issues"}, body)), Nothing)
