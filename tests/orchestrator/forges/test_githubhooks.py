"""What GitHub's own example payloads are understood as, and Gitea's and GitLab's in the form of their documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.forges.githubhooks import GiteaHooks, GithubHooks
from orchestrator.forges.gitlabhooks import GitlabHooks
from orchestrator.forges.records import Checked, Entry, Filed, Heard, Hook, Nothing, Person, Said, Thread
from orchestrator.records import Remark
from tests.orchestrator.forges import examples, webhooks

HELLO = "Codertocat/Hello-World"


def heard(event: str, payload: Any, **entry: Any) -> Heard:
    known = Entry("hub", "github", "", "", {}, **entry)
    return GithubHooks(known).parse(Hook({"x-github-event": event}, json.dumps(payload).encode()))


def test_every_example_of_github_is_understood_as_something() -> None:
    kinds = set()
    for event, payloads in examples.payloads().items():
        for payload in payloads:
            kinds.add(type(heard(event, payload, label="bug", mention="@nobody-has-this")))
    assert kinds == {Filed, Said, Checked, Nothing}


def test_a_label_files_the_issue_in_the_name_of_who_put_it_there() -> None:
    for payload in examples.of("issues", "labeled"):
        if payload["label"]["name"] == "bug" and payload["repository"]["full_name"] == HELLO:
            filed = heard("issues", payload, label="Bug")
            assert isinstance(filed, Filed)
            assert filed.thread == Thread("hub", HELLO, "1")
            assert filed.who == Person("Codertocat", False, True)
            assert filed.text == "Spelling error in the README file\n\n" + payload["issue"]["body"]
            assert isinstance(heard("issues", payload, label="nightcrew"), Nothing)
            return
    raise AssertionError("the examples have no such issue")


def test_who_edits_or_opens_again_what_a_stranger_wrote_asks_for_nothing() -> None:
    issue = {
        "number": 5,
        "title": "@nightcrew",
        "body": "do it",
        "labels": [{"name": "nightcrew"}],
        "user": {"login": "eve"},
    }
    payload = {"issue": issue, "repository": {"full_name": HELLO}, "sender": {"login": "alice"}}
    for action in ("edited", "reopened", "assigned", "closed"):
        assert isinstance(heard("issues", {**payload, "action": action}), Nothing), action
    assert isinstance(heard("issues", {**payload, "action": "labeled", "label": {"name": "bug"}}), Nothing)
    filed = heard("issues", {**payload, "action": "opened", "sender": {"login": "eve"}})
    assert isinstance(filed, Filed)
    assert filed.who.name == "eve"
    update = {**payload, "action": "label_updated", "changes": {"added_labels": [{"name": "bug"}]}}
    assert isinstance(gitea("issues", update), Nothing)


def test_a_mention_in_a_comment_files_the_issue_with_the_comment() -> None:
    payload = next(examples.of("issue_comment", "created"))
    assert isinstance(heard("issue_comment", payload), Nothing)
    payload["comment"]["body"] = "This one, @Nightcrew!"
    filed = heard("issue_comment", payload)
    assert isinstance(filed, Filed)
    assert filed.text.endswith("\n\nThis one, @Nightcrew!")
    assert filed.comment == f"comment:{payload['comment']['id']}"
    for event in ("edited", "deleted"):
        assert isinstance(heard("issue_comment", {**payload, "action": event}), Nothing)


@pytest.mark.parametrize(
    "text",
    [
        "> @nightcrew fix this",
        "```\n@nightcrew\n```",
        "`@nightcrew`",
        "<!-- @nightcrew -->",
        "mail me@nightcrew.example",
        "@nightcrew-two",
        "@nightcrews",
        "see /@nightcrew",
        "<!-- nightcrew: x -->\n@nightcrew said so",
    ],
)
def test_what_is_quoted_code_ours_or_another_name_mentions_nobody(text: str) -> None:
    assert isinstance(heard("issue_comment", webhooks.commented(text)), Nothing)


def test_a_remark_on_a_line_is_said_of_that_line() -> None:
    payload = next(
        each for each in examples.of("pull_request_review_comment", "created") if each["comment"].get("line")
    )
    said = heard("pull_request_review_comment", payload)
    assert isinstance(said, Said)
    comment = payload["comment"]
    assert said.remarks == (Remark(comment["body"], comment["path"], comment["line"]),)
    assert said.thread == Thread("hub", payload["repository"]["full_name"], str(payload["pull_request"]["number"]))


def test_a_review_counts_where_it_says_something_and_does_not_approve() -> None:
    review = {"state": "changes_requested", "body": "please not so", "user": {"login": "alice"}}
    payload = {
        "action": "submitted",
        "review": review,
        "pull_request": {"number": 3},
        "repository": {"full_name": HELLO},
    }
    assert isinstance(heard("pull_request_review", payload), Said)
    for change in ({"state": "approved"}, {"body": ""}, {"body": None}):
        assert isinstance(heard("pull_request_review", {**payload, "review": {**review, **change}}), Nothing)


def test_a_suite_that_ended_says_its_branch_commit_and_colour() -> None:
    payload = next(examples.of("check_suite", "completed"))
    checked = heard("check_suite", payload)
    assert isinstance(checked, Checked)
    suite = payload["check_suite"]
    assert (checked.branch, checked.commit) == (suite["head_branch"], suite["head_sha"])
    assert checked.green == (suite["conclusion"] == "success")
    payload["check_suite"]["conclusion"] = "neutral"
    assert isinstance(heard("check_suite", payload), Nothing)


def gitea(event: str, payload: Any) -> Heard:
    hooks = GiteaHooks(Entry("tea", "gitea", "", "", {}))
    return hooks.parse(Hook({"x-gitea-event": event}, json.dumps(payload).encode()))


def test_gitea_says_the_same_in_its_own_words() -> None:
    label = {**webhooks.labeled(), "action": "label_updated"}
    del label["label"]
    filed = gitea("issues", label)
    assert isinstance(filed, Filed)
    assert filed.thread == Thread("tea", "team/sums", "5")
    assert isinstance(gitea("issue_comment", webhooks.commented()), Filed)
    said = gitea(
        "pull_request_rejected",
        {
            "action": "reviewed",
            "pull_request": {"number": 6},
            "review": {"type": "pull_request_review_rejected", "content": "no"},
            "repository": {"full_name": "team/sums"},
            "sender": {"login": "alice"},
        },
    )
    assert isinstance(said, Said)
    assert (said.remarks, said.comment) == ((Remark("no"),), "review:")
    status = {"state": "failure", "sha": "a" * 40, "context": "ci", "repository": {"full_name": "team/sums"}}
    checked = gitea("status", status)
    assert isinstance(checked, Checked)
    assert (checked.branch, checked.commit, checked.green) == ("", "a" * 40, False)


def lab(payload: Any) -> Heard:
    return GitlabHooks(Entry("lab", "gitlab", "", "", {})).parse(Hook({}, json.dumps(payload).encode()))


def test_gitlab_issues_notes_and_pipelines_are_understood() -> None:
    assert isinstance(lab(webhooks.gitlab_issue()), Filed)
    assert isinstance(lab(webhooks.gitlab_issue("close")), Nothing)
    filed = lab(webhooks.gitlab_note("@nightcrew please", updated_at="2026-11-22 20:00:00 UTC"))
    assert isinstance(filed, Filed)
    assert (filed.thread, filed.at) == (Thread("lab", "team/sums", "5"), 1795377600.0)
    position = {"new_path": "sums.py", "new_line": 3}
    said = lab(webhooks.gitlab_note("not so", "MergeRequest", 9, type="DiffNote", position=position))
    assert isinstance(said, Said)
    assert (said.thread.number, said.remarks) == ("!9", (Remark("not so", "sums.py", 3),))
    assert isinstance(lab(webhooks.gitlab_note("lgtm", "MergeRequest", 9)), Nothing)
    assert isinstance(lab(webhooks.gitlab_note("@nightcrew x", system=True)), Nothing)
    checked = lab(webhooks.gitlab_pipeline("nightcrew/x", "b" * 40))
    assert isinstance(checked, Checked)
    assert "test: unit failed (script_failure)" in checked.text
    assert "flaky" not in checked.text


def test_a_label_that_gitlab_knew_before_files_nothing_again() -> None:
    payload = webhooks.gitlab_issue()
    payload["changes"] = {"title": {"previous": "a", "current": "b"}}
    assert isinstance(lab(payload), Nothing)
    bot = lab({**webhooks.gitlab_issue(), "user": {"username": "project_5_bot_0a1b"}})
    assert isinstance(bot, Filed)
    assert bot.who.bot
