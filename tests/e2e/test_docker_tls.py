"""Another machine's engine behind TLS, with the certificates that Docker's own variables name, and without the right ones."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox import Address, Command, DockerDriver, Root
from tests.e2e.project import fix, make_project
from tests.sandbox.dockerimage import IMAGES_PYTHON, the_image
from tests.sandbox.secondengine import second_engine

CONFIG = """\
[test]
command = "pytest tests"

[sandbox]
image = "any"
"""

# As https://docs.docker.com/engine/security/protect-access/ has it, with shorter keys.
MAKE = """
set -e
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1"; }
key ca-key.pem; openssl req -new -x509 -days 2 -key ca-key.pem -subj /CN=authority -out ca.pem
for who in server client; do
  key $who-key.pem; openssl req -new -subj /CN=$who -key $who-key.pem -out $who.csr
  printf 'subjectAltName = IP:127.0.0.1\\nextendedKeyUsage = %sAuth\\n' $who > $who.cnf
  openssl x509 -req -days 2 -in $who.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -extfile $who.cnf -out $who-cert.pem
done
"""


@dataclass(frozen=True, slots=True)
class Authority:
    """A directory with an authority's certificate, and one of each a server and a client that it certifies."""

    path: Path

    @classmethod
    def made(cls, path: Path) -> Authority:
        path.mkdir()
        subprocess.run(["sh", "-c", MAKE], cwd=path, check=True, capture_output=True)
        return cls(path)

    def directory(self, place: Path, trusted: Authority | None = None) -> Path:
        """Make what DOCKER_CERT_PATH names: this authority's client, who trusts this authority or another."""
        place.mkdir()
        shutil.copy(self.path / "client-cert.pem", place / "cert.pem")
        shutil.copy(self.path / "client-key.pem", place / "key.pem")
        shutil.copy((trusted or self).path / "ca.pem", place / "ca.pem")
        return place


@dataclass(frozen=True, slots=True)
class Certified:
    """An engine that speaks with who an authority certified, and nobody else."""

    address: str
    authority: Authority
    stranger: Authority

    def environ(self, certificates: Path) -> dict[str, str]:
        return {"DOCKER_HOST": self.address, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates)}


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    place = tmp_path_factory.mktemp("engine")
    ours, stranger = Authority.made(place / "authority"), Authority.made(place / "stranger")
    files = (f"--tls{name}={ours.path}/{file}.pem" for name, file in (("cacert", "ca"), ("cert", "server-cert"), ("key", "server-key")))  # fmt: skip
    with second_engine(place, "--tlsverify", *files) as address:
        yield Certified(address, ours, stranger)


TALK = "import os, socket; c = socket.socket(fileno=int(os.environ['NIGHTCREW_CHANNEL'])); c.send(b'x' * 70_000); open('made', 'wb').write(c.recv(9))"


def test_a_command_runs_at_an_engine_behind_tls(certified: Certified, tmp_path: Path) -> None:
    environ = certified.environ(certified.authority.directory(tmp_path / "certificates"))
    # The image goes there by Docker's own program, which takes the same variables.
    with subprocess.Popen(["docker", "save", the_image()], stdout=subprocess.PIPE) as saved:
        subprocess.run(["docker", "load"], stdin=saved.stdout, env={**os.environ, **environ}, check=True)
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("content\n")
    driver = DockerDriver(the_image(), tmp_path / "scratch", Address.of(environ))
    with driver.open(Root(tree, tree)) as sandbox:
        assert sandbox.run(Command(("cat", "file"))).stdout == b"content\n"
        with sandbox.start(Command((IMAGES_PYTHON, "-I", "-c", TALK))) as process:
            heard = b""
            while len(heard) < 70_000:
                heard += process.channel.recv(1 << 16)
            process.channel.sendall(b"an answer")
            completed = process.wait(60)
        assert completed is not None and completed.ok, completed
        assert (tree / "made").read_text() == "an answer"
    assert not list((tmp_path / "scratch").iterdir())


def probed(environ: dict[str, str]) -> str:
    """Return what is said of an engine that does not work."""
    ready = DockerDriver(address=Address.of(environ)).probe()
    assert not ready.works
    return ready.why


def test_certificates_of_another_authority_are_refused(certified: Certified, tmp_path: Path) -> None:
    theirs = certified.stranger.directory(tmp_path / "client", trusted=certified.authority)
    assert f"not reached with the certificates in {theirs}" in probed(certified.environ(theirs))
    # And an engine that another authority certified, whatever else the environment trusts.
    untrusted = certified.authority.directory(tmp_path / "server", trusted=certified.stranger)
    said = probed(certified.environ(untrusted))
    assert f"not reached with the certificates in {untrusted}" in said
    assert "certificate verify failed" in said


def test_nothing_runs_without_the_right_certificates(certified: Certified, tmp_path: Path) -> None:
    repository = make_project(tmp_path / "shop", {"nightcrew.toml": CONFIG})
    theirs = certified.stranger.directory(tmp_path / "certificates")
    answer = fix(repository, tmp_path / "state", "--sandbox", "docker", environ=certified.environ(theirs))
    assert answer.status == 2, answer
    assert f"not reached with the certificates in {theirs}" in str(answer.document)


def test_what_is_missing_is_told(certified: Certified, tmp_path: Path) -> None:
    assert "takes certificates only: set DOCKER_TLS_VERIFY=1" in probed({"DOCKER_HOST": certified.address})
    certificates = certified.authority.directory(tmp_path / "certificates")
    (certificates / "key.pem").unlink()
    assert f"there is no {certificates}/key.pem" in probed(certified.environ(certificates))
    at_home = {"DOCKER_HOST": certified.address, "DOCKER_TLS_VERIFY": "1", "HOME": str(tmp_path)}
    assert f"there is no {tmp_path}/.docker/ca.pem" in probed(at_home)
