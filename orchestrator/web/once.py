"""Once: what is sent twice under one key is done once, and answered alike. A program names the key, a form has that of the page it stands on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import anyio
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from orchestrator.web.problems import Problem, problem_of
from orchestrator.web.site import who_asks
from orchestrator.web.submissions import Submission, Submissions

HEADER = "idempotency-key"
FIELDS = 1_000
"""Of a form."""
PART_FIELDS = 20_000
"""Of the one form that has a field for each hunk of a change."""
WAIT_S = 20.0
"""How long the second of two that are sent at once waits for the first."""
_LOOK_S = 0.05
_KEY_CHARACTERS = 200
_PIECE_BYTES = 1 << 20
_AGAIN = ("/read",)
"""Forms that may well be sent again, with another one between."""
_KEPT = ("content-type", "location")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class _Sent:
    """What came under a key: whose it is, and a hash of what is asked."""

    user: str
    key: str
    asked: str


class Once(APIRoute):
    """A route of the API: its POSTs are done once under an `Idempotency-Key`."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        handle = super().get_route_handler()
        return _once(handle, _named) if "POST" in (self.methods or ()) else handle


class OnceForm(APIRoute):
    """A route of a form: what it says is done once for each time that its page was drawn."""

    def get_route_handler(self) -> Handler:
        """Return what answers a request."""
        handle = super().get_route_handler()
        most = PART_FIELDS if self.path.endswith("/part") else FIELDS

        async def drawn(request: Request, user: str) -> _Sent | None:
            form = await _form(request, most)
            if self.path.endswith(_AGAIN) or not form.get("form"):
                return None
            # Who goes back to a page, and changes what it says, sends something else.
            asked = await run_in_threadpool(_hash_of, request.url.path, form)
            return _Sent(user, f"form {asked}", asked)

        return _once(handle, drawn)


def _once(handle: Handler, sent: Callable[[Request, str], Coroutine[Any, Any, _Sent | None]]) -> Handler:
    async def once(request: Request) -> Response:
        person = await who_asks(request)
        try:
            told = None if person is None else await sent(request, person.name)
            return await handle(request) if told is None else await _answer(request, told, handle)
        finally:
            # Files of a form that nobody handled.
            await request.close()

    return once


async def _answer(request: Request, sent: _Sent, handle: Handler) -> Response:
    """Answer what was sent as the first time, or do it. Raises `Problem`."""
    submissions: Submissions = request.app.state.submissions
    known = await run_in_threadpool(submissions.begin, sent.user, sent.key, sent.asked)
    if known is not None:
        return await _known(submissions, sent, known)
    try:
        response = await handle(request)
    except Exception as error:
        if _refused(error):
            await run_in_threadpool(submissions.drop, sent.user, sent.key)
        # Else nobody knows how far it came: the key stays taken.
        raise
    headers = {name: response.headers[name] for name in _KEPT if name in response.headers}
    answer = bytes(response.body)
    await run_in_threadpool(submissions.finish, sent.user, sent.key, response.status_code, headers, answer)
    return response


async def _known(submissions: Submissions, sent: _Sent, known: Submission) -> Response:
    if known.asked != sent.asked:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "key-reused",
            "something else was sent under this Idempotency-Key",
            "send it under a key of its own",
        )
    with anyio.move_on_after(WAIT_S):
        while known.status is None:
            await anyio.sleep(_LOOK_S)
            now = await run_in_threadpool(submissions.known, sent.user, sent.key)
            if now is None:
                raise _under_way("the same was sent at once, and refused", "send it again")
            known = now
    if known.status is None:
        raise _under_way(
            "the same was sent before, and is not answered yet: it is being done, or the server ended meanwhile",
            "look whether it was done before you send it again, under another key or from the page loaded anew",
        )
    return Response(known.answer, known.status, dict(known.headers))


def _under_way(message: str, hint: str) -> Problem:
    return Problem(HTTPStatus.CONFLICT, "under-way", message, hint)


async def _named(request: Request, user: str) -> _Sent | None:
    key = request.headers.get(HEADER)
    if key is None:
        return None
    name = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if not 1 <= len(name) <= _KEY_CHARACTERS or not name.isascii() or not name.isprintable():
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            "bad-key",
            "this Idempotency-Key is none",
            f"send up to {_KEY_CHARACTERS} printable characters, such as a UUID",
        )
    asked = hashlib.sha256(f"{request.url.path}?{request.url.query}\n".encode())
    asked.update(await request.body())
    return _Sent(user, f"key {name}", asked.hexdigest())


async def _form(request: Request, most: int) -> FormData:
    try:
        return await request.form(max_fields=most)
    except HTTPException as error:
        if "Too many fields" not in str(error.detail):
            raise
        raise Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "too-large",
            f"a form like this has at most {most:,} fields",
            "choose the part of a change that has more hunks with `nightcrew part`",
        ) from error


def _hash_of(path: str, form: FormData) -> str:
    """Return a hash of all that a form says: its token is that of the one page it stands on."""
    asked = hashlib.sha256(path.encode("utf-8", "surrogatepass"))
    for name, value in form.multi_items():
        asked.update(f"\0{name}\0".encode("utf-8", "surrogatepass"))
        if isinstance(value, UploadFile):
            asked.update(f"{value.filename}\0".encode("utf-8", "surrogatepass"))
            while piece := value.file.read(_PIECE_BYTES):
                asked.update(piece)
            value.file.seek(0)
        else:
            asked.update(value.encode("utf-8", "surrogatepass"))
    return asked.hexdigest()


def _refused(error: Exception) -> bool:
    """Say whether an error is told before anything is done."""
    return isinstance(error, RequestValidationError | HTTPException) or int(problem_of(error).status) < 500
