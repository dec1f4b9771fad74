"""A crew on another machine: the same facade over a server's API. What only this machine's state could answer is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

from orchestrator.crew import Crew, unseen
from orchestrator.errors import BadConfig, OrderRefused, ServerRefused, ServerUnreachable
from orchestrator.intake import read_order
from orchestrator.records import Applied, Cost, Event, JobReport, Order, Remark, Status, StepRecord, Ticket, Watch
from orchestrator.store.codec import decode

if TYPE_CHECKING:
    from orchestrator.reading import Reading
    from orchestrator.settings import Settings
    from orchestrator.store import Store

RECORD = "application/vnd.nightcrew.record+json"
"""The representation in which a server gives records as they are, for a client of its own version."""
KEY = "NIGHTCREW_KEY"
"""The environment variable that has the key."""
_WAIT_S = 60.0
_SENT = (
    *("text", "test_command", "agent", "model", "attempts", "seconds", "usd", "tokens", "ask", "plan"),
    *("priority", "not_before", "deadline", "keep_unverified", "branch", "needs"),
)
"""What of an order is sent as it stands."""
_ANSWER_BYTES = 256 << 20
Kind = TypeVar("Kind")


class _NoRedirect(HTTPRedirectHandler):
    # A key goes to the server that was named, and to no other.
    def redirect_request(self, *_: object) -> None:
        return None


class RemoteCrew(Crew):
    """The crew of the server at `address`, known there by `key`. A worker there does the work; `fix` waits for it.

    Raises `ServerUnreachable`, and `ServerRefused` with what the server says.
    """

    def __init__(self, address: str, key: str) -> None:
        super().__init__(Path("/nonexistent"))
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadConfig(f"--server {address}: name an address, as in http://127.0.0.1:8484")
        if not key:
            raise BadConfig(f"the server wants a key: `nightcrew users key NAME` there makes one; put it into {KEY}")
        self._address = address.rstrip("/")
        self._key = key
        self._opener: OpenerDirector = build_opener(ProxyHandler({}), _NoRedirect)

    @property
    def _store(self) -> Store:
        raise BadConfig("this takes the state of the machine where it is kept: leave out --server, and type it there")

    def sweep(self) -> tuple[str, ...]:
        """Do nothing: the server cleans up for itself."""
        return ()

    def close(self) -> None:
        """Do nothing: each question has a connection of its own."""

    def file(self, order: Order, settings: Settings | None = None) -> Ticket:  # noqa: ARG002
        """File an order there; its repository is a path on the server's machine. Raises `OrderRefused`."""
        read_order(order, time.time())
        return self._ask(Ticket, "/tickets", _order_body(order))

    def fix(self, order: Order, watch: Watch = unseen) -> JobReport:
        """File an order and wait until a worker there has done with it; Ctrl-C leaves it to the worker."""
        return self._done(self.file(order).id, watch)

    def list(self, repository: Path | None = None) -> tuple[JobReport, ...]:
        """Return the latest tickets, newest first, or those of one repository."""
        query = {"limit": "200"} | ({} if repository is None else {"repository": str(repository)})
        return self._ask(tuple[JobReport, ...], f"/tickets?{urlencode(query)}")

    def show(self, ticket: str) -> JobReport:
        """Return all that is known about a ticket."""
        return self._ask(JobReport, _of(ticket))

    def steps(self, ticket: str) -> tuple[StepRecord, ...]:
        """Return the journal of a ticket's job, in order."""
        return self._ask(tuple[StepRecord, ...], _of(ticket, "/steps"))

    def follow(self, ticket: str, watch: Watch, wait: Callable[[float], object] = time.sleep) -> JobReport:  # noqa: ARG002
        """Tell what happens to a ticket until no worker has it."""
        return self._done(self.show(ticket).ticket.id, watch)

    def diff(self, ticket: str, attempt: int | None = None) -> bytes:
        """Return the proposal that won, or what an attempt left, as a git patch."""
        return self._bytes(_of(ticket, "/diff", attempt=attempt), accept="*/*")

    def reading(self, ticket: str, attempt: int | None = None) -> Reading:
        """Return the same in the order in which it is best read."""
        from orchestrator.reading import Reading

        return self._ask(Reading, _of(ticket, "/reading", attempt=attempt))

    def apply(self, ticket: str) -> Applied:
        """Put the change into the working tree on the server's machine."""
        return self._ask(Applied, _of(ticket, "/apply"), {})

    def accept(self, ticket: str) -> JobReport:
        """Accept the change as it lies on its branch."""
        return self._ask(JobReport, _of(ticket, "/accept"), {})

    def reject(self, ticket: str, reason: str = "") -> JobReport:
        """Reject the change; its branch stays."""
        return self._ask(JobReport, _of(ticket, "/reject"), {"reason": reason})

    def comment(
        self,
        ticket: str,
        remarks: Sequence[Remark],
        *,
        user: str = "",  # noqa: ARG002 - the server knows who holds the key
        agent: str | None = None,
        tree: str | None = None,
        seconds: float | None = None,
    ) -> JobReport:
        """Send the change back to work with remarks."""
        said = [{"text": each.text, "path": each.path, "line": each.line} for each in remarks]
        body = {"remarks": said, "agent": agent, "tree": tree, "seconds": seconds}
        return self._ask(JobReport, _of(ticket, "/comment"), body)

    def message(self, ticket: str, text: str, *, user: str = "") -> JobReport:  # noqa: ARG002 - the server knows who holds the key
        """Say something to a job that waits or is at work."""
        return self._ask(JobReport, _of(ticket, "/message"), {"text": text})

    def stop(self, ticket: str) -> JobReport:
        """Stop work at the next step."""
        return self._ask(JobReport, _of(ticket, "/stop"), {})

    def resume(
        self, ticket: str, watch: Watch = unseen, *, seconds: float = 0.0, usd: float = 0.0, tokens: int = 0
    ) -> JobReport:
        """Queue a job again where it stood, and wait until a worker has done with it."""
        report = self._ask(JobReport, _of(ticket, "/resume"), {"seconds": seconds, "usd": usd, "tokens": tokens})
        return self._done(report.ticket.id, watch)

    def answer(
        self,
        ticket: str,
        said: int | str,
        watch: Watch = unseen,
        *,
        seconds: float = 0.0,
        usd: float = 0.0,
        tokens: int = 0,
    ) -> JobReport:
        """Answer a question, and wait until a worker has done with what follows."""
        body = {"option": said} if isinstance(said, int) else {"text": said}
        more = {"seconds": seconds, "usd": usd, "tokens": tokens}
        return self._done(self._ask(JobReport, _of(ticket, "/answer"), {**body, **more}).ticket.id, watch)

    def review(self, repository: Path, ref: str, order: Order | None = None, watch: Watch = unseen) -> JobReport:
        """Have a worker judge a commit, and wait for the verdict."""
        body: dict[str, object] = {"repository": str(repository), "ref": ref}
        if order is not None:
            body |= {"test_command": order.test_command, "failing": list(order.failing), "seconds": order.seconds}
        return self._done(self._ask(Ticket, "/reviews", body).id, watch)

    def cost(self, repository: Path | None = None, since: float = 0.0) -> Cost:
        """Return what all work since a Unix time cost."""
        query = {"since": str(since)} | ({} if repository is None else {"repository": str(repository)})
        return self._ask(Cost, f"/cost?{urlencode(query)}")

    def _done(self, ticket: str, watch: Watch) -> JobReport:
        """Tell what happens to a ticket until no worker has it."""
        for event in self._events(ticket):
            watch(event)
            report = self.show(ticket)
            if report.status not in (Status.QUEUED, Status.WORKING):
                return report
        raise ServerUnreachable(f"{self._address} ended: `nightcrew --server … show {ticket}` says how it stands")

    def _events(self, ticket: str) -> Iterator[Event]:
        """Yield what the server tells of a ticket. The first says only that it listens: what came before is asked for."""
        path = f"/events?{urlencode({'ticket': ticket})}"
        with self._opened(path, None, "text/event-stream", timeout_s=_WAIT_S) as stream:
            yield Event(0, "progress", f"{self._address} has ticket {ticket}", time.time())
            kind = ""
            for line in stream:
                name, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    told = json.loads(value)
                    yield Event(0, "step" if kind == "step" else "progress", told["text"] or kind, told["at"])

    def _ask(self, kind: type[Kind], path: str, body: Mapping[str, object] | None = None) -> Kind:
        return decode(kind, self._bytes(path, body).decode())

    def _bytes(self, path: str, body: Mapping[str, object] | None = None, accept: str = RECORD) -> bytes:
        with self._opened(path, body, accept, timeout_s=_WAIT_S) as answer:
            data: bytes = answer.read(_ANSWER_BYTES)
            return data

    def _opened(self, path: str, body: Mapping[str, object] | None, accept: str, timeout_s: float) -> Any:
        headers = {"authorization": f"Bearer {self._key}", "accept": accept, "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self._address}/api{path}", data, headers)
        try:
            return self._opener.open(request, timeout=timeout_s)
        except HTTPError as error:
            with error:
                raise _refused(self._address, error) from error
        except (URLError, OSError) as error:
            why = getattr(error, "reason", error)
            raise ServerUnreachable(
                f"{self._address} does not answer ({why}): start it with `nightcrew serve`, or name another with --server"
            ) from error


