"""JUnit XML, as pytest, jest-junit, gotestsum, cargo-nextest, Maven and Gradle write it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from orchestrator.builds.place import file_of, python_test
from orchestrator.builds.records import Failure, Red, UnreadableBuild


def junit(data: bytes, repository: Path) -> Red:
    """Read the failures of a JUnit XML file. Raises `UnreadableBuild` where it is none."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise UnreadableBuild("it declares a document type or entities, which no JUnit file needs: it is not read")
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError as error:
        raise UnreadableBuild(f"it is no JUnit XML file: {error}") from error
    except RecursionError:
        raise UnreadableBuild("it is no JUnit XML file: it is nested too deep") from None
    faults = ((case, case.find("failure"), case.find("error")) for case in root.iter("testcase"))
    return Red("JUnit", tuple(_failure(case, one if one is not None else other, repository) for case, one, other in faults if one is not None or other is not None))  # fmt: skip


def _failure(case: ElementTree.Element, fault: ElementTree.Element | None, repository: Path) -> Failure:
    classname, name = case.get("classname", ""), case.get("name", "")
    message = ""
    if fault is not None:
        message = (fault.text or "").strip() or fault.get("message", "")
    line = case.get("line", "")
    return Failure(
        f"{classname}.{name}".strip("."),
        message,
        python_test(classname, name, repository),
        file_of(case.get("file", ""), repository),
        int(line) if line.isdecimal() else None,
    )
