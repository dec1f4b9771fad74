"""The APIs of a fake forge, as far as nightcrew speaks them: GitHub's (and, nearly the same, Gitea's), and GitLab's."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.orchestrator.forges.fake import Asked, FakeForge, Talk, page

Answer = tuple[int, Any] | None


def github(forge: FakeForge, asked: Asked) -> Answer:
    """Answer as GitHub does."""
    if asked.parts == ("user",):
        return 200, {"login": "nightcrew-bot"}
    if asked.parts[:3] != ("repos", *forge.repository.split("/")):
        return None
    match asked.method, asked.parts[3:]:
        case "GET", ():
            return 200, {"full_name": forge.repository, "default_branch": "main"}
        case "GET", ("collaborators", who, "permission"):
            return (200, {"permission": forge.people[who]}) if who in forge.people else None
        case _, ("issues" | "pulls", "comments", id, "reactions"):
            return _react(forge, forge.talks[next(iter(forge.talks))], f"comment {id}", asked.body["content"])
        case "GET", ("commits", _, "check-runs"):
            return 200, {"total_count": len(forge.runs), "check_runs": forge.runs}
        case "GET", ("commits", _, "statuses"):
            return 200, forge.runs
        case "GET", ("pulls",):
            owner, _, head = asked.query.get("head", "").partition(":")
            found = [talk for talk in forge.pulls() if (talk.head == head and owner == "team") or not head]
            return 200, page(asked, [_pull(forge, talk) for talk in found])
        case "POST", ("pulls",):
            return _open(forge, asked.body["head"], asked.body["base"], asked.body["title"], asked.body["body"])
        case method, ("issues" | "pulls", number, *rest) if f"#{number}" in forge.talks:
            return _talk(forge, asked, method, forge.talks[f"#{number}"], rest)
    return None


def gitea(forge: FakeForge, asked: Asked) -> Answer:
    """Answer as Gitea does: its list of pull requests takes no branch."""
    if asked.method == "GET" and asked.parts[3:] == ("pulls",):
        return 200, page(asked, [_pull(forge, talk) for talk in forge.pulls()])
    return github(forge, asked)


def _talk(forge: FakeForge, asked: Asked, method: str, talk: Talk, rest: list[str]) -> Answer:
    match method, rest:
        case "GET", []:
            said = {"number": talk.number, "title": talk.title, "body": talk.body, "user": {"login": talk.user}}
            page_of = {"html_url": f"{forge.url}/{forge.repository}/issues/{talk.number}"}
            return 200, _pull(forge, talk) if talk.head and asked.parts[3] == "pulls" else {**said, **page_of}
        case "PATCH", []:
            talk.title, talk.body = asked.body["title"], asked.body["body"]
            return 200, _pull(forge, talk)
        case "GET", ["comments"]:
            return 200, page(asked, talk.comments)
        case "POST", ["comments"]:
            return _say(talk, asked.body["body"], "login")
        case "POST", ["reactions"]:
            return _react(forge, talk, "", asked.body["content"])
        case "GET", ["reviews"]:
            return 200, page(
                asked, [{key: value for key, value in each.items() if key != "comments"} for each in talk.reviews]
            )
        case "GET", ["reviews", id, "comments"]:
            return 200, next(each["comments"] for each in talk.reviews if str(each["id"]) == id)
    return None


def _open(forge: FakeForge, head: str, base: str, title: str, body: str) -> Answer:
    if any(talk.head == head and talk.state == "open" for talk in forge.pulls()):
        return 422, {"message": "Validation Failed", "errors": [{"message": "A pull request already exists"}]}
    if forge.tip(head) is None:
        return 422, {"message": "Validation Failed", "errors": [{"message": "head is invalid"}]}
    return 201, _pull(forge, forge.open_pull(head, base, title, body))


def _pull(forge: FakeForge, talk: Talk) -> dict[str, Any]:
    home = {"full_name": forge.repository}
    return {
        "number": talk.number,
        "title": talk.title,
        "body": talk.body,
        "state": talk.state,
        "html_url": f"{forge.url}/{forge.repository}/pull/{talk.number}",
        "head": {"ref": talk.head, "sha": forge.tip(talk.head), "repo": home},
        "base": {"ref": talk.base, "repo": home},
    }


def _say(talk: Talk, body: str, named: str) -> Answer:
    said = {"id": 100 + len(talk.comments), "body": body, "user": {named: "nightcrew-bot"}}
    talk.comments.append({**said, "created_at": datetime.now(UTC).isoformat()})
    return 201, said


def _react(forge: FakeForge, talk: Talk, on: str, name: str) -> Answer:  # noqa: ARG001 - as all routes
    known = (on, name) in talk.reactions
    if not known:
        talk.reactions.append((on, name))
    return (200 if known else 201), {"content": name}


def gitlab(forge: FakeForge, asked: Asked) -> Answer:
    """Answer as GitLab does."""
    if asked.parts == ("user",):
        return 200, {"username": "nightcrew-bot"}
    if asked.parts == ("users",):
        who = asked.query["username"]
        return 200, [{"id": 7 if who in forge.people else 8, "username": who}]
    if asked.parts[:2] != ("projects", forge.repository):
        return None
    match asked.method, asked.parts[2:]:
        case "GET", ():
            return 200, {"path_with_namespace": forge.repository, "default_branch": "main"}
        case "GET", ("members", "all", "7"):
            return 200, {"access_level": 40}
        case "GET", ("members", "all", _):
            return None
        case "GET", ("pipelines",):
            return 200, [{"id": 31}]
        case "GET", ("pipelines", "31", "jobs"):
            return 200, forge.runs
        case "GET", ("merge_requests",):
            found = [talk for talk in forge.pulls() if talk.head == asked.query["source_branch"]]
            return 200, page(asked, [_request(forge, talk) for talk in found])
        case "POST", ("merge_requests",):
            given = asked.body
            talk = forge.open_pull(
                given["source_branch"], given["target_branch"], given["title"], given["description"], "!"
            )
            return 201, _request(forge, talk)
        case method, ("issues" | "merge_requests" as kind, number, *rest):
            about = forge.talks.get(f"{'#' if kind == 'issues' else '!'}{number}")
            return _gitlab_talk(forge, asked, method, about, rest) if about else None
    return None


def _gitlab_talk(forge: FakeForge, asked: Asked, method: str, talk: Talk, rest: list[str]) -> Answer:
    match method, rest:
        case "GET", [] if talk.head:
            return 200, _request(forge, talk)
        case "GET", []:
            url = f"{forge.url}/{forge.repository}/-/issues/{talk.number}"
            said = {"iid": talk.number, "title": talk.title, "description": talk.body, "web_url": url}
            return 200, {**said, "author": {"username": talk.user}}
        case "PUT", []:
            talk.title, talk.body = asked.body["title"], asked.body["description"]
            return 200, _request(forge, talk)
        case "GET", ["notes"]:
            return 200, page(asked, talk.comments[::-1])
        case "POST", ["notes"]:
            return _say(talk, asked.body["body"], "username")
        case "POST", [*_, "award_emoji"]:
            if (rest[1] if len(rest) > 1 else "", "eyes") in talk.reactions:
                return 404, {"message": "404 Award Emoji Name has already been taken Not Found"}
            return _react(forge, talk, rest[1] if len(rest) > 1 else "", asked.body["name"])
    return None


def _request(forge: FakeForge, talk: Talk) -> dict[str, Any]:
    return {
        "iid": talk.number,
        "state": "opened" if talk.state == "open" else talk.state,
        "source_branch": talk.head,
        "target_branch": talk.base,
        "source_project_id": 1,
        "target_project_id": 1,
        "sha": forge.tip(talk.head),
        "web_url": f"{forge.url}/{forge.repository}/-/merge_requests/{talk.number}",
    }
