"""What an agent asks of its client: files, permissions, terminals, and what is refused."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agents import OutOfBudget, Proposal
from agents.acp import AcpAgent
from agents.acp.asked import StartTerminal, WriteFile
from agents.acp.errors import Declined
from agents.acp.files import Files
from agents.acp.terminals import MOST, Ring, Terminals
from agents.memory import MemoryWorkspace
from sandbox import Command, Completed, Ended
from tests.agents.acp.puppet import FILES, TASK, Puppet, Terminal, staged
from tests.contracts.workspaces import _bad_lines
from verifier import Found, Says, ScriptedSession, Server, Tier

ROOT = "/repository"


def asking(script: Callable[[Puppet], None], terminal: Terminal | None = None, **given: Any) -> MemoryWorkspace:
    """Play an agent that asks things in its turn, then fixes the bug; an assertion of its script fails the test."""
    failed: list[AssertionError] = []

    def play(puppet: Puppet) -> None:
        puppet.open()
        number, _ = puppet.prompted()
        try:
            script(puppet)
        except AssertionError as error:
            failed.append(error)
        puppet.write()
        puppet.end(number)

    workspace = staged(play, terminal, **given)
    result = AcpAgent("agent").work(TASK, workspace)
    if failed:
        raise failed[0]
    assert isinstance(result, Proposal)
    return workspace


def test_files_are_read_whole_or_by_lines() -> None:
    def script(puppet: Puppet) -> None:
        def read(**which: object) -> object:
            return puppet.ask("fs/read_text_file", path=f"{ROOT}/sums.py", **which)["result"]["content"]

        assert read() == FILES["sums.py"].decode()
        assert read(line=1, limit=1) == "def add(a, b):\n"
        assert read(line=5) == "def twice(a):\n    return add(a, a)\n"
        assert read(line=6, limit=100) == "    return add(a, a)\n"
        assert read(line=100, limit=2) == ""
        assert read(limit=0) == ""

    asking(script)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("sums.py", "no absolute path below"),
        ("/etc/passwd", "no absolute path below"),
        (f"{ROOT}/../etc/passwd", "no absolute path below"),
        (f"{ROOT}", "no absolute path below"),
        (f"{ROOT}/.git/config", ".git"),
        (f"{ROOT}/nowhere.py", "no file"),
        (f"{ROOT}/latin.txt", "no UTF-8 text"),
        (f"{ROOT}/big.txt", "more than 16777216"),
        (f"{ROOT}/{'x' * 5000}", "no absolute path below"),
    ],
)
def test_what_cannot_be_read_is_refused_and_the_work_goes_on(path: str, says: str) -> None:
    def script(puppet: Puppet) -> None:
        error = puppet.ask("fs/read_text_file", path=path)["error"]
        assert error["code"] < 0
        assert says in error["message"]

    workspace = staged(lambda puppet: _fixing_after(puppet, script))
    workspace.files |= {"latin.txt": b"\xe9", "big.txt": b"x" * ((16 << 20) + 1)}
    assert isinstance(AcpAgent("agent").work(TASK, workspace), Proposal)


def _fixing_after(puppet: Puppet, script: Callable[[Puppet], None]) -> None:
    puppet.open()
    number, _ = puppet.prompted()
    script(puppet)
    puppet.write()
    puppet.end(number)


@pytest.mark.parametrize(
    ("path", "content", "says"),
    [
        ("/etc/passwd", "x", "no absolute path below"),
        (f"{ROOT}/test_sums.py", "x", "protected"),
        (f"{ROOT}/.git/hooks/pre-commit", "x", ".git"),
        (f"{ROOT}/sums.py", "\ud800", "no valid Unicode"),
    ],
)
def test_what_may_not_be_written_is_refused_and_the_work_goes_on(path: str, content: str, says: str) -> None:
    def script(puppet: Puppet) -> None:
        answer = puppet.ask("fs/write_text_file", path=path, content=content)
        assert says in answer["error"]["message"]

    workspace = asking(script)
    assert workspace.files["test_sums.py"] == FILES["test_sums.py"]


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("fs/delete_everything", {}, -32601),
        ("session/prompt", {}, -32601),
        ("fs/read_text_file", {}, -32602),
        ("fs/read_text_file", {"path": 7}, -32602),
        ("terminal/output", {"terminalId": "none"}, -32602),
        ("terminal/create", {"command": "x", "env": [{"name": "A=B", "value": "c"}]}, -32602),
        ("terminal/create", {"command": "x\0y"}, -32602),
        ("terminal/create", {"command": "x", "args": ["y" * 100_000]}, -32602),
    ],
)
def test_requests_that_make_no_sense_are_refused(method: str, params: Mapping[str, object], code: int) -> None:
    def script(puppet: Puppet) -> None:
        assert puppet.ask(method, **params)["error"]["code"] == code

    asking(script)


OPTIONS = [
    {"optionId": "a", "name": "Always", "kind": "allow_always"},
    {"optionId": "o", "name": "Once", "kind": "allow_once"},
    {"optionId": "r", "name": "No", "kind": "reject_once"},
]


@pytest.mark.parametrize(
    ("call", "options", "chosen"),
    [
        ({"kind": "execute", "title": "rm -rf /"}, OPTIONS, "o"),
        ({"kind": "edit", "locations": [{"path": f"{ROOT}/sums.py"}]}, OPTIONS, "o"),
        ({"kind": "edit", "locations": [{"path": f"{ROOT}/sums.py"}]}, OPTIONS[:1], "a"),
        ({"kind": "read", "locations": [{"path": f"{ROOT}/test_sums.py"}]}, OPTIONS, "o"),
        ({"kind": "edit", "locations": [{"path": f"{ROOT}/test_sums.py"}]}, OPTIONS, "r"),
        ({"kind": "edit", "locations": [{"path": f"{ROOT}/test_sums.py"}]}, OPTIONS[:2], None),
        ({"content": [{"type": "diff", "path": f"{ROOT}/x/../test_sums.py", "newText": ""}]}, OPTIONS, "r"),
        ({"kind": "delete", "locations": [{"path": "test_sums.py"}]}, OPTIONS, "r"),
    ],
)
def test_permission_is_given_once_but_not_for_what_is_protected(
    call: Mapping[str, object], options: list[Mapping[str, str]], chosen: str | None
) -> None:
    def script(puppet: Puppet) -> None:
        answer = puppet.ask("session/request_permission", toolCall={"toolCallId": "1", **call}, options=options)
        wanted = {"outcome": "cancelled"} if chosen is None else {"outcome": "selected", "optionId": chosen}
        assert answer["result"]["outcome"] == wanted

    asking(script)


def test_what_an_agent_tells_fills_no_journal() -> None:
    def script(puppet: Puppet) -> None:
        for number in range(305):
            entry = {"content": f"step {number}", "priority": "low", "status": "pending"}
            puppet.tell({"sessionUpdate": "plan", "entries": [entry]})
            puppet.tell({"sessionUpdate": "tool_call", "toolCallId": str(number), "title": "look"})
            call = {"toolCallId": "1", "kind": "edit", "locations": [{"path": "x" * 5000}]}
            puppet.ask("session/request_permission", toolCall=call, options=OPTIONS)

    journal = asking(script).journal()
    for kind in ("acp_plan", "acp_tool", "acp_permission"):
        assert sum(step.kind == f"note:{kind}" for step in journal) == 300
    assert max(len(str(step.data)) for step in journal) < 3000


def printing(command: Command, channel: socket.socket) -> Completed:
    """Play a command of a terminal by its last word."""
    match command.argv[-1]:
        case "fail":
            channel.sendall(b"no such luck\n")
            return Completed(Ended.EXITED, 3)
        case "hang":
            channel.sendall("still há".encode())
            channel.recv(1)
        case "big":
            channel.sendall(b"begin" + "é".encode() * 50)
            return Completed(Ended.EXITED, 0)
        case "die":
            return Completed(Ended.SIGNALLED, None, why="killed by SIGSEGV")
        case "eat":
            return Completed(Ended.OUT_OF_MEMORY, None, why="more than 4 GiB")
    return Completed(Ended.EXITED, 0)


def test_a_budget_that_ends_at_a_write_is_no_refusal() -> None:
    with pytest.raises(OutOfBudget):
        Files(MemoryWorkspace(FILES, budget_s=0.0)).write(WriteFile(f"{ROOT}/sums.py", "x = 1\n"))


def test_commands_run_while_the_agent_goes_on() -> None:
    def script(puppet: Puppet) -> None:
        def create(word: str, **more: object) -> str:
            return str(puppet.ask("terminal/create", command="tool", args=[word], **more)["result"]["terminalId"])

        def on(verb: str, terminal: str) -> dict[str, Any]:
            answer = puppet.ask(f"terminal/{verb}", terminalId=terminal)
            result = answer.get("result", answer)
            assert isinstance(result, dict)
            return result

        failed, hanging = create("fail"), create("hang")
        assert on("wait_for_exit", failed) == {"exitCode": 3}
        assert on("output", failed) == {"output": "no such luck\n", "truncated": False, "exitStatus": {"exitCode": 3}}
        while not on("output", hanging)["output"]:
            pass
        assert on("output", hanging) == {"output": "still há", "truncated": False}
        assert on("kill", hanging) == {}
        ended = on("output", hanging)
        assert ended["exitStatus"] == {"signal": "SIGKILL"}
        assert "stopped" in ended["output"]
        assert on("release", hanging) == {}
        assert "no terminal" in on("output", hanging)["error"]["message"]
        big = create("big", outputByteLimit=9)
        on("wait_for_exit", big)
        assert on("output", big)["output"] == "é" * 4
        assert on("output", big)["truncated"] is True
        died, eaten = create("die"), create("eat")
        assert on("wait_for_exit", died) == {"signal": "SIGSEGV"}
        assert on("wait_for_exit", eaten) == {"signal": "SIGKILL"}
        assert "out of memory" in on("output", eaten)["output"]

    workspace = asking(script, printing)
    told = [step.data for step in workspace.journal() if step.kind == "note:acp_terminal"]
    assert told[0]["argv"] == ["tool", "fail"]
    assert told[0]["how"] == "exit status 3"


def test_a_line_for_a_shell_is_run_by_one() -> None:
    seen: list[Command] = []

    def terminal(command: Command, channel: socket.socket) -> Completed:
        del channel
        seen.append(command)
        return Completed(Ended.EXITED, 0)

    def script(puppet: Puppet) -> None:
        env = [{"name": "A", "value": "b"}]
        puppet.ask("terminal/create", command="ls | wc", cwd="/tmp", env=env)
        puppet.ask("terminal/wait_for_exit", terminalId="terminal-1")

    asking(script, terminal)
    assert seen[0].argv[-3:] == ("sh", "-c", "ls | wc")
    assert (seen[0].cwd, dict(seen[0].environment)) == ("/tmp", {"A": "b"})


def test_commands_that_run_at_once_are_bounded_and_end_with_the_agent() -> None:
    ended: list[str] = []

    def terminal(command: Command, channel: socket.socket) -> Completed:
        channel.recv(1)
        ended.append(command.argv[-1])
        return Completed(Ended.EXITED, 0)

    workspace = MemoryWorkspace(FILES, talk=terminal)
    terminals = Terminals(workspace)
    for number in range(MOST):
        terminals.start(StartTerminal((f"hang-{number}",)))
    with pytest.raises(Declined, match="16 commands run already"):
        terminals.start(StartTerminal(("one too many",)))
    terminals.close()
    assert len(ended) == MOST


def test_a_ring_keeps_the_end_and_begins_at_a_character() -> None:
    ring = Ring(5)
    for piece in ("é", "éé", "a"):
        ring.add(piece.encode())
    assert (ring.text(), ring.cut) == ("éé" + "a", True)
    ring.add(b"0123456789")
    assert ring.bytes() == b"56789"
    ring = Ring(0)
    ring.add(b"x")
    assert (ring.text(), ring.cut) == ("", True)


def test_what_a_write_breaks_is_told_at_once_and_again_in_the_next_turn() -> None:
    told: list[str] = []

    def play(puppet: Puppet) -> None:
        puppet.open()
        number, _ = puppet.prompted()
        answer = puppet.write("BAD = 1\n")
        told.append(answer["result"]["_meta"]["nightcrew/diagnostics"])
        puppet.end(number)
        number, text = puppet.prompted()
        told.append(text)
        fixed = puppet.write()
        assert fixed["result"] == {} or "introduces" not in fixed["result"]["_meta"]["nightcrew/diagnostics"]
        puppet.end(number)

    server = Server(
        "scripted", "scripted", (), frozenset({"python"}), Says.LINT, frozenset({Tier.FAST}), runs_code=False
    )
    workspace = staged(
        play,
        servers=(Found(server, "/bin/scripted"),),
        start=lambda workspace, found: ScriptedSession(_bad_lines, workspace.files, server=found.server.name),
    )
    assert isinstance(AcpAgent("agent").work(TASK, workspace), Proposal)
    assert "This introduces:\nsums.py:1: error [7]: this is bad" in told[0]
    assert "this is bad" in told[1].partition('from="what the changed files introduce')[2]
