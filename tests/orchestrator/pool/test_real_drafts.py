"""The real vLLM drafts from the text that a request says it rewrites: it says the same as without, in fewer steps by its own figures."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest

from tests.orchestrator.pool import tinymodel
from tests.orchestrator.pool.real import Real, real_pool, real_table

pytestmark = pytest.mark.long

TOKENS = 400
DRAFTED = "spec_decode_num_draft_tokens_total"
ACCEPTED = "spec_decode_num_accepted_tokens_total"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    folder = tmp_path_factory.mktemp("drafts")
    more = 'drafts = "original"\ndraft_tokens = 16'
    with real_pool(folder / "pool", real_table("tiny", tinymodel.make(folder / "tiny"), more=more)) as made:
        yield made


@pytest.fixture
def client(real: Real) -> Iterator[openai.OpenAI]:
    with real.client() as made:
        yield made


def said(client: openai.OpenAI, prompt: str, prediction: str | None) -> str:
    """Return a reply of which some text was predicted; an empty one drafts nothing."""
    named: dict[str, Any] = {} if prediction is None else {"prediction": {"type": "content", "content": prediction}}
    messages: list[Any] = [{"role": "user", "content": prompt}]
    asked = {"model": "tiny", "messages": messages, "max_tokens": TOKENS, "temperature": 0, **named}
    whole = client.chat.completions.create(**asked)
    assert whole.usage is not None and whole.usage.completion_tokens == TOKENS
    return str(whole.choices[0].message.content)


def edited(text: str) -> str:
    """Return a text from which the reply is drafted that differs from it: a part gone, one more, one replaced, as edits do."""
    return f"{text[:90]}{text[120:200]}something that is not there{text[200:280]}~~{text[282:]}"


def test_a_reply_is_the_same_with_drafts_from_its_original_of_which_most_are_accepted(
    real: Real, client: openai.OpenAI
) -> None:
    before = real.metric("tiny", DRAFTED)
    plain = said(client, "Say something.", "")
    assert real.metric("tiny", DRAFTED) == before
    accepted = real.metric("tiny", ACCEPTED)
    assert said(client, "Say something.", edited(plain)) == plain
    assert real.metric("tiny", ACCEPTED) - accepted > 0.7 * TOKENS


def test_a_request_that_names_no_original_is_drafted_by_n_grams(real: Real, client: openai.OpenAI) -> None:
    prompt = "def total(rows):\n    return sum(rows)\n" * 5
    before = real.metric("tiny", DRAFTED)
    plain = said(client, prompt, "")
    assert real.metric("tiny", DRAFTED) == before
    assert said(client, prompt, None) == plain
    assert real.metric("tiny", DRAFTED) > before


def test_requests_of_one_batch_are_drafted_each_from_its_own(client: openai.OpenAI) -> None:
    prompts = [f"Say {number}." for number in range(4)]
    plain = [said(client, prompt, "") for prompt in prompts]
    texts = [edited(plain[0]), None, plain[2], "nothing of the kind <|im_end|> \0 ä " * 300]
    with ThreadPoolExecutor(len(prompts)) as several:
        assert list(several.map(said, [client] * len(prompts), prompts, texts)) == plain
