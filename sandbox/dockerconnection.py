"""How an engine is reached, on this machine or another: the SDK's client, its streams, and its errors as ours."""

from __future__ import annotations

import select
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sandbox.dockeraddress import Address
from sandbox.errors import EngineAway, SandboxError, SandboxUnavailable

_TIMEOUT_S = 60
_REACH_S = 10
_CHUNK_BYTES = 1 << 16
_INSTALL = "install Docker (`apt-get install docker.io`) and start it (`systemctl start docker`)"
_CERTIFICATES = ("ca.pem", "cert.pem", "key.pem")
_HTTPS_ONLY = "HTTP request to an HTTPS server"
"""What the engine says to who comes without certificates."""
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError, TimeoutError)


class Attached:
    """The input and output of what runs in a container, as one socket. Its end of file ends what a container waits for."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        # Certificates' and ssh's streams are sockets themselves.
        self._socket: socket.socket = getattr(stream, "_sock", stream)
        self._lock = threading.Lock()

    def read(self, timeout_s: float) -> bytes:
        """Return what was said next, framed as the engine does; nothing at its end. Raises TimeoutError."""
        while True:
            with self._lock:
                # One thread may read while another writes, and the library of certificates bears one at a time.
                self._socket.setblocking(False)
                with suppress(*_NOT_YET):
                    return self._socket.recv(_CHUNK_BYTES)
            if not self._await(select.POLLIN, timeout_s):
                raise TimeoutError

    def write(self, data: bytes) -> None:
        """Send everything. Raises OSError when the other end has gone."""
        left = memoryview(data)
        while left:
            with self._lock:
                self._socket.setblocking(False)
                with suppress(*_NOT_YET):
                    left = left[self._socket.send(left) :]
                    continue
            if not self._await(select.POLLOUT, _TIMEOUT_S):
                raise TimeoutError(f"the engine took nothing for {_TIMEOUT_S} s")

    def over(self) -> bool:
        """Say whether its other end has closed it, as an engine does that goes away."""
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1, socket.MSG_PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """End it. Safe to call twice."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._stream._response.close()
        self._stream.close()
        self._socket.close()

    def _await(self, event: int, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._socket.fileno(), event)
        return bool(poll.poll(timeout_s * 1000))


class Connection:
    """A connection to an engine. Every method raises `EngineAway` when the engine does not answer."""

    def __init__(self, address: Address, oldest: tuple[int, int]) -> None:
        self.address = address
        self._met = False
        try:
            import docker
        except ModuleNotFoundError as error:
            raise SandboxUnavailable(
                "the package docker is not installed: `pip install 'nightcrew[docker]'`"
            ) from error
        with self._asking("reach the engine"):
            self._client = docker.APIClient(base_url=address.url, timeout=_TIMEOUT_S, tls=_tls(address))
            version = self._client.version(api_version=False)["ApiVersion"]
        self._met = True
        if tuple(map(int, version.split("."))) < oldest:
            self._client.close()
            raise SandboxUnavailable(f"the Docker engine speaks API {version}: 1.41 is needed (Docker 20.10)")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @contextmanager
    def _asking(self, doing: str, missing: str = "", gone: tuple[int, ...] = ()) -> Iterator[None]:
        """Turn the SDK's errors into ours; `missing` is what to say of a 404, `gone` are answers that are as good as done."""
        from docker.errors import APIError, DockerException
        from requests.exceptions import RequestException

        self._reach(doing)
        try:
            yield
        except APIError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in gone:
                return
            if status == 404 and missing:
                raise SandboxUnavailable(missing) from error
            raise SandboxError(f"the Docker engine could not {doing}: {error.explanation or error}") from error
        except _lost(DockerException, RequestException, OSError) as error:
            raise EngineAway(f"could not {doing}: {self._parted(error)}") from error

    def _parted(self, error: BaseException) -> str:
        """Return what came between this machine and the engine."""
        if not self._met and _HTTPS_ONLY in str(error):
            return f"the Docker engine at {self.address.url} takes certificates only: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH"
        if self._met or not self.address.certified:
            return f"the Docker engine at {self.address.url} {'went away' if self._met else 'is not reached'}: {error}"
        while (first := error.__cause__ or error.__context__) is not None:
            error = first
        return (
            f"the Docker engine at {self.address.url} is not reached with the certificates in {self.address.certificates} ({error}):"
            " ca.pem has to be of the authority of its certificate, cert.pem and key.pem of one that it trusts"
        )

    def _reach(self, doing: str) -> None:
        """Connect once, since the SDK hides what is wrong with a socket, and leaks what it could not connect."""
        scheme, _, place = self.address.url.partition("://")
        try:
            if scheme == "unix":
                with socket.socket(socket.AF_UNIX) as probe:
                    probe.connect(place)
            elif scheme in ("tcp", "http", "https"):
                host, _, port = place.rstrip("/").rpartition(":")
                socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_S).close()
        except PermissionError as error:
            advice = f"{self.address.url} may not be opened: `usermod -aG docker $USER`, then log in again"
            raise SandboxUnavailable(f"could not {doing}: {advice}") from error
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            advice = f"no Docker engine answers at {self.address.url} ({said})"
            advice += f": {_INSTALL}" if not self.address.away else ": see `docker version` with the same DOCKER_HOST"
            raise EngineAway(f"could not {doing}: {advice}") from error


def _lost(*errors: type[Exception]) -> tuple[type[Exception], ...]:
    """Return `errors`, and what the library that the SDK takes for ssh:// raises of its own, once it is loaded."""
    paramiko = sys.modules.get("paramiko")
    return errors if paramiko is None else (*errors, paramiko.SSHException)


def _tls(address: Address) -> Any:
    """Return the SDK's settings of the certificates, as its own reading of the environment has them."""
    if not address.certified:
        return None
    from docker.tls import TLSConfig

    class Certified(TLSConfig):
        def configure_client(self, client: Any) -> None:
            super().configure_client(client)
            # Or REQUESTS_CA_BUNDLE would stand in for the authority that is named.
            client.trust_env = False

    authority, certificate, key = (Path(str(address.certificates), name) for name in _CERTIFICATES)
    for file in (authority, certificate, key):
        if not file.is_file():
            raise SandboxUnavailable(
                f"{address.url} is reached with certificates, and there is no {file}: DOCKER_CERT_PATH names the directory of"
                f" {', '.join(_CERTIFICATES)}"
            )
    return Certified((str(certificate), str(key)), str(authority), address.verify)
