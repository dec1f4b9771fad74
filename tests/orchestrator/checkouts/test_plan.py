"""What a repository says of its set-up: its own file first, then a devcontainer.json, then GitHub's steps. Whatever it says, nothing but a plan comes of it."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from orchestrator.checkouts.errors import SetupRefused
from orchestrator.checkouts.key import PLAIN, key_of
from orchestrator.checkouts.plan import WORKFLOW, CommitFiles, Plan, plan_of, shell_action
from orchestrator.checkouts.secrets import forms, granted, masked
from orchestrator.errors import BadConfig
from shadowfs import Clone, TreeFile


@dataclass(slots=True)
class Texts(Clone):
    """A clone of texts alone."""

    texts: Mapping[str, str] = field(default_factory=dict)

    def read(self, file: TreeFile) -> bytes:
        return self.texts[file.blob].encode()


def files(texts: Mapping[str, str], links: tuple[str, ...] = ()) -> CommitFiles:
    """Return a commit with these texts, each its own blob's name."""
    mode = {True: stat.S_IFLNK, False: stat.S_IFREG | 0o644}
    listed = {path: TreeFile(mode[path in links], path, len(text)) for path, text in texts.items()}
    return CommitFiles(Texts(texts), listed)


def plan(texts: Mapping[str, str], links: tuple[str, ...] = ()) -> Plan:
    return plan_of(files(texts, links))


def names(found: Plan) -> list[str]:
    return [action.name for action in found.actions]


DEVCONTAINER = """// what a container is made of
{
  "image": "python:3.12", /* never pulled */
  "onCreateCommand": "echo // no comment",
  "updateContentCommand": ["pip", "install", "a b"],
  "postCreateCommand": {"server": "make server", "client": ["make", "client"],},
}
"""

STEPS = """
on: workflow_dispatch
env: {LEVEL: 1}
jobs:
  other: {steps: [{run: never}]}
  copilot-setup-steps:
    runs-on: ubuntu-latest
    env: {DEBUG: true}
    defaults: {run: {working-directory: src}}
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {python-version: "3.12"}
      - uses: somebody/else@v1
      - name: Install
        run: |
          pip install -r requirements.txt
          pip check
        env: {INDEX: "${{ secrets.INDEX_TOKEN }}"}
      - run: echo here
        working-directory: docs
        shell: sh
      - run: echo ${{ github.actor }}
      - run: echo if
        if: always()
      - run: Get-Item
        shell: pwsh
      - run: echo out
        working-directory: ../..
"""


def test_the_repositorys_own_file_comes_first() -> None:
    told = '[setup]\nrun = ["make env"]\nsecrets = ["KEY"]\nnetwork = false\nseconds = 60\nfiles = ["src/*.c"]\n'
    found = plan({"nightcrew.toml": told, ".devcontainer.json": DEVCONTAINER, WORKFLOW: STEPS})
    assert names(found) == ["make env"]
    assert (found.asks_for, found.network, found.seconds, found.files) == (("KEY",), False, 60.0, ("src/*.c",))


def test_a_devcontainer_says_what_is_run_on_creation() -> None:
    found = plan({".devcontainer/devcontainer.json": DEVCONTAINER, WORKFLOW: STEPS})
    assert found.source == ".devcontainer/devcontainer.json"
    assert names(found) == ["( echo // no comment )", "pip install 'a b'", "( make server ) && make client"]


def test_what_else_the_own_file_says_holds_for_another_source() -> None:
    found = plan({"nightcrew.toml": '[setup]\nsecrets = ["KEY"]\nseconds = 5\n', ".devcontainer.json": DEVCONTAINER})
    assert (len(found.actions), found.asks_for, found.seconds) == (3, ("KEY",), 5.0)


