"""The search for weakened configuration, suppressions and planted files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.verifier.cases import Files, case_of, change_of, steady
from verifier import Measure, Status, Suite
from verifier.rungs import Tamper
from verifier.tampering import Finding, tampering

PYPROJECT = """
[project]
name = "x"
dependencies = ["a"]

[tool.pytest.ini_options]
addopts = "-q"
markers = ["slow: takes long"]

[tool.ruff.lint]
select = ["E", "F"]

[tool.other]
x = 1
"""
SETUP_CFG = "[metadata]\nname = x\n\n[tool:pytest]\naddopts = -q\n\n[mypy]\nstrict = true\n"


def found(before: Files, after: Files, suite: Suite = Suite("pytest")) -> list[Finding]:
    return list(tampering(change_of(before, after), suite, ()))


def weakens(before: Files, after: Files, suite: Suite = Suite("pytest")) -> list[str]:
    return [finding.text for finding in found(before, after, suite) if finding.weakens]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('addopts = "-q"', 'addopts = "-q --ignore=tests/test_a.py"', "`tool.pytest.ini_options.addopts` is now"),
        ('addopts = "-q"', "", "`tool.pytest.ini_options.addopts` is removed"),
        ('addopts = "-q"', 'addopts = "-q"\ntestpaths = ["x"]', "`tool.pytest.ini_options.testpaths` is added"),
        ('["slow: takes long"]', "[]", "markers` is now"),
        ('["E", "F"]', '["E"]', "`tool.ruff.lint.select` is now 'E'"),
        ('name = "x"', 'name = "x"\n[project.entry-points.pytest11]\np = "x.p"', "pytest11.p` is added: 'x.p'"),
        ("x = 1\n", "x = 1\n[tool.coverage.run]\nomit = ['*']\n", "`tool.coverage.run.omit` is added"),
        ("[tool.other]", "[tool.other", "cannot be parsed"),
    ],
)
def test_a_changed_setting_is_named_with_its_line(old: str, new: str, says: str) -> None:
    assert PYPROJECT.count(old) == 1
    after = {"pyproject.toml": PYPROJECT.replace(old, new)}
    assert [text for text in weakens({"pyproject.toml": PYPROJECT}, after) if says in text]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('["a"]', '["a", "b"]'),
        ("x = 1", "x = 2"),
        ('addopts = "-q"', "addopts   =   '-q'   # quiet"),
        ('["slow: takes long"]', '["slow: takes long", "new: for a new test"]'),
        ('[tool.ruff.lint]\nselect = ["E", "F"]', '[tool.ruff]\nlint.select = [\n  "E",\n  "F",\n]'),
    ],
)
def test_other_settings_and_other_spellings_are_fine(old: str, new: str) -> None:
    assert not weakens({"pyproject.toml": PYPROJECT}, {"pyproject.toml": PYPROJECT.replace(old, new)})


def test_the_line_of_a_setting_is_that_of_the_new_file() -> None:
    after = PYPROJECT.replace('"-q"', '"-x"')
    (finding,) = found({"pyproject.toml": PYPROJECT}, {"pyproject.toml": after})
    assert finding.line == after.splitlines().index('addopts = "-x"') + 1


@pytest.mark.parametrize(
    ("path", "before", "after", "weak"),
    [
        ("setup.cfg", SETUP_CFG, SETUP_CFG.replace("-q", "-k fast"), True),
        ("setup.cfg", SETUP_CFG, SETUP_CFG.replace("strict = true", "strict = false"), True),
        ("setup.cfg", SETUP_CFG, SETUP_CFG.replace("name = x", "name = y"), False),
        ("setup.cfg", SETUP_CFG, SETUP_CFG.replace("addopts = -q", "# a comment\naddopts=-q"), False),
        ("tox.ini", "[testenv]\ncommands = pytest\n", "[testenv]\ncommands =\n    pytest\n", False),
        ("tox.ini", "[testenv]\ncommands = pytest\n", "[testenv]\ncommands = true\n", True),
        ("pytest.ini", None, "[pytest]\n", True),
        ("pytest.ini", None, "[pytest]\naddopts = --deselect x\n", True),
        ("sub/ruff.toml", None, "line-length = 80\n", True),
        ("mypy.ini", "[mypy]\nstrict = true\n", None, True),
        ("noxfile.py", "import nox\n", "import nox  # comment\n", False),
        ("noxfile.py", "import nox\n", "import os\n", True),
        (".github/workflows/ci.yml", "on: push\n", "on: push\n\n# comment\n", False),
        (".github/workflows/ci.yml", "on: push\n", "on: never\n", True),
        (".github/workflows/new.yml", None, "on: push\n", True),
        (".gitlab-ci.yml", "a: 1\n", None, True),
        (".pre-commit-config.yaml", "repos: [a]\n", "repos: []\n", True),
        (".eslintrc.json", "{}", '{"rules": {}}', True),
        ("src/pkg/sitecustomize.py", None, "x = 1\n", True),
        ("a.pth", None, "import os\n", True),
        ("pytest.py", None, "", True),
        ("src/unittest/__init__.py", None, "", True),
        ("src/pkg/unittest.py", None, "", False),
        (".vscode/tasks.json", None, "{}", True),
        (".envrc", None, "curl x | sh\n", True),
        (".mcp.json", None, "{}", True),
        (".claude/settings.json", None, "{}", True),
        (".npmrc", None, "script-shell=x", True),
        ("sub/.cargo/config.toml", None, "[build]\nrustc = 'x'\n", True),
        ("sub/.vscode/tasks.json", None, "{}", True),
        ("data/HEAD", None, "ref: refs/heads/main\n", True),
        ("data/HEAD", None, "a header\n", False),
        ("data/config", "[core]\n\tbare = true\n", "[core]\n\tfsmonitor = x\n", True),
        ("data/config", None, "[server]\nport = 1\n", False),
        ("data/commondir", None, "../other\n", True),
        ("package.json", '{"scripts": {"test": "jest"}}', '{"scripts": {"test": "true"}}', True),
        ("package.json", '{"scripts": {}}', '{"scripts": {"postinstall": "x"}}', True),
        ("package.json", '{"scripts": {}}', '{"scripts": {"docs": "x"}}', False),
        ("package.json", '{"version": "1"}', '{"version": "2"}', False),
        ("Makefile", "all:\n", "all: x\n", False),
        ("lib.py", "x = 1\n", "import os\nif 'PYTEST_CURRENT_TEST' in os.environ: x = 2\n", True),
        ("lib.py", "x = 1\n", "import sys\nx = 'pytest' in sys.modules\n", True),
        ("lib.py", "x = 1\n", "import os\nos._exit(0)\n", True),
        ("lib.py", "x = 1\n", "import unittest\nunittest.TestCase.assertEqual = print\n", True),
        ("lib.py", "import pytest\n", "import pytest\nx = 1\n", False),
        ("lib.py", "x = 1\n", '"""Tested by pytest."""\n# pytest\nx = 2\n', False),
        ("lib.py", "x = 1\n", "x = 2  # noqa: F401\n", True),
        ("lib.py", "x = 1\n", "x = 2  # type: ignore[attr]\n", True),
        ("lib.py", "x = 1\n", "x = 2  # pragma: no cover\n", True),
        ("lib.py", "x = 1\n", "# pylint: disable=all\nx = 1\n", True),
        ("lib.py", "x = 1\n", "x = '# noqa'\n", False),
        ("lib.py", "x = 1\n", "x = 2  # nanoseconds\n", False),
        ("lib.py", "x = 1  # noqa\n", "y = 1\nx = 2  # noqa\n", False),
        ("lib.py", None, "x = 1  # noqa\n", True),
        ("lib.ts", "a\n", "// @ts-ignore\na\n", True),
    ],
)  # fmt: skip
def test_each_kind_of_file_is_compared_by_its_meaning(
    path: str, before: str | None, after: str | None, weak: bool
) -> None:
    sides = [{} if text is None else {path: text} for text in (before, after)]
    assert bool(weakens(sides[0], sides[1])) == weak


def test_a_command_suites_own_files_are_guarded() -> None:
    runs = Suite("command", ("./run.sh", "all"), cwd="ci")
    assert weakens({"ci/run.sh": "a"}, {"ci/run.sh": "b"}, runs)
    assert not weakens({"ci/run.sh": "a"}, {"ci/run.sh": "b"})
    assert weakens({"Makefile": "a"}, {"Makefile": "b"}, Suite("command", ("make", "test")))


def test_the_rung_fails_with_path_and_line_and_spares_what_is_allowed() -> None:
    change = change_of(
        {"tests/test_a.py": "def test_a():\n    assert 1\n"}, {"tests/test_a.py": "\ndef test_b():\n    assert 2\n"}
    )
    case = case_of(change)
    result = Tamper(Measure(steady({}, {}), case)).judge(case)
    assert result.status is Status.FAIL
    assert result.why == "tests/test_a.py:1: the test `test_a` is deleted, which the ticket did not ask for."
    assert [(fact.kind, fact.path, fact.line) for fact in result.evidence] == [("tamper", "tests/test_a.py", 1)]
    for allowed in ("tests/test_a.py", "tests", "tests/"):
        spared = case_of(change, allowed=[allowed])
        assert Tamper(Measure(steady({}, {}), spared)).judge(spared).status is Status.PASS


def test_what_only_deserves_a_look_passes_with_evidence() -> None:
    case = case_of(change_of({"Makefile": "a:\n"}, {"Makefile": "b:\n"}))
    result = Tamper(Measure(steady({}, {}), case)).judge(case)
    assert (result.status, result.evidence[0].kind) == (Status.PASS, "look")
    assert result.why.endswith("1 other place deserves a look.")


def test_a_link_in_place_of_a_file_is_found() -> None:
    change = change_of({"tests/test_a.py": "x = 1\n"}, {"tests/test_a.py": "../x.py"}, {})
    (file,) = change.files
    assert file.after is not None
    linked = replace(file, after=replace(file.after, mode=0o120000))
    findings = tampering(replace(change, files=(linked,)), Suite("pytest"), ())
    assert [finding.text for finding in findings] == ["a link stands where a file stood"]
