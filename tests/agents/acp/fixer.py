"""A real agent of the Agent Client Protocol, a program of its own: replaces one text of one file, and looks at what that does.

    python fixer.py PATH OLD NEW

It reads, asks for permission, writes and runs a command through the client; where there is a model it asks that for NEW.
"""

# ruff: noqa: ARG002 - the protocol's package names all arguments
from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any, cast

import acp
from acp import schema


class Fixer:
    """Works on one file."""

    def __init__(self, path: str, old: str, new: str) -> None:
        self._path, self._old, self._new = path, old, new

    def on_connect(self, conn: acp.Client) -> None:
        self._client = conn

    async def initialize(
        self,
        protocol_version: int,
        client_capabilities: schema.ClientCapabilities | None = None,
        client_info: schema.Implementation | None = None,
        **kwargs: Any,
    ) -> schema.InitializeResponse:
        fs = client_capabilities.fs if client_capabilities is not None else None
        assert client_capabilities is not None and client_capabilities.terminal
        assert fs is not None and fs.read_text_file and fs.write_text_file
        return schema.InitializeResponse(
            protocol_version=protocol_version, agent_info=schema.Implementation(name="fixer", version="7")
        )

    async def new_session(self, cwd: str, **kwargs: Any) -> schema.NewSessionResponse:
        assert Path(cwd) == Path.cwd()
        self._file = f"{cwd}/{self._path}"
        return schema.NewSessionResponse(session_id="one")

    async def prompt(self, session_id: str, prompt: list[Any], **kwargs: Any) -> schema.PromptResponse:
        await self._say(acp.update_plan([acp.plan_entry("find the place", status="in_progress")]))
        await self._through_the_client()
        await self._say(acp.update_agent_message_text(f"I put {self._new!r} for {self._old!r}."))
        return schema.PromptResponse(stop_reason="end_turn")

    async def _say(self, update: Any) -> None:
        await self._client.session_update("one", update)

    def _ask_the_model(self) -> str:
        body = {"model": os.environ["LLM_MODEL"], "messages": [{"role": "user", "content": f"instead of {self._old}?"}]}
        request = urllib.request.Request(f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json.dumps(body).encode())
        request.add_header("Authorization", f"Bearer {os.environ['OPENAI_API_KEY']}")
        with urllib.request.urlopen(request) as answer:
            return str(json.load(answer)["choices"][0]["message"]["content"])

    async def _through_the_client(self) -> None:
        if "OPENAI_BASE_URL" in os.environ:
            self._new = await asyncio.to_thread(self._ask_the_model)
        read = await self._client.read_text_file("one", self._file)
        if self._new in read.content:
            return
        call = schema.ToolCallUpdate(
            tool_call_id="c1", title="edit", kind="edit", locations=[schema.ToolCallLocation(path=self._file)]
        )
        options = [
            schema.PermissionOption(option_id="always", name="Always", kind="allow_always"),
            schema.PermissionOption(option_id="yes", name="Yes", kind="allow_once"),
            schema.PermissionOption(option_id="no", name="No", kind="reject_once"),
        ]
        await self._say(acp.start_edit_tool_call("c1", f"edit {self._path}", self._file, ""))
        answer = await self._client.request_permission("one", call, options)
        assert isinstance(answer.outcome, schema.AllowedOutcome) and answer.outcome.option_id == "yes", answer
        await self._client.write_text_file("one", self._file, read.content.replace(self._old, self._new))
        await self._say(acp.update_tool_call("c1", status="completed"))
        started = await self._client.create_terminal("one", "sh", args=["-c", f"grep -n '{self._new}' {self._path}"])
        ended = await self._client.wait_for_terminal_exit("one", started.terminal_id)
        printed = await self._client.terminal_output("one", started.terminal_id)
        assert ended.exit_code == 0 and self._new in printed.output, (ended, printed)
        await self._client.release_terminal("one", started.terminal_id)


if __name__ == "__main__":
    asyncio.run(acp.run_agent(cast(acp.Agent, Fixer(*sys.argv[1:]))))
