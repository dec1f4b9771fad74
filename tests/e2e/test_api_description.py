"""schemathesis asks the running server whatever its description allows, and more: it must answer as described, and never fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.command import clean_environment, nightcrew
from tests.e2e.project import FAILING, TICKET, activated, make_project
from tests.e2e.serving import SCREENS, serving

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
FIXES = "command:sed -i 's/range(1, /range(0, /' shop/total.py"
_EXAMPLES = "15"
_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"


def test_the_server_does_what_its_description_says(tmp_path: Path) -> None:
    state, repository = tmp_path / "state", make_project(tmp_path / "repository")
    words = ("fix", TICKET, "--repo", repository, "--failing", FAILING, "--agent", FIXES)
    ticket = nightcrew(*words, state=state, environ=activated()).document["ticket"]
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.ticket" = "{ticket}"\n')
    nightcrew("users", "add", "bot", "--role", "administer", state=state)
    key = nightcrew("users", "key", "bot", state=state).document["key"]
    with serving(state, "--no-work", "--repo", repository, environ=activated()) as server:
        words = [
            SCHEMATHESIS,
            "--config-file",
            config,
            "run",
            f"{server.address}/api/openapi.json",
            "--url",
            server.address,
        ]
        words += [
            "--checks",
            _CHECKS,
            "--max-examples",
            _EXAMPLES,
            "--header",
            f"Authorization: Bearer {key}",
            "--no-color",
        ]
        # It streams for ever; and whatever is written too fast is told so.
        words += [
            "--exclude-path",
            "/api/events",
            "--rate-limit",
            "18/s",
            "--seed",
            "1",
            "--phases",
            "examples,coverage,fuzzing",
        ]
        done = subprocess.run(
            words,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
            env={**clean_environment(), "HOME": os.fspath(tmp_path)},
        )
    (SCREENS.parent / "schemathesis.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