def test_the_steps_of_github_are_done_as_far_as_a_runner_is_not_needed() -> None:
    found = plan({WORKFLOW: STEPS})
    assert names(found) == ["Install", "echo here"]
    install, here = found.actions
    assert (install.directory, here.directory) == ("src", "docs")
    assert install.argv[:1] == ("/bin/bash",) and here.argv[:1] == ("/bin/sh",)
    assert (install.environment["LEVEL"], install.environment["DEBUG"]) == ("1", "true")
    assert dict(install.secrets) == {"INDEX": "INDEX_TOKEN"}
    assert found.asks_for == ("INDEX_TOKEN",)
    assert [line.partition(" (")[0] for line in found.left_out] == ["step 3", "step 6", "step 7", "step 8", "step 9"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (WORKFLOW, "jobs: [\n"),
        (WORKFLOW, "jobs: {build: {steps: []}}"),
        (WORKFLOW, "!!python/object/apply:os.system ['touch /tmp/never']"),
        (WORKFLOW, "- " * 2000),
        (".devcontainer.json", "[]"),
        (".devcontainer.json", "[" * 5000),
        (".devcontainer.json", "{'a': 1}"),
        (".devcontainer.json", '{"image": "' + "x" * 200_000 + '"}'),
    ],
)
def test_what_cannot_be_read_is_refused(path: str, text: str) -> None:
    with pytest.raises(SetupRefused, match=path.rpartition("/")[2]):
        plan({path: text})


def test_a_link_is_not_followed() -> None:
    with pytest.raises(SetupRefused, match="is a link"):
        plan({"nightcrew.toml": "/etc/passwd"}, links=("nightcrew.toml",))


def test_an_unknown_key_is_told() -> None:
    with pytest.raises(BadConfig, match=r"did you mean `setup.secrets`"):
        plan({"nightcrew.toml": '[setup]\nsecret = ["A"]\n'})


def test_without_any_there_is_no_set_up() -> None:
    found = plan({"pyproject.toml": "[project]\n"})
    assert found.actions == ()
    assert key_of(found, {}, "here") == PLAIN


def key(command: str, changed: str = "", machine: str = "here", patterns: tuple[str, ...] = ()) -> str:
    """Return the key of a set-up by a command, in a repository of which one file was changed."""
    paths = [
        "sums.py",
        "api/requirements-dev.txt",
        "uv.lock",
        "scripts/env.sh",
        "vendor/a/b.whl",
        "native/x.c",
        "Makefile",
    ]
    listed = {path: TreeFile(0o100644, f"{path}{path == changed}", 1) for path in paths}
    return key_of(Plan("s", (shell_action(command),), files=patterns), listed, machine)


@pytest.mark.parametrize(
    ("command", "changed", "same"),
    [
        ("make", "", True),
        ("make", "sums.py", True),
        ("make", "Makefile", False),
        ("make", "uv.lock", False),
        ("make", "api/requirements-dev.txt", False),
        ("make", "scripts/env.sh", True),
        ("./scripts/env.sh --all", "scripts/env.sh", False),
        ("pip install ./vendor/", "vendor/a/b.whl", False),
        ("make", "native/x.c", True),
    ],
)
def test_an_environment_depends_on_what_its_set_up_reads(command: str, changed: str, same: bool) -> None:
    assert (key(command) == key(command, changed)) is same


def test_an_environment_depends_on_command_machine_and_what_is_named() -> None:
    assert len({key("make"), key("make x"), key("make", machine="there")}) == 3
    assert key("make", patterns=("native/",)) != key("make", "native/x.c", patterns=("native/",))


def test_secrets_are_masked_however_tools_write_them() -> None:
    known = forms({"KEY": 'a/b"c d', "SHORT": "x"})
    said = b'a/b"c d a%2Fb%22c%20d a/b\\"c d YS9iImMgZA== xyz'
    assert masked(said, known) == b"*** *** *** *** xyz"


def test_a_secret_that_is_not_set_is_told() -> None:
    with pytest.raises(SetupRefused, match="needs KEY, which is not set"):
        granted(Plan("s", (shell_action("x"),), ("KEY",)), ("KEY",), {})
