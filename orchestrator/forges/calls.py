"""Calls of a forge's API over HTTP: with deadlines, and with one error for each thing that a caller can do about it. Nothing else imports the HTTP client."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from orchestrator.forges.errors import ForgeRefused, ForgeUnavailable
from orchestrator.forges.payload import Payload, read_json
from orchestrator.plain import one_line

_REPLY_BYTES = 16 << 20
_LOG_BYTES = 64 << 20
_HOPS = 3
_SECRET = ("authorization", "private-token")
_PAGES = 10
_PAGE = 100
_DEFAULT_AFTER_S = 60.0
_LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a forge answered."""

    status: int
    data: Payload


class Caller:
    """Asks one API. `tries` says how often, `pause` waits in between: who can come back later asks once."""

    def __init__(
        self,
        name: str,
        base_url: str,
        headers: Mapping[str, str],
        *,
        token: str = "",
        timeout_s: float = 20.0,
        tries: int = 1,
        clock: Callable[[], float] = time.time,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._token = token
        self._tries = tries
        # The client's limit is for each piece; pieces can come for ever.
        self._whole_s = 3 * timeout_s
        self._clock = clock
        self._pause = pause
        # Reading the authorities takes longer than all else, and a plain address needs none.
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if base_url.startswith("http://") else True
        self._client = httpx2.Client(
            headers={"User-Agent": "nightcrew", "Accept": "application/json", **headers},
            timeout=httpx2.Timeout(timeout_s),
            verify=verify,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections. Safe to call twice."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        fine: tuple[int, ...] = (),
    ) -> Answer:
        """Call `path` and return the answer, which is 2xx or one of `fine`. Raises `ForgeUnavailable`, `ForgeRefused`."""
        for left in range(self._tries - 1, -1, -1):
            try:
                return self._once(method, path, body, query, fine)
            except ForgeUnavailable as error:
                if not left or error.after_s > _LONGEST_PAUSE_S:
                    raise
                self._pause(error.after_s or 2.0 ** (self._tries - left))
        raise AssertionError("somebody who asks at all asks once")

    def pages(self, path: str, query: Mapping[str, str] | None = None) -> Iterator[Payload]:
        """Yield the items of a list, page by page, as far as a person would look."""
        for page in range(1, _PAGES + 1):
            asked = {**(query or {}), "per_page": str(_PAGE), "limit": str(_PAGE), "page": str(page)}
            items = self.ask("GET", path, query=asked).data.each()
            yield from items
            # Some forges give fewer on a page than they are asked for, so only an empty one is the last.
            if not items:
                return

    def tail(self, path: str, limit_bytes: int) -> str:
        """Return the end of a text, a log most often, from where the forge says that it lies; "" where it gives none.

        Elsewhere the token is not sent along.
        """
        url, headers = self._base_url + path, dict[str, str]()
        for _ in range(_HOPS):
            request = self._client.build_request("GET", url, headers=headers)
            if not url.startswith(f"{self._base_url}/"):
                for name in _SECRET:
                    request.headers.pop(name, None)
            try:
                response = self._client.send(request, stream=True)
                try:
                    if not response.is_redirect:
                        return self._end(response, limit_bytes) if response.status_code == 200 else ""
                    url = str(response.url.join(response.headers["location"]))
                finally:
                    response.close()
            except (httpx2.TransportError, httpx2.InvalidURL) as error:
                raise ForgeUnavailable(f"{self._name} broke off in a log ({self._clean(str(error))})") from None
        return ""

    def _end(self, response: httpx2.Response, limit_bytes: int) -> str:
        end, read = b"", 0
        for piece in response.iter_bytes():
            read += len(piece)
            end = (end + piece)[-limit_bytes:]
            if read > _LOG_BYTES:
                break
        return end.decode("utf-8", "replace")

    def _once(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        query: Mapping[str, str] | None,
        fine: tuple[int, ...],
    ) -> Answer:
        content = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        request = self._client.build_request(
            method, self._base_url + path, content=content, headers=headers, params=dict(query or {})
        )
        try:
            response = self._client.send(request, stream=True)
            try:
                data = self._read(response)
            finally:
                response.close()
        except httpx2.TransportError as error:
            why = self._clean(str(error) or type(error).__name__)
            raise ForgeUnavailable(
                f"{self._name} cannot be reached, or broke off ({why}): is its address right?"
            ) from None
        return self._judged(response.status_code, response.headers, data, f"{method} {path}", fine)

    def _read(self, response: httpx2.Response) -> bytes:
        read, ends = bytearray(), time.monotonic() + self._whole_s
        for piece in response.iter_bytes():
            read += piece
            if time.monotonic() > ends:
                raise ForgeUnavailable(f"{self._name} took more than {self._whole_s:g} s for an answer")
            if len(read) > _REPLY_BYTES:
                raise ForgeUnavailable(f"{self._name} answered with more than {_REPLY_BYTES >> 20} MB")
        return bytes(read)

    def _judged(
        self, status: int, headers: Mapping[str, str], data: bytes, asked: str, fine: tuple[int, ...]
    ) -> Answer:
        answer = read_json(data) if data.strip() else Payload(None)
        if (200 <= status < 300 or status in fine) and answer is not None:
            return Answer(status, answer)
        said = self._clean(_words(answer) or data[:2000].decode("utf-8", "replace"))
        told = f"{self._name} answered {asked} with {status}: {said or 'no word'}"
        after_s = self._after_s(headers)
        limited = status in (403, 429) and (after_s or headers.get("x-ratelimit-remaining") == "0")
        if limited or status in (408, 425, 429) or status >= 500 or 200 <= status < 300:
            raise ForgeUnavailable(f"{told}; it is asked again", after_s or (_DEFAULT_AFTER_S if limited else 0.0))
        raise ForgeRefused(f"{told}; {_ADVICE.get(status, 'look at its entry in config.toml')}")

    def _after_s(self, headers: Mapping[str, str]) -> float:
        """Return how long it asks to be left alone."""
        after = headers.get("retry-after", "").strip()
        if after.isdecimal() and len(after) < 7:
            return float(after)
        if after:
            try:
                return max(0.0, parsedate_to_datetime(after).timestamp() - self._clock())
            except (ValueError, OverflowError):
                return _DEFAULT_AFTER_S
        # GitHub's name for it, then GitLab's.
        if "0" in (headers.get("x-ratelimit-remaining"), headers.get("ratelimit-remaining")):
            reset = headers.get("x-ratelimit-reset") or headers.get("ratelimit-reset") or ""
            return max(1.0, float(reset) - self._clock()) if reset.isdecimal() and len(reset) < 12 else _DEFAULT_AFTER_S
        return 0.0

    def _clean(self, words: str) -> str:
        """Return words of somebody else's for a message, without the token, which some repeat."""
        return one_line(words.replace(self._token, "…") if self._token else words, 300)


_ADVICE = {
    301: "the repository has moved: name it in config.toml as it is called now",
    302: "the address leads elsewhere: name the one that it leads to in config.toml",
    307: "the repository has moved: name it in config.toml as it is called now",
    308: "the repository has moved: name it in config.toml as it is called now",
    401: "the token is wrong or has run out: put a new one into its variable",
    403: "the token may not do that: give it the rights that docs/forges.md lists",
    404: "there is no such thing, or the token may not see it: give it the rights that docs/forges.md lists",
}


def part(text: str) -> str:
    """Return a text as one part of a path."""
    return quote(text, safe="")


def _words(answer: Payload | None) -> str:
    if answer is None:
        return ""
    known: Any = answer.text("message") or answer.text("error")
    listed = " ".join(each.text() or each.text("message") for each in (*answer.each("errors"), *answer.each("message")))
    return f"{known} {listed}".strip()
