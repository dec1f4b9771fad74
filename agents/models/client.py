"""One call through the official client library, which nothing else imports: a stream, its limits, its tries, its errors.

It has an event loop of its own, for the length of a call: only so can what waits on a socket be cancelled at once.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable
from dataclasses import replace
from typing import Any, TypeVar

import httpx2
import openai

from agents.models.endpoint import Endpoint
from agents.models.errors import ModelError, Trouble
from agents.models.model import Finish, Reply, Request, Watch
from agents.models.patience import Patience, asked_wait_s
from agents.models.repetition import Repetition
from agents.models.wire import Assembly, body
from agents.wording import plain

POLL_S = 0.25
REPLY_CHARACTERS = 2_000_000
"""No reply is longer; a server that goes on is cut off."""
_QUOTED = 300
_UNPRINTABLE_SHARE = 0.3
_SPARE = {
    "stream_options": None,
    "max_tokens": "max_completion_tokens",
    "temperature": None,
    "seed": None,
    "stop": None,
    "logprobs": None,
    "top_logprobs": None,
    "prediction": None,
}
"""Parameters that some servers refuse, and what they want instead (None: nothing)."""

_EACH_ITS_OWN = httpx2.Limits(max_keepalive_connections=0)
"""Each try has a connection of its own: one that was kept may end, at the server's side, as the next try is sent over it."""

_END = object()

Result = TypeVar("Result")


