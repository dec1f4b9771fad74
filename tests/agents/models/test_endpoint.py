"""Where models are: from the environment and from named models; keys that show nowhere."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict

import pytest

from agents.models import Endpoint, Key, ModelError, NamedModel, Trouble, Usage, choose, endpoints

FAST = NamedModel("fast", "http://localhost:8000/v1", "qwen", "FAST_KEY", "edit", 8192, 0.5, 1.5)


def key_of(endpoint: Endpoint) -> str:
    return endpoint.key.reveal() if endpoint.key is not None else ""


def test_the_environment_names_a_model() -> None:
    (found,) = endpoints({"LLM_BASE_URL": "http://a/v1", "LLM_API_KEY": "secret-1", "LLM_MODEL": "m"})
    assert (found.name, found.base_url, found.model, key_of(found)) == ("default", "http://a/v1", "m", "secret-1")


def test_openais_own_names_are_taken_where_the_others_are_not_set() -> None:
    (found,) = endpoints({"OPENAI_BASE_URL": "http://a/v1", "OPENAI_API_KEY": "secret-2", "LLM_MODEL": "m"})
    assert (found.base_url, key_of(found)) == ("http://a/v1", "secret-2")


def test_openais_key_goes_to_openai_or_to_openais_address_only() -> None:
    (elsewhere,) = endpoints({"LLM_BASE_URL": "http://other/v1", "OPENAI_API_KEY": "secret-3", "LLM_MODEL": "m"})
    assert elsewhere.key is None
    (there,) = endpoints({"LLM_BASE_URL": "https://api.openai.com/v1", "OPENAI_API_KEY": "secret-3", "LLM_MODEL": "m"})
    assert key_of(there) == "secret-3"


def test_named_models_follow_and_take_their_keys_from_the_environment() -> None:
    environ = {"LLM_BASE_URL": "http://a/v1", "LLM_MODEL": "m", "FAST_KEY": "secret-4"}
    found = endpoints(environ, [FAST])
    assert [each.name for each in found] == ["default", "fast"]
    assert (key_of(found[1]), found[1].context_tokens) == ("secret-4", 8192)
    assert found[1].cost_usd(Usage(1_000_000, 2_000_000)) == 3.5


@pytest.mark.parametrize(
    ("environ", "named", "trouble"),
    [
        ({"LLM_MODEL": "m"}, [], Trouble.NO_ADDRESS),
        ({"LLM_BASE_URL": "http://a/v1"}, [], Trouble.UNKNOWN_MODEL),
        ({"LLM_BASE_URL": "localhost:1", "LLM_MODEL": "m"}, [], Trouble.NO_ADDRESS),
        ({}, [FAST], Trouble.WRONG_KEY),
        ({"FAST_KEY": "a\nb"}, [FAST], Trouble.WRONG_KEY),
        ({"FAST_KEY": "schlüssel"}, [FAST], Trouble.WRONG_KEY),
    ],
)
def test_what_is_half_given_is_named(environ: dict[str, str], named: list[NamedModel], trouble: Trouble) -> None:
    with pytest.raises(ModelError) as raised:
        endpoints(environ, named)
    assert raised.value.trouble is trouble
    assert "schl" not in str(raised.value)


@pytest.mark.parametrize("url", ["https://me:hunter22@host/v1", "https://host/v1?api_key=hunter22"])
def test_an_address_that_holds_a_secret_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(ModelError) as raised:
        endpoints({"LLM_BASE_URL": url, "LLM_MODEL": "m"})
    assert "hunter22" not in str(raised.value)


def test_a_key_shows_in_no_repr_and_is_never_written_down() -> None:
    endpoint = Endpoint("a", "http://a/v1", "m", Key("secret-5"))
    assert "secret-5" not in f"{endpoint} {endpoint!r} {endpoint.key} {endpoint.scrub('it is secret-5')}"
    with pytest.raises(TypeError):
        pickle.dumps(endpoint)
    with pytest.raises(TypeError):
        asdict(endpoint)
    with pytest.raises(TypeError):
        copy.copy(endpoint.key)


def test_a_model_is_chosen_by_name_then_by_role() -> None:
    general, edits = Endpoint("general", "http://a", "m"), Endpoint("edits", "http://a", "m", role="edit")
    assert choose([general, edits]) is general
    assert choose([general, edits], role="edit") is edits
    assert choose([edits, general], role="plan") is general
    assert choose([edits], role="plan") is edits
    assert choose([general, edits], "edits") is edits
    with pytest.raises(ModelError, match="there are: general"):
        choose([general], "other")
    with pytest.raises(ModelError, match="set LLM_BASE_URL"):
        choose([])


def test_a_judge_edits_where_it_is_named_alone() -> None:
    judges, plans = Endpoint("judges", "http://a", "m", role="judge"), Endpoint("plans", "http://a", "m", role="plan")
    assert choose([judges, plans], role="edit") is plans
    assert choose([judges, plans], role="judge") is judges
    assert choose([judges], "judges", role="edit") is judges
    with pytest.raises(ModelError, match=r"only judges or applies \(judges\)"):
        choose([judges], role="edit")
