"""Webhooks as forges send them: small ones, signed. GitLab's follow the examples in its documentation, cut to what is read."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

SECRET = "a secret of webhooks"
REPOSITORY = "team/sums"
_count = itertools.count(1)

Sent = tuple[dict[str, str], bytes]


def digest(body: bytes, secret: str = SECRET) -> str:
    """Return the signature of a body."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def github(event: str, payload: Mapping[str, Any], secret: str = SECRET, delivery: str | None = None) -> Sent:
    """Return headers and body as GitHub sends them."""
    body = json.dumps(payload).encode()
    id = delivery or f"delivery-{next(_count)}"
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": id,
        "X-Hub-Signature-256": f"sha256={digest(body, secret)}",
    }, body


def gitea(event: str, payload: Mapping[str, Any], secret: str = SECRET) -> Sent:
    """Return headers and body as Gitea sends them."""
    body = json.dumps(payload).encode()
    return {
        "X-Gitea-Event": event,
        "X-Gitea-Delivery": f"{next(_count)}",
        "X-Gitea-Signature": digest(body, secret),
    }, body


def gitlab(payload: Mapping[str, Any], secret: str = SECRET) -> Sent:
    """Return headers and body as GitLab sends them."""
    return {"X-Gitlab-Token": secret, "X-Gitlab-Event-UUID": f"uuid-{next(_count)}"}, json.dumps(payload).encode()


def now() -> str:
    """Return the present time as forges write it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def labeled(number: int = 5, who: str = "alice", label: str = "nightcrew", **person: Any) -> dict[str, Any]:
    """Return GitHub's word that somebody put a label on an issue."""
    return {
        "action": "labeled",
        "label": {"name": label},
        "issue": _issue(number),
        "repository": {"full_name": REPOSITORY},
        "sender": {"login": who, "type": "User", **person},
    }


def commented(text: str = "@nightcrew please", number: int = 5, who: str = "alice", id: int = 77) -> dict[str, Any]:
    """Return GitHub's word that somebody wrote a comment."""
    user = {"login": who, "type": "User"}
    comment = {"id": id, "body": text, "user": user, "html_url": f"https://example.org/{id}", "updated_at": now()}
    return {
        "action": "created",
        "issue": _issue(number),
        "comment": comment,
        "repository": {"full_name": REPOSITORY},
        "sender": user,
    }


def remarked(
    number: int, text: str = "also count twice", line: int | None = 3, who: str = "alice", id: int = 88
) -> dict[str, Any]:
    """Return GitHub's word that somebody remarked on a line of a pull request."""
    user = {"login": who, "type": "User"}
    comment = {
        "id": id,
        "body": text,
        "path": "sums.py",
        "line": line,
        "side": "RIGHT",
        "user": user,
        "updated_at": now(),
    }
    return {
        "action": "created",
        "comment": comment,
        "pull_request": {"number": number},
        "repository": {"full_name": REPOSITORY},
        "sender": user,
    }


def ran(branch: str, commit: str, conclusion: str = "failure", name: str = "tests") -> dict[str, Any]:
    """Return GitHub's word that a workflow ended."""
    run = {"name": name, "conclusion": conclusion, "head_branch": branch, "head_sha": commit, "updated_at": now()}
    return {
        "action": "completed",
        "workflow_run": run,
        "repository": {"full_name": REPOSITORY},
        "sender": {"login": "alice"},
    }


def _issue(number: int) -> dict[str, Any]:
    return {
        "number": number,
        "title": "total() forgets the first number",
        "body": "total([1, 2]) is 2",
        "user": {"login": "alice"},
        "labels": [{"name": "nightcrew"}],
        "html_url": f"https://forge.example/{REPOSITORY}/issues/{number}",
        "updated_at": now(),
    }


def gitlab_note(text: str, on: str = "Issue", iid: int = 5, who: str = "alice", **note: Any) -> dict[str, Any]:
    """Return GitLab's word that somebody wrote a comment."""
    about = {"iid": iid, "title": "total() forgets the first number", "description": "total([1, 2]) is 2"}
    attributes = {"id": 1244, "note": text, "noteable_type": on, "action": "create", "system": False}
    return {
        "object_kind": "note",
        "user": {"id": 1, "username": who},
        "project": {"path_with_namespace": REPOSITORY},
        "object_attributes": {
            **attributes,
            "updated_at": now(),
            "url": "https://example.org/n",
            **note,
        },
        "issue" if on == "Issue" else "merge_request": about,
    }


def gitlab_issue(action: str = "update", who: str = "alice") -> dict[str, Any]:
    """Return GitLab's word that an issue got our label."""
    label = {"title": "nightcrew"}
    changes = {"labels": {"previous": [], "current": [label]}} if action == "update" else {}
    return {
        "object_kind": "issue",
        "user": {"username": who},
        "project": {"path_with_namespace": REPOSITORY},
        "object_attributes": {"iid": 5, "title": "total() is off", "description": "by one", "action": action},
        "labels": [label],
        "changes": changes,
    }


def gitlab_pipeline(branch: str, commit: str, status: str = "failed") -> dict[str, Any]:
    """Return GitLab's word that a pipeline ended."""
    build = {"stage": "test", "name": "unit", "status": "failed", "failure_reason": "script_failure"}
    return {
        "object_kind": "pipeline",
        "object_attributes": {"id": 31, "ref": branch, "sha": commit, "status": status, "tag": False},
        "project": {"path_with_namespace": REPOSITORY},
        "builds": [build, {**build, "name": "flaky", "allow_failure": True}],
    }


def slack(event: Mapping[str, Any], secret: str = SECRET, at: float | None = None, **outer: Any) -> Sent:
    """Return headers and body as Slack sends them."""
    body = json.dumps({"type": "event_callback", "event_id": f"Ev{next(_count)}", "event": event, **outer}).encode()
    sent = f"{int(time.time() if at is None else at)}"
    signature = digest(f"v0:{sent}:".encode() + body, secret)
    return {"X-Slack-Request-Timestamp": sent, "X-Slack-Signature": f"v0={signature}"}, body


def linear(payload: Mapping[str, Any], secret: str = SECRET, at: float | None = None) -> Sent:
    """Return headers and body as Linear sends them."""
    sent_ms = int((time.time() if at is None else at) * 1000)
    body = json.dumps({**payload, "webhookTimestamp": sent_ms}).encode()
    return {"Linear-Signature": digest(body, secret), "Linear-Delivery": f"{next(_count)}"}, body
