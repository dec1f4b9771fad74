"""Whether changed files parse: Python by the project's own interpreter inside a sandbox, JSON and TOML by the standard library.

A file that does not parse on the base either (a test's broken example, say) is named, not held against the change.
"""

from __future__ import annotations

import base64
import json
import posixpath
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sandbox import Command
from shadowfs import Change, RepoPath
from verifier.measure import Measure
from verifier.verdict import Case, Evidence

# Run by the project's interpreter (3.8 or newer), isolated and without `site`, so that nothing of the tree is imported.
_COMPILE = """\
import base64, json, sys, warnings
warnings.simplefilter("ignore")
found = {}
for key, text in json.load(sys.stdin).items():
    if len(found) == 100:
        break
    try:
        compile(base64.b64decode(text), "file", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        found[key] = [str(getattr(error, "msg", "") or error or type(error).__name__), getattr(error, "lineno", None) or 0]
print(json.dumps(found))
"""
_LINK = 0o120000
_PYTHON = (".py", ".pyi", ".pyw")
_UNPARSED = "not parsed: nothing here knows this kind of file"


@dataclass(frozen=True, slots=True)
class Parsed:
    """How many files were parsed, which of them do not parse, and what else is to say (files not parsed, and why)."""

    checked: int
    errors: tuple[Evidence, ...]
    notes: tuple[Evidence, ...]


Error = tuple[str, int]


def parse_errors(measure: Measure, case: Case) -> Parsed:
    """Parse every added or modified file of the change."""
    paths = [file.path for file in case.change.files if file.after is not None and file.after.mode != _LINK]
    texts = dict(_texts(case.change))
    python = {path: text for path, text in texts.items() if path.endswith(_PYTHON)}
    errors: dict[RepoPath, Error] = {}
    unknown = ""
    if python:
        errors, unknown = _compile(measure, case, python)
    for path, text in texts.items():
        error = _data_error(path, text)
        if error is not None:
            errors[path] = error
    notes = [Evidence("parse", _UNPARSED, path) for path in paths if path not in texts]
    if unknown:
        notes += [Evidence("parse", f"not parsed: {unknown}", path) for path in python]
    broken_before = _broken_before(measure, case, errors)
    notes += [
        Evidence("parse", f"does not parse, nor did it before: {errors[path][0]}", path) for path in broken_before
    ]
    new = tuple(
        Evidence("parse", text, path, line or None)
        for path, (text, line) in errors.items()
        if path not in broken_before
    )
    checked = sum(1 for path in texts if _is_data(path) or (path in python and not unknown))
    return Parsed(checked, new, tuple(notes))


def _texts(change: Change) -> Iterator[tuple[RepoPath, bytes]]:
    for file in change.files:
        if file.after is not None and file.after.mode != _LINK and _is_parsed(file.path):
            yield file.path, change.blobs.read(file.after.blob)


def _is_parsed(path: RepoPath) -> bool:
    return path.endswith(_PYTHON) or _is_data(path)


def _is_data(path: RepoPath) -> bool:
    # Files of these folders are JSON with comments, which the standard library does not read.
    return (
        path.endswith((".json", ".toml"))
        and not path.startswith((".vscode/", ".devcontainer/"))
        and not _commented(path)
    )


def _commented(path: RepoPath) -> bool:
    name = posixpath.basename(path)
    return name.endswith(".json") and name.startswith(("tsconfig", "jsconfig"))


def _data_error(path: RepoPath, text: bytes) -> Error | None:
    if not _is_data(path):
        return None
    try:
        if path.endswith(".json"):
            json.loads(text.decode("utf-8-sig"))
        else:
            tomllib.loads(text.decode("utf-8"))
    except json.JSONDecodeError as error:
        return error.msg, error.lineno
    except (ValueError, RecursionError) as error:
        return str(error) or "nested too deeply", 0
    return None


def _broken_before(measure: Measure, case: Case, errors: Mapping[RepoPath, Error]) -> set[RepoPath]:
    before = {path: text for path in errors if (text := case.change.before(path)) is not None}
    python = {path: text for path, text in before.items() if not _is_data(path)}
    broken = {path for path, text in before.items() if _data_error(path, text) is not None}
    if python:
        broken |= _compile(measure, case, python)[0].keys()
    return broken


def _compile(measure: Measure, case: Case, files: Mapping[RepoPath, bytes]) -> tuple[dict[RepoPath, Error], str]:
    """Return the files that the project's interpreter does not compile, or why it could not be asked."""
    names = list(files)
    question = {str(number): base64.b64encode(files[name]).decode() for number, name in enumerate(names)}
    python = case.suite.python or "python3"
    command = Command((python, "-I", "-S", "-c", _COMPILE), stdin=json.dumps(question).encode())
    completed = measure.command(case.change.base, command)
    try:
        answer = json.loads(completed.stdout)
    except ValueError:
        how = completed.why or f"exit status {completed.exit_status}"
        return {}, f"the interpreter {python!r} gave no answer ({completed.ended}, {how})"
    return {names[int(number)]: (str(text), int(line)) for number, (text, line) in answer.items()}, ""
