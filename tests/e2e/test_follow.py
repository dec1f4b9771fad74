"""An agent at work beside the user: it sees what he saves, and the branch stands on the newest of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.e2e.command import NIGHTCREW, clean_environment, nightcrew
from tests.e2e.library import git
from tests.e2e.project import FAILING, SOURCE, TICKET, activated, fixed, is_right, make_project, write

AGENT = """
sed -i 's/range(1, /range(/' shop/total.py
until grep -q 'all prices' NOTES 2>/dev/null; do sleep 0.05; done
cat NOTES > SEEN
cat SEEN
"""
DOCUMENTED = SOURCE.replace("Totals of a shop.", "Totals of a shop, and of all others.")


def test_an_agent_sees_what_the_user_saves_and_its_branch_stands_on_that(tmp_path: Path) -> None:
    repository, state = make_project(tmp_path / "repository"), tmp_path / "state"
    words = ("fix", TICKET, "--repo", repository, "--failing", FAILING, "--agent", f"command:{AGENT}", "--follow")
    process = subprocess.Popen(
        [NIGHTCREW, *words, "--json", "--state", state],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(activated()),
    )
    with process:
        assert process.stdout is not None and process.stderr is not None
        said = [process.stderr.readline()]
        while said[-1] and not said[-1].startswith("attempt"):
            said.append(process.stderr.readline())
        write(repository, {"NOTES": "count all prices\n", "shop/total.py": DOCUMENTED})
        said += process.stderr
        document = json.loads(process.stdout.read())
    assert (process.returncode, document["status"]) == (0, "verified"), said
    assert any(line.startswith("saved") and "NOTES" in line for line in said), said
    branch = document["branch"]
    assert git(repository, "show", f"{branch}^:NOTES") == "count all prices\n"
    assert git(repository, "show", f"{branch}^:shop/total.py") == DOCUMENTED
    assert "and of all others" in git(repository, "show", f"{branch}:shop/total.py") and fixed(repository, branch)
    assert git(repository, "diff", "--name-only", f"{branch}^", branch).split() == ["SEEN", "shop/total.py"]
    assert (repository / "shop/total.py").read_text() == DOCUMENTED and not (repository / "SEEN").exists()


def test_a_mounted_shadow_shows_what_the_user_saves_and_keeps_what_was_written_there(tmp_path: Path) -> None:
    repository, state = make_project(tmp_path / "repository"), tmp_path / "state"
    write(repository, {"nightcrew.toml": "[files]\nsecret = ['*.private']\n"})
    made = nightcrew("shadow", "create", "--repo", repository, state=state).document["shadow"]
    process = subprocess.Popen(
        [NIGHTCREW, "shadow", "mount", made, "--follow", "--json", "--state", state],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    with process:
        assert process.stdout is not None
        text = ""
        while not text.rstrip().endswith("}"):
            text += process.stdout.readline()
        mounted = Path(json.loads(text)["path"])
        (mounted / "shop/total.py").write_text(SOURCE.replace("range(1, ", "range("))
        write(repository, {"prices.private": "1\n", "NOTES": "saved\n", "shop/total.py": DOCUMENTED})
        while not (mounted / "NOTES").exists():
            assert process.poll() is None
        assert not (mounted / "prices.private").exists()
        assert is_right((mounted / "shop/total.py").read_text())
        process.terminate()
        assert process.wait(60) == 0
    patch = nightcrew("shadow", "diff", made, state=state).document["diff"]
    assert "total.py" in patch and "NOTES" not in patch