class _Again(Exception):
    """Raised where a try failed and another may not; `asked_s` is how long the server asks to wait."""

    def __init__(self, error: ModelError, asked_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.asked_s = asked_s


class Call:
    """One request to one endpoint, until `deadline_s` seconds from now."""

    def __init__(
        self, endpoint: Endpoint, request: Request, patience: Patience, deadline_s: float, watch: Watch
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._patience = patience
        self._deadline_s = deadline_s
        self._ends = time.monotonic() + deadline_s
        self._watch = watch
        self._body = body(endpoint.model, request, predicts=endpoint.pool)

    def run(self) -> Reply:
        """Return the reply of the first try that gives one."""
        return asyncio.run(self._tries())

    async def _tries(self) -> Reply:
        async with self._client() as client:
            for number in range(1, self._patience.tries + 1):
                try:
                    return await self._try(client)
                except _Again as again:
                    error = again.error
                    if number == self._patience.tries:
                        break
                    wait_s = self._patience.wait_before(number, again.asked_s)
                    if time.monotonic() + wait_s >= self._ends:
                        late = f"{error.why}; {wait_s:g} s of wait before the next try are more than is left"
                        raise ModelError(error.trouble, late, partial=error.partial) from None
                await self._pause(wait_s)
            raise error from None

    def _client(self) -> openai.AsyncOpenAI:
        key = self._endpoint.key.reveal() if self._endpoint.key is not None else "none"
        timeout = openai.Timeout(None, connect=self._patience.connect_s)
        address = self._endpoint.base_url
        # Reading the authorities takes longer than all else. A plain address needs none, and with none no other is believed.
        bare = address.startswith("http://")
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if bare else True
        http = openai.DefaultAsyncHttpxClient(verify=verify, limits=_EACH_ITS_OWN)
        return openai.AsyncOpenAI(api_key=key, base_url=address, max_retries=0, timeout=timeout, http_client=http)

    async def _pause(self, wait_s: float) -> None:
        until = time.monotonic() + wait_s
        while (left := until - time.monotonic()) > 0:
            self._watch("")
            await asyncio.sleep(min(POLL_S, left))

    async def _try(self, client: openai.AsyncOpenAI) -> Reply:
        assembly = Assembly(self._request)
        try:
            return await self._stream(client, assembly)
        except openai.APIStatusError as error:
            if self._spare(error):
                return await self._try(client)
            raise self._of_status(error) from None
        except openai.APIConnectionError as error:
            why = self._said(str(error.__cause__ or error) or type(error.__cause__).__name__)
            if assembly.begun:
                raise _Again(self._error(Trouble.BROKEN, f"broke off its reply ({why})", assembly)) from None
            raise _Again(self._error(Trouble.UNREACHABLE, f"cannot be reached ({why})")) from None
        except openai.APIError as error:
            # An event in the stream that says what went wrong.
            said = self._said(error.message)
            if _about_length(said):
                raise self._error(Trouble.TOO_LONG, f"refused: {said}", assembly) from None
            raise _Again(self._error(Trouble.BROKEN, f"ended its reply with an error: {said}", assembly)) from None
        except ValueError as error:
            said = self._said(str(error))
            raise self._error(Trouble.GARBAGE, f"sent what is no event of a chat ({said})", assembly) from None

    async def _stream(self, client: openai.AsyncOpenAI, assembly: Assembly) -> Reply:
        told = self._endpoint.headers(self._ends - time.monotonic())
        create = client.chat.completions.create(**self._body, extra_headers=told)
        opened: Any = await self._wait(create, self._patience.first_s, assembly)
        if not hasattr(opened, "response"):
            raise self._error(Trouble.GARBAGE, "answered without a stream")
        try:
            await self._read(opened, assembly)
        finally:
            await opened.close()
        return self._whole(assembly)

    async def _read(self, stream: Any, assembly: Assembly) -> None:
        chunks, repetition, characters = aiter(stream), Repetition(), 0
        while True:
            limit_s = self._patience.idle_s if assembly.begun else self._patience.first_s
            chunk = await self._wait(anext(chunks, _END), limit_s, assembly)
            if chunk is _END:
                return
            text, anything = assembly.take(chunk)
            self._watch(text)
            characters += len(anything)
            if (piece := repetition.take(anything)) is not None:
                why = f"repeats {piece[:60]!r} without end and was cut off"
                raise self._error(Trouble.REPETITION, why, assembly)
            if characters > REPLY_CHARACTERS:
                raise self._error(Trouble.GARBAGE, f"sent more than {REPLY_CHARACTERS} characters", assembly)

    async def _wait(self, work: Awaitable[Result], limit_s: float, assembly: Assembly) -> Result:
        """Wait for one thing; what takes too long, and what the watch does not want any more, is cancelled and seen to end."""
        task = asyncio.ensure_future(work)
        until = time.monotonic() + limit_s
        try:
            while True:
                left_s = min(until, self._ends) - time.monotonic()
                done, _ = await asyncio.wait({task}, timeout=max(0.0, min(POLL_S, left_s)))
                if done:
                    return task.result()
                self._watch("")
                if time.monotonic() >= self._ends:
                    why = f"gave no whole reply in the {self._deadline_s:g} s there were"
                    raise self._error(Trouble.DEADLINE, why, assembly)
                if time.monotonic() >= until:
                    raise _Again(self._error(Trouble.SILENT, f"sent nothing for {limit_s:g} s", assembly))
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    def _whole(self, assembly: Assembly) -> Reply:
        """Return the reply of a stream that came to its end, or raise what is wrong with it."""
        reply = assembly.reply()
        if not assembly.understood:
            raise self._error(Trouble.GARBAGE, "answered with something that is no stream of a chat")
        if not assembly.ended:
            raise _Again(self._error(Trouble.BROKEN, "ended its stream before its reply", assembly))
        if not reply.calls and not reply.text.strip() and not reply.cut and not reply.tokens:
            if reply.finish is Finish.FILTER:
                raise self._error(Trouble.REFUSED, "ended the reply by its content filter", assembly)
            raise self._error(Trouble.EMPTY, "returned nothing", assembly)
        strange = sum(not (letter.isprintable() or letter.isspace()) or letter == "\ufffd" for letter in reply.text)
        if strange > _UNPRINTABLE_SHARE * max(len(reply.text), 20):
            raise self._error(Trouble.GARBAGE, "wrote characters that are no text", assembly)
        return self._clean(reply)

    def _spare(self, error: openai.APIStatusError) -> bool:
        """Leave out, or name otherwise, a parameter that the server refuses; say whether there was one."""
        if error.status_code not in (400, 422):
            return False
        said = str(error)
        for name, instead in _SPARE.items():
            if name in self._body and (error.param == name or f"'{name}'" in said or f'"{name}"' in said):
                value = self._body.pop(name)
                if instead is not None:
                    self._body[instead] = value
                return True
        return False

    def _of_status(self, error: openai.APIStatusError) -> ModelError | _Again:
        status, said = error.status_code, self._said(_words(error))
        told = f"answered {status}: {said}"
        lower = said.lower()
        if status in (401, 403):
            return self._error(Trouble.WRONG_KEY, f"does not take the key ({told})")
        if status == 404 or (
            status in (400, 422) and "model" in lower and ("not found" in lower or "not exist" in lower)
        ):
            if "model" in lower:
                return self._error(Trouble.UNKNOWN_MODEL, f"does not know it ({told})")
            return self._error(Trouble.UNREACHABLE, f"has nothing at that path ({told})")
        if status == 413 or (status in (400, 422, 500) and _about_length(lower)):
            return self._error(Trouble.TOO_LONG, f"refused the request ({told})")
        if status in (408, 409, 429) or status >= 500:
            if error.code == "insufficient_quota":
                return self._error(Trouble.REFUSED, f"has no more to give for this key ({told})")
            return _Again(
                self._error(Trouble.OVERLOADED, f"cannot answer now ({told})"), asked_wait_s(error.response.headers)
            )
        return self._error(Trouble.REFUSED, f"refused the request ({told})")

    @property
    def _named(self) -> str:
        return f"the model {self._endpoint.model!r} at {self._endpoint.base_url}"

    def _error(self, trouble: Trouble, why: str, assembly: Assembly | None = None) -> ModelError:
        partial = self._clean(assembly.reply()) if assembly is not None and assembly.begun else None
        return ModelError(trouble, f"{self._named} {why}", partial=partial)

    def _said(self, words: str) -> str:
        said = " ".join(self._endpoint.scrub(plain(words)).split())
        return said if len(said) <= _QUOTED else f"{said[:_QUOTED]}…"

    def _clean(self, reply: Reply) -> Reply:
        """Return a reply without the key, should the server have sent that back."""
        scrub = self._endpoint.scrub
        calls = tuple(replace(call, arguments=scrub(call.arguments)) for call in reply.calls)
        text = scrub(reply.text)
        tokens = reply.tokens if text == reply.text else ()
        return replace(reply, text=text, thinking=scrub(reply.thinking), calls=calls, tokens=tokens)


def _words(error: openai.APIStatusError) -> str:
    """Return what a server says in a refusal; of a page in HTML, nothing."""
    if isinstance(error.body, dict) and isinstance(error.body.get("message"), str):
        return str(error.body["message"])
    words = error.response.text if error.response.is_closed else str(error)
    return "a page" if "<html" in words.lower() else words


def _about_length(said: str) -> bool:
    lower = said.lower()
    return "context" in lower and any(word in lower for word in ("length", "size", "exceed", "window", "too long"))
