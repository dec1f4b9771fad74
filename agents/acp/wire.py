"""The protocol's messages, written and read with its own package: the one module that imports it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from acp import AGENT_METHODS, CLIENT_METHODS, PROTOCOL_VERSION, schema
from pydantic import BaseModel

from agents.acp.asked import (
    Asked,
    Choice,
    Exit,
    Introduced,
    OnTerminal,
    Permission,
    ReadFile,
    StartTerminal,
    Telling,
    Told,
    Verb,
    WriteFile,
)
from agents.acp.messages import Message

INITIALIZE = AGENT_METHODS["initialize"]
NEW = AGENT_METHODS["session_new"]
LOAD = AGENT_METHODS["session_load"]
PROMPT = AGENT_METHODS["session_prompt"]
CANCEL = AGENT_METHODS["session_cancel"]
UPDATE = CLIENT_METHODS["session_update"]
VERSION = PROTOCOL_VERSION
NOT_LOGGED_IN = -32000
"""The protocol's code of an error that says: log in first."""
_META = "nightcrew/diagnostics"


def introduction() -> Message:
    """Return how nightcrew introduces itself: it reads and writes files, and runs commands."""
    files = schema.FileSystemCapabilities(read_text_file=True, write_text_file=True)
    return _dumped(
        schema.InitializeRequest(
            protocol_version=VERSION,
            client_capabilities=schema.ClientCapabilities(fs=files, terminal=True),
            client_info=schema.Implementation(name="nightcrew", title="nightcrew", version="1"),
        )
    )


def introduced(result: object) -> Introduced:
    """Return how an agent introduces itself. Raises ValueError, as all that reads here, for what is no such message."""
    read = schema.InitializeResponse.model_validate(result)
    info, can = read.agent_info, read.agent_capabilities
    return Introduced(
        version=read.protocol_version,
        name=f"{info.name} {info.version or ''}".strip() if info is not None else "",
        loads=bool(can is not None and can.load_session),
        logins=tuple(each.name for each in read.auth_methods or ()),
    )


def new_session(cwd: str) -> Message:
    """Return what opens a session in a directory."""
    return _dumped(schema.NewSessionRequest(cwd=cwd, mcp_servers=[]))


def load_session(cwd: str, session: str) -> Message:
    """Return what takes a session up again."""
    return _dumped(schema.LoadSessionRequest(cwd=cwd, mcp_servers=[], session_id=session))


def session_of(result: object) -> str:
    """Return the id of the session that was opened."""
    return schema.NewSessionResponse.model_validate(result).session_id


def prompt(session: str, text: str) -> Message:
    """Return what starts a turn."""
    block = schema.TextContentBlock(type="text", text=text)
    return _dumped(schema.PromptRequest(session_id=session, prompt=[block]))


def stop_reason(result: object) -> str:
    """Return why a turn ended, in the protocol's word."""
    return schema.PromptResponse.model_validate(result).stop_reason


def cancelled(session: str) -> Message:
    """Return what cancels a turn."""
    return _dumped(schema.CancelNotification(session_id=session))


def asked(method: str, params: object) -> Asked:
    """Return what an agent asks for. Raises NotImplementedError for a method that is not known."""
    if method not in _ASKED:
        raise NotImplementedError
    return _ASKED[method](params)


def told(params: object) -> Told:
    """Return what an agent tells of its work."""
    update = schema.SessionNotification.model_validate(params).update
    match update:
        case schema.AgentMessageChunk(content=content):
            return Told(Telling.MESSAGE, _text_of(content))
        case schema.AgentThoughtChunk(content=content):
            return Told(Telling.THOUGHT, _text_of(content))
        case schema.ToolCallStart() | schema.ToolCallProgress():
            return Told(Telling.TOOL, update.title or "", update.tool_call_id, update.status or "")
        case schema.AgentPlanUpdate(entries=entries):
            return Told(Telling.PLAN, "\n".join(f"{each.status}: {each.content}" for each in entries))
    return Told(Telling.OTHER)