def _refused(address: str, error: HTTPError) -> Exception:
    try:
        problem = json.loads(error.read(1 << 20))
        said, hint, kind = str(problem["detail"]), str(problem["hint"]), str(problem["kind"])
    except (ValueError, LookupError, TypeError, OSError):
        return ServerRefused(f"{address} answered {error.code}, and is no nightcrew of this version")
    told = f"{said}; {hint}" if hint else said
    return OrderRefused(told) if error.code == 422 else ServerRefused(f"{told} ({kind})")


def _of(ticket: str, then: str = "", **query: object) -> str:
    asked = urlencode({name: value for name, value in query.items() if value is not None})
    return f"/tickets/{quote(ticket, safe='')}{then}{f'?{asked}' if asked else ''}"


def _order_body(order: Order) -> dict[str, object]:
    """Return an order as the API takes it. Raises `OrderRefused` for what only this machine's own command line may say."""
    import base64

    local = {
        "--driver": order.driver,
        "--sandbox": order.sandbox,
        "--follow": order.follow,
        "--like": order.examples,
        "--seed": order.seed,
    }
    for name, given in local.items():
        if given:
            raise OrderRefused(f"{name} is for the machine where the work is done: leave it out with --server")
    body: dict[str, object] = {name: getattr(order, name) for name in _SENT}
    added = [{"path": each.path, "data": base64.b64encode(each.data).decode()} for each in order.added]
    return {**body, "repository": str(order.repository), "failing": list(order.failing), "added": added}
