"""axe-core, fetched with npm at run time: what it finds wrong with a page for people who do not see it, or use no mouse."""

from __future__ import annotations

import subprocess
import tarfile
from typing import Any

from playwright.sync_api import Page

from tests.e2e.library import CACHE

PACKAGE = "axe-core@4.14.1"


def violations(page: Page) -> list[str]:
    """Return what axe finds in a page, one line each."""
    # The page's policy lets no foreign script in; the browser's own door does.
    page.evaluate(_source())
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found["violations"]
        for node in each["nodes"]
    ]


def _source() -> str:
    file = CACHE / "npm" / "axe.min.js"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", PACKAGE, "--silent"], cwd=file.parent, capture_output=True, text=True, check=True
        )
        with tarfile.open(file.parent / done.stdout.strip()) as archive:
            member = archive.extractfile("package/axe.min.js")
            assert member is not None
            partial = file.with_suffix(".partial")
            partial.write_bytes(member.read())
            partial.replace(file)
    return file.read_text("utf-8")
