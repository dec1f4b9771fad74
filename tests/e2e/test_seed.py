"""`nightcrew seed` as a person types it: patches that apply and fail the tests they name, and an untouched repository."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.e2e.command import clean_environment, nightcrew
from tests.e2e.project import activated, make_project
from tests.e2e.traces import digest, left_behind

FILES = {
    "shop/total.py": "def total(prices, start=0):\n    result = start\n    for price in prices:\n        result += price\n    return result\n\n\n"
    "def label(name, price):\n    return f'{name}: {price:.2f}'.strip()\n",
    "tests/test_total.py": "from shop.total import label, total\n\n\ndef test_all_prices_count():\n    assert total([3, 4, 5]) == 12\n\n\n"
    "def test_nothing():\n    assert total([], 2) == 2\n\n\ndef test_labels():\n    label('tea', 1)\n",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_project(tmp_path / "repository", FILES)


def test_seeds_are_patches_with_a_manifest_and_the_repository_is_untouched(repository: Path, tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    before = digest(repository)
    words: tuple[str | Path, ...] = ("seed", "--repo", repository, "--count", "2", "--test", "pytest tests")
    told = nightcrew(*words, "--out", out, state=state, environ=activated())
    assert told.status == 0 and digest(repository) == before and left_behind(state) == []
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest == told.document
    assert len(manifest["bugs"]) == 2 and manifest["tests"] == {"passed": 3, "traced": 3}
    for bug in manifest["bugs"]:
        assert bug["file"] == "shop/total.py" and bug["line"] and bug["family"]
        assert _failing(repository, out / bug["patch"]) == set(bug["failing"])
    for survivor in manifest["survivors"]:
        assert _failing(repository, out / survivor["patch"]) == set()


def _failing(repository: Path, patch: Path) -> set[str]:
    """Put a patch in, run the suite as a person would, take the patch out, and return the tests that failed."""
    python = Path(activated()["VIRTUAL_ENV"]) / "bin" / "python"
    subprocess.run(["git", "apply", patch], cwd=repository, check=True)
    done = subprocess.run(
        [python, "-B", "-m", "pytest", "-q", "-rfE", "-p", "no:cacheprovider"],
        cwd=repository, env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    subprocess.run(["git", "apply", "--reverse", patch], cwd=repository, check=True)
    return {line.split()[1] for line in done.stdout.splitlines() if line.startswith(("FAILED ", "ERROR "))}


def test_what_cannot_be_seeded_is_said(repository: Path, tmp_path: Path) -> None:
    state, inside, full = tmp_path / "state", repository / "seeds", tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("kept")
    words: tuple[str | Path, ...] = ("seed", "--repo", repository, "--test", "pytest tests")
    for further, kind, said in (
        (("--out", inside), "usage", "lies in the repository"),
        (("--out", full), "usage", "not empty"),
        (("--path", "nothing/*"), "order-refused", "no Python file matches nothing/*"),
    ):
        answer = nightcrew(*words, *further, state=state, environ=activated())
        assert (answer.status, answer.document["error"]["kind"]) == (2, kind)
        assert said in answer.document["error"]["message"]
    command = nightcrew("seed", "--repo", repository, "--test", "true", state=state, environ=activated())
    assert command.status == 1 and "one command" in command.document["error"]["message"]
    assert [path.name for path in full.iterdir()] == ["mine"] and not inside.exists()
