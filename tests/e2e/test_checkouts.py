"""An issue about a repository that is not on this disk: cloned, set up with what its suite needs, repaired, and offered as a pull request."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.command import Answer, nightcrew
from tests.e2e.library import base_python, git, requirements
from tests.e2e.project import TESTS, TICKET, make_project
from tests.orchestrator.forges import webhooks
from tests.orchestrator.forges.fake import TOKEN, FakeForge, serving
from tests.orchestrator.forges.fakeapi import github
from tests.roomy import ROOM

SECRET = "key-of-the-index"
WHEEL = "vendor/pricing-1.0-py3-none-any.whl"
SETUP = """\
[setup]
run = [
    '''{python} -m venv --without-pip .venv''',
    '''unzip() {{ .venv/bin/python -m zipfile -e "$1" .venv/lib/python3*/site-packages; }}; unzip {wheel}; unzip vendor/suite.zip''',
    '''echo "reached by $INDEX_KEY"''',
]
secrets = ["INDEX_KEY"]
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A machine that has nothing but its configuration, a forge, and what is developed there."""

    folder: Path
    work: Path
    fake: FakeForge

    def run(self, *words: str | Path) -> Answer:
        """Run a command."""
        secrets = {"TEAM_TOKEN": TOKEN, "TEAM_SECRET": webhooks.SECRET, "INDEX_KEY": SECRET}
        environ = {"XDG_CONFIG_HOME": str(self.folder / "config"), **secrets}
        return nightcrew(*words, state=self.folder / "state", environ=environ)

    def push(self, files: dict[str, str]) -> None:
        """Push files to the forge, as a developer does."""
        for name, text in files.items():
            (self.work / name).write_text(text)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "-m", "more")
        git(self.work, "push", "-q", str(self.fake.git_dir), "HEAD:main")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    work = make_project(tmp_path / "elsewhere" / "sums", {"tests/test_total.py": f"import pricing\n\n{TESTS}"})
    vendored(work)
    (work / "nightcrew.toml").write_text(SETUP.format(python=base_python(), wheel=WHEEL))
    git(work, "add", "-A", "-f")
    git(work, "commit", "-q", "-m", "set-up")
    with serving(FakeForge(tmp_path / "forge", work, github)) as fake:
        config = tmp_path / "config" / "nightcrew" / "config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(
            f'[forges.team]\nkind = "github"\nurl = "{fake.url}"\napi = "{fake.url}/api"\ntoken_env = "TEAM_TOKEN"\n'
            f'secret_env = "TEAM_SECRET"\nallow = ["alice"]\nmanaged = ["team/sums"]\n'
            f"secrets = {{ {json.dumps('team/sums')} = ['INDEX_KEY'] }}\n" + ROOM
        )
        yield Place(tmp_path, work, fake)


def vendored(work: Path) -> None:
    """Put the package that the suite imports into the repository, and the suite's runner."""
    (work / "vendor").mkdir()
    with zipfile.ZipFile(work / WHEEL, "w") as wheel:
        wheel.writestr("pricing.py", "CURRENCY = 'EUR'\n")
        wheel.writestr("pricing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pricing\nVersion: 1.0\n")
    site = requirements()
    with zipfile.ZipFile(work / "vendor/suite.zip", "w") as suite:
        for path in sorted(site.rglob("*.py")) + sorted(site.glob("*.dist-info/*")):
            if path.is_file() and path.relative_to(site).parts[0].startswith(
                ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "py.py")
            ):
                suite.write(path, path.relative_to(site))


def test_an_issue_about_a_repository_elsewhere_becomes_a_pull_request(place: Place) -> None:
    place.fake.issue(5, TICKET.partition(":")[0], TICKET)
    address = f"{place.fake.url}/team/sums/issues/5"
    filed = place.run("file", "--from-issue", address)
    assert filed.status == 0, filed
    ticket = filed.document["ticket"]
    (job,) = place.run("work").document["jobs"]
    assert job["status"] == "verified", job
    published = place.run("publish", ticket)
    assert published.status == 0, published
    (pull,) = place.fake.pulls()
    assert place.fake.tip(pull.head) == job["commit"]
    assert pull.base == "main"
    changed = place.fake.git("diff", "--name-only", "main", pull.head).split()
    assert changed == ["shop/total.py"]
    told = "".join(pull.body for pull in place.fake.pulls()) + "".join(
        each["body"] for each in place.fake.talks["#5"].comments
    )
    assert str(place.folder) not in told
    home = place.folder / "state/checkouts/team/team/sums"
    (log,) = (home / "logs").iterdir()
    assert "reached by ***" in log.read_text()
    kept = [path for path in (place.folder / "state").rglob("*") if path.is_file()]
    assert not [path for path in kept if SECRET.encode() in path.read_bytes() or TOKEN.encode() in path.read_bytes()]
    # Somebody reviews that pull request; its environment is there already.
    reviewed = place.run("review", f"{place.fake.url}/team/sums/pull/{pull.number}")
    assert reviewed.status == 0, reviewed
    assert len(list((home / "trees").iterdir())) == 1
    assert log.read_text().count("reached by ***") == 1


def test_a_set_up_that_fails_ends_the_job_and_says_what_to_do(place: Place) -> None:
    place.push({"nightcrew.toml": '[setup]\nrun = ["echo no such index; exit 7"]\n'})
    place.fake.issue(5, TICKET.partition(":")[0], TICKET)
    ticket = place.run("file", "--from-issue", f"{place.fake.url}/team/sums/issues/5").document["ticket"]
    (job,) = place.run("work").document["jobs"]
    assert job["status"] == "failed"
    assert "exited with 7" in job["why"]
    assert "Once it is mended at the forge, resume the ticket" in job["why"]
    place.push({"nightcrew.toml": SETUP.format(python=base_python(), wheel=WHEEL)})
    resumed = place.run("resume", ticket)
    assert resumed.status == 0, resumed
