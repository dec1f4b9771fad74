"""A second Docker engine, out of sight as another machine's is: in network, process and mount namespaces of its own.

It answers at a port of this machine's loopback all the same, for it is handed the socket. It has no bridge and touches no firewall.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Process 1 of its namespace: whatever it leaves ends with it. The socket is handed over as systemd does it, as descriptor 3.
_SCRIPT = """
exec 3<&0 </dev/null; export LISTEN_PID=$$ LISTEN_FDS=1; ip link set lo up
exec dockerd -H fd:// --bridge=none --iptables=false --ip-forward=false --data-root "$0/data" --exec-root "$0/exec" --pidfile "$0/pid" "$@"
"""
_APART = ("unshare", "--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc")


@contextmanager
def second_engine(folder: Path, *options: str) -> Iterator[str]:
    """Yield the address of an engine that keeps everything below a folder; who connects waits until it is up.

    Skips the test where there is none to start, or nobody to start it.
    """
    if shutil.which("dockerd") is None or os.getuid() != 0:
        pytest.skip("a second engine needs dockerd (`apt-get install docker.io`) and root")
    held, holding = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as server, (folder / "log").open("wb") as log, os.fdopen(held) as end:
        words = [*_APART, "sh", "-c", _SCRIPT, str(folder), *options]
        process = subprocess.Popen(words, stdin=server.fileno(), stdout=log, stderr=log, pass_fds=(holding,))
        os.close(holding)
        host, port = server.getsockname()
        # From here on the engine alone has it: when that ends, connections are refused.
        server.close()
        try:
            yield f"tcp://{host}:{port}"
        finally:
            # It does not heed a gentler signal while it waits. What it started goes with it, and is gone when the pipe has ended.
            process.kill()
            process.wait()
            end.read()
