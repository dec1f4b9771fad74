"""Names of tests and files of another machine, as this repository has them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def file_of(name: str, repository: Path) -> str:
    """Return the path in the repository that a path of another machine means: its longest end that is a file here; "" for none."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts or any("\0" in part for part in parts):
        return ""
    for start in range(len(parts)):
        path = "/".join(parts[start:])
        if _is_file(repository / path):
            return path
    return ""


def python_test(classname: str, name: str, repository: Path) -> str:
    """Return the pytest id of a test that is named as JUnit files do (`tests.test_x.TestY`, `test_z`), "" where its file is not here."""
    parts = classname.split(".")
    if any(not part or "/" in part for part in parts):
        return ""
    for split in range(len(parts), 0, -1):
        path = "/".join(parts[:split]) + ".py"
        if _is_file(repository / path):
            return "::".join([path, *parts[split:], name])
    return ""


def pytest_id(id: str, repository: Path) -> str:
    """Return a pytest id with its file as the repository has it."""
    file, separator, rest = id.partition("::")
    found = file_of(file, repository) if PurePosixPath(file).suffix == ".py" else ""
    return f"{found}{separator}{rest}" if found else ""


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
