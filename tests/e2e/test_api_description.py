"""schemathesis asks the running server whatever its description allows, and more: it must answer as described, and never fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

from tests.e2e.command import clean_environment, nightcrew
from tests.e2e.project import FAILING, TICKET, activated, make_project
from tests.e2e.serving import SCREENS, serving

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
FIXES = "command:sed -i 's/range(1, /range(0, /' shop/total.py"
_EXAMPLES = "15"
_CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"


def test_the_server_does_what_its_description_says(tmp_path: Path) -> None:
    state, repository = tmp_path / "state", make_project(tmp_path / "repository")
    fix = nightcrew(
        *("fix", TICKET, "--repo", repository, "--failing", FAILING, "--agent", FIXES), state=state, environ=activated()
    )
    # It would guess no ticket that there is.
    config = tmp_path / "schemathesis.toml"
    config.write_text(f'[parameters]\n"path.ticket" = "{fix.document["ticket"]}"\n')
    nightcrew("users", "add", "bot", "--role", "administer", state=state)
    key = nightcrew("users", "key", "bot", state=state).document["key"]
    machine = tmp_path / "nightcrew" / "config.toml"
    machine.parent.mkdir()
    machine.write_text("[serve]\nwrites_per_s = 1000\n")
    environ = {**clean_environment(), "HOME": str(tmp_path)}
    serves = {**activated(), "XDG_CONFIG_HOME": str(tmp_path)}
    with serving(state, "--no-work", "--repo", repository, environ=serves) as server:
        described = tmp_path / "openapi.json"
        asked = Request(f"{server.address}/api/openapi.json", headers={"authorization": f"Bearer {key}"})
        with urlopen(asked, timeout=60) as answer:
            described.write_bytes(answer.read())
        words: list[str | Path] = [SCHEMATHESIS, "--config-file", config, "run", described]
        words += ["--checks", _CHECKS, "--max-examples", _EXAMPLES, "--phases", "examples,coverage,fuzzing"]
        # Events stream for ever.
        words += ["--exclude-path", "/api/events", "--seed", "1", "--no-color"]
        words += ["--url", server.address, "--header", f"Authorization: Bearer {key}"]
        done = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=1200, env=environ
        )
    SCREENS.mkdir(parents=True, exist_ok=True)
    (SCREENS.parent / "schemathesis.txt").write_text(done.stdout)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
