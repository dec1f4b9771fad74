"""What is read of a request. The rest of it passes as it is: what is added stands at its end, where the last of two equal names counts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.pool.drafting import XARG
from orchestrator.pool.refusal import Refusal

PATHS = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings")
TICKET = "x-nightcrew-ticket"
DEADLINE = "x-nightcrew-deadline"
_NEEDED = {"/v1/chat/completions": "messages", "/v1/completions": "prompt", "/v1/embeddings": "input"}
_TEMPLATE_TOKENS = 512
"""What a chat template adds of its own, which no byte of the request pays for."""
_MOST = 1 << 31
_NAME = 200


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: for which model, for which ticket, what it may cost at most, and by when it is to be answered."""

    path: str
    body: bytes
    model: str
    ticket: str
    streams: bool
    tells_usage: bool
    tokens_in: int
    """More than the prompt can have."""
    tokens_out: int | None
    """The most that the reply can have, all choices together; None where nothing bounds it."""
    choices: int
    says_max: bool
    """Whether it has `max_tokens`, which all engines read."""
    predicts: bool
    """Whether it has llama.cpp's `n_predict`, which wins over the API's own names."""
    repeatable: bool
    """Whether it may be sent twice: one that is to be stored may not."""
    deadline_s: float | None
    original: str | None
    """The text that the reply repeats with changes: the API's `prediction`."""
    xargs: Mapping[str, Any]
    """What it says to vLLM's extensions."""

    def sent(self, reply_tokens: int | None) -> bytes:
        """Return the request as a replica gets it: it tells its usage, and has `max_tokens` where it has to be bounded. Raises `Refusal`."""
        added: dict[str, object] = {}
        if self.streams and not self.tells_usage:
            added["stream_options"] = {"include_usage": True}
        if reply_tokens is not None and self.tokens_out != 0:
            if self.predicts:
                raise _wrong("n_predict", "a limit of tokens binds here: use `max_tokens` instead of `n_predict`")
            if not self.says_max:
                added["max_tokens"] = reply_tokens if self.tokens_out is None else self.tokens_out // self.choices
        if self.original is not None:
            added["vllm_xargs"] = {**self.xargs, XARG: self.original}
        if not added:
            return self.body
        whole = self.body.rstrip()
        return whole[:-1] + b"," + json.dumps(added).encode()[1:]


def read(path: str, body: bytes, headers: Mapping[str, str]) -> Asked:
    """Read a request. Raises `Refusal`."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "invalid_json", "the body of the request is no JSON") from None
    if not isinstance(told, dict):
        raise Refusal(400, "invalid_json", "the body of the request is no JSON object")
    model = told.get("model")
    if not isinstance(model, str):
        raise _wrong("model", "name a model: GET /v1/models lists them")
    if told.get(_NEEDED[path]) is None:
        raise _wrong(_NEEDED[path], f"`{_NEEDED[path]}` is missing")
    embeds = path == "/v1/embeddings"
    choices = _choices(told)
    most = 0 if embeds else _tokens_out(told)
    return Asked(
        path,
        body,
        model,
        _ticket(told, headers),
        streams=_flag(told, "stream") and not embeds,
        tells_usage=_flag(_object(told, "stream_options"), "include_usage"),
        tokens_in=len(body) + _TEMPLATE_TOKENS,
        tokens_out=None if most is None else most * choices,
        choices=choices,
        says_max=told.get("max_tokens") is not None,
        predicts=told.get("n_predict") is not None,
        repeatable=not _flag(told, "store"),
        deadline_s=_deadline(headers),
        original=_original(told),
        xargs=_object(told, "vllm_xargs"),
    )


def _ticket(told: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """Return what keeps requests together: the header, else the API's own words for that; "" where nothing does."""
    named = headers.get(TICKET) or told.get("prompt_cache_key") or told.get("user") or ""
    if not isinstance(named, str) or len(named) > _NAME or not named.isprintable():
        raise Refusal(400, "invalid_value", f"a ticket is named by at most {_NAME} printable characters", param="user")
    return named


def _original(told: Mapping[str, Any]) -> str | None:
    """Return what a reply is predicted to be, which the API has as a text or in parts."""
    prediction = _object(told, "prediction")
    content = prediction.get("content")
    if isinstance(content, list):
        texts = (part.get("text") for part in content if isinstance(part, dict))
        content = "".join(text for text in texts if isinstance(text, str))
    if prediction and not isinstance(content, str):
        raise _wrong("prediction", "a `prediction` has its `content`, as text")
    return content


def _deadline(headers: Mapping[str, str]) -> float | None:
    if DEADLINE not in headers:
        return None
    try:
        seconds = float(headers[DEADLINE])
    except ValueError:
        seconds = -1.0
    if not 0 < seconds < _MOST:
        raise Refusal(400, "invalid_value", f"{DEADLINE} is the seconds that are left, more than none")
    return seconds


def _tokens_out(told: Mapping[str, Any]) -> int | None:
    """Return the most tokens that one choice may have. Engines read one of two names; the greater bounds both."""
    named = [_whole(told, name) for name in ("max_tokens", "max_completion_tokens")]
    return max((each for each in named if each is not None), default=None)


def _choices(told: Mapping[str, Any]) -> int:
    """Return how many replies a request asks for: `n` of each prompt."""
    prompt = told.get("prompt")
    several = isinstance(prompt, list) and prompt and not isinstance(prompt[0], int)
    count = max(_whole(told, "n") or 1, _whole(told, "best_of") or 1)
    return count * (len(prompt) if several and isinstance(prompt, list) else 1)


def _whole(told: Mapping[str, Any], name: str) -> int | None:
    value = told.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _MOST:
        raise _wrong(name, f"`{name}` is a whole number above 0")
    return value


def _flag(told: Mapping[str, Any], name: str) -> bool:
    value = told.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, f"`{name}` is true or false")
    return bool(value)


def _object(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = told.get(name)
    if value is not None and not isinstance(value, dict):
        raise _wrong(name, f"`{name}` is an object")
    return value or {}


def _wrong(param: str, why: str) -> Refusal:
    return Refusal(400, "invalid_value", why, param=param)
