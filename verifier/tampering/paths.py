"""Which paths hold tests, and which decide how tests, linters and CI run."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Iterator

from shadowfs import RepoPath

_TEST_FOLDERS = frozenset({"test", "tests", "testing", "__tests__", "spec", "specs", "__snapshots__"})
_TEST_FILES = (
    "test_*.py", "*_test.py", "test.py", "tests.py", "*_tests.py", "*.test.*", "*.spec.*", "*_test.go", "*_spec.rb",
    "*Test.java", "*Tests.java", "*.ambr", "*.snap",
)  # fmt: skip

_SOURCES = (
    ".py", ".pyi", ".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".vue", ".go", ".rs", ".rb", ".java", ".kt", ".php", ".c", ".h",
    ".cc", ".cpp", ".hpp", ".cs", ".swift", ".scala", ".sh", ".bash",
)  # fmt: skip
_CI = (
    ".github/workflows/*", ".github/actions/*", ".gitlab-ci.yml", ".gitlab/ci/*", ".circleci/*", ".travis.yml",
    "azure-pipelines*.yml", "appveyor.yml", ".appveyor.yml", "bitbucket-pipelines.yml", ".drone.yml", ".cirrus.yml",
    ".woodpecker/*", "Jenkinsfile", ".buildkite/*", "codecov.yml", ".codecov.yml", ".ci/*", ".pre-commit-config.yaml",
)  # fmt: skip
_LINT = (
    ".eslintrc*", "eslint.config.*", ".rubocop.yml", ".golangci.y*ml", ".stylelintrc*", "biome.json", "jest.config.*",
    "vitest.config.*", ".mocharc*", "playwright.config.*", "karma.conf.*", "phpunit.xml*", ".bandit", ".yamllint*",
    "pyrightconfig.json", ".testmondata", "tslint.json",
)  # fmt: skip
_RUNS_BY_ITSELF = (
    ".vscode/*", ".idea/*", ".envrc", ".mcp.json", ".npmrc", ".yarnrc*", ".pnpmfile.cjs", ".cargo/*", ".ripgreprc", ".mvn/*",
    ".bazelrc", ".gdbinit", ".lldbinit", ".Rprofile", ".irbrc", ".pryrc", ".lesskey", ".gradle/*", "init.gradle*",
    ".claude/*", ".cursor/*", ".codex/*", ".gemini/*", ".windsurf/*", ".devcontainer/*", ".devcontainer.json", ".husky/*",
    ".githooks/*", ".gitmodules", ".gitattributes", "lefthook.yml", ".nightcrew/*", "nightcrew.toml", "*.code-workspace",
    ".zed/*", ".vim/*", ".nvim.lua", ".exrc", ".nvimrc", ".lvimrc", ".dir-locals.el", ".mise.toml", "mise.toml", ".tool-versions",
)  # fmt: skip
_BUILD = (
    "Makefile", "makefile", "GNUmakefile", "*.mk", "justfile", "Justfile", "Taskfile.yml", "setup.py", "Dockerfile*",
    "docker-compose*.yml", "compose*.y*ml", "AGENTS.md", "CLAUDE.md", ".github/copilot-instructions.md", "build.py",
)  # fmt: skip
_INTERPRETER_HOOKS = ("sitecustomize.py", "usercustomize.py", "*.pth", "pyvenv.cfg", "python*._pth")
_SHADOWS = frozenset(
    {"pytest", "_pytest", "pluggy", "unittest", "coverage", "hypothesis", "nose", "mock", "ast", "site"}
)


def is_test(path: RepoPath) -> bool:
    """Say whether a file holds tests, or what tests compare with."""
    *folders, name = path.split("/")
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _TEST_FILES) or not _TEST_FOLDERS.isdisjoint(
        folder.casefold() for folder in folders
    )


def is_test_file(path: RepoPath) -> bool:
    """Say whether a file is tests by its own name, not by its folder's, and in no hidden folder, where tools look by themselves."""
    hidden = any(name.startswith(".") for name in path.split("/"))
    return not hidden and is_source(path) and is_test(posixpath.basename(path))


def is_source(path: RepoPath) -> bool:
    """Say whether a file is source code of a language that tests are written in."""
    return path.endswith(_SOURCES)


def is_conftest(path: RepoPath) -> bool:
    """Say whether a file is pytest's per-folder plugin."""
    return posixpath.basename(path) == "conftest.py"


def is_ci(path: RepoPath) -> bool:
    """Say whether a file drives continuous integration, or configures a test runner or linter of another language."""
    return _matches(path, _CI) or _matches(posixpath.basename(path), _LINT)


def runs_by_itself(path: RepoPath) -> bool:
    """Say whether an editor, a shell, an agent or git acts on a file when somebody merely opens the repository."""
    return any(_matches(end, _RUNS_BY_ITSELF) for end in _ends(path))


def builds(path: RepoPath) -> bool:
    """Say whether somebody will run a file by a short command, or an agent read it as its instructions."""
    return _matches(path, _BUILD) or _matches(posixpath.basename(path), _BUILD)


def hooks_interpreter(path: RepoPath) -> bool:
    """Say whether Python runs or reads a file at its start, before any test."""
    return _matches(posixpath.basename(path), _INTERPRETER_HOOKS)


def shadows_tool(path: RepoPath) -> str | None:
    """Return the name of the test tool that a new module at an import root would stand in for."""
    parts = path.removesuffix(".py").split("/")
    if parts[0] in ("src", "lib", "test", "tests"):
        parts = parts[1:]
    package = len(parts) == 2 and parts[1] == "__init__"
    module = len(parts) == 1 and path.endswith(".py")
    return parts[0] if (package or module) and parts[0] in _SHADOWS else None


def _ends(path: RepoPath) -> Iterator[RepoPath]:
    """Yield a path as it is seen from each directory on its way: somebody may open that one."""
    yield path
    while "/" in path:
        path = path.partition("/")[2]
        yield path


def _matches(path: RepoPath, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns)