def read_reply(content: str) -> Message:
    """Return what answers the reading of a file."""
    return _dumped(schema.ReadTextFileResponse(content=content))


def written_reply(diagnostics: str) -> Message:
    """Return what answers the writing of a file. The protocol has no place for findings, so they go where extensions go."""
    meta = {_META: diagnostics} if diagnostics else None
    return _dumped(schema.WriteTextFileResponse(field_meta=meta))


def terminal_reply(terminal: str) -> Message:
    """Return what answers the start of a terminal."""
    return _dumped(schema.CreateTerminalResponse(terminal_id=terminal))


def output_reply(output: str, truncated: bool, ended: Exit | None) -> Message:
    """Return what answers a look at a terminal."""
    status = None if ended is None else schema.TerminalExitStatus(exit_code=ended.status, signal=ended.signal)
    return _dumped(schema.TerminalOutputResponse(output=output, truncated=truncated, exit_status=status))


def exit_reply(ended: Exit) -> Message:
    """Return what answers the wait for a terminal's end."""
    return _dumped(schema.WaitForTerminalExitResponse(exit_code=ended.status, signal=ended.signal))


def permission_reply(choice: str | None) -> Message:
    """Return what answers a request for permission; None where no answer that was offered fits."""
    outcome = (
        schema.DeniedOutcome(outcome="cancelled")
        if choice is None
        else schema.AllowedOutcome(outcome="selected", option_id=choice)
    )
    return _dumped(schema.RequestPermissionResponse(outcome=outcome))


def _dumped(model: BaseModel) -> Message:
    return cast(Message, model.model_dump(mode="json", by_alias=True, exclude_none=True))


def _text_of(content: object) -> str:
    return content.text if isinstance(content, schema.TextContentBlock) else ""


def _read_file(params: object) -> Asked:
    read = schema.ReadTextFileRequest.model_validate(params)
    return ReadFile(read.path, read.line, read.limit)


def _write_file(params: object) -> Asked:
    read = schema.WriteTextFileRequest.model_validate(params)
    return WriteFile(read.path, read.content)


def _start_terminal(params: object) -> Asked:
    read = schema.CreateTerminalRequest.model_validate(params)
    environment = {each.name: each.value for each in read.env or ()}
    return StartTerminal((read.command, *(read.args or ())), read.cwd, environment, read.output_byte_limit)


def _permission(params: object) -> Asked:
    read = schema.RequestPermissionRequest.model_validate(params)
    call = read.tool_call
    edited = [each.path for each in call.content or () if isinstance(each, schema.FileEditToolCallContent)]
    paths = tuple(dict.fromkeys([*(each.path for each in call.locations or ()), *edited]))
    choices = tuple(Choice(each.option_id, each.kind) for each in read.options)
    return Permission(call.title or "", call.kind or "", paths, choices)


def _verb(verb: Verb, model: type[schema.BaseModel]) -> Callable[[object], Asked]:
    def read(params: object) -> Asked:
        return OnTerminal(verb, str(model.model_validate(params).terminal_id))

    return read


_ASKED: Mapping[str, Callable[[object], Asked]] = {
    CLIENT_METHODS["fs_read_text_file"]: _read_file,
    CLIENT_METHODS["fs_write_text_file"]: _write_file,
    CLIENT_METHODS["session_request_permission"]: _permission,
    CLIENT_METHODS["terminal_create"]: _start_terminal,
    CLIENT_METHODS["terminal_output"]: _verb(Verb.OUTPUT, schema.TerminalOutputRequest),
    CLIENT_METHODS["terminal_wait_for_exit"]: _verb(Verb.WAIT, schema.WaitForTerminalExitRequest),
    CLIENT_METHODS["terminal_kill"]: _verb(Verb.KILL, schema.KillTerminalRequest),
    CLIENT_METHODS["terminal_release"]: _verb(Verb.RELEASE, schema.ReleaseTerminalRequest),
}
