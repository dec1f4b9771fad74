"""Services in the docker sandbox: through the same sockets, where the engine is on this machine."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sandbox import (
    Command,
    DockerDriver,
    Policy,
    RedisService,
    Root,
    Services,
    ServiceUnavailable,
    Source,
    service_lack,
)
from tests.sandbox.cases import needs_local
from tests.sandbox.dockerimage import docker_driver, the_image
from tests.sandbox.services.data import branches, nothing

pytestmark = [needs_local, pytest.mark.skipif(bool(service_lack("redis")), reason="Redis is missing")]
CODE = """\
import os, socket, sqlite3
client = socket.socket(socket.AF_UNIX)
client.connect(os.environ["REDIS_URL"].removeprefix("unix://"))
client.sendall(b"INCR n\\r\\n")
database = sqlite3.connect(os.environ["DATABASE"])
database.execute("INSERT INTO people VALUES ('x')")
database.commit()
print(client.recv(100).decode().strip(), database.execute("SELECT count(*) FROM people").fetchone()[0])
"""


def test_a_container_is_served_through_sockets_and_copies(tmp_path: Path) -> None:
    tree, data = tmp_path / "tree", tmp_path / "data.db"
    tree.mkdir()
    with closing(sqlite3.connect(data)) as connection:
        connection.execute("CREATE TABLE people (name TEXT)")
    services = Services(redis=RedisService(), sqlite={"data": data}, environment={"DATABASE": "{sqlite.data}"})
    driver = docker_driver(tmp_path / "scratch")
    with branches(tmp_path).open(services, Source(), nothing, {"data": data}, driver.user) as served:
        policy = Policy(environment=served.environment, sockets=served.sockets)
        with driver.open(Root(tree, tree, writable=served.writable), policy) as sandbox:
            done = sandbox.run(Command(("python3", "-c", CODE)))
    assert done.stdout == b":1 1\n", done


def test_an_engine_on_another_machine_is_refused_with_what_to_do(tmp_path: Path) -> None:
    driver = DockerDriver(the_image(), tmp_path / "scratch", remote=True)
    policy = Policy(sockets={Path("/run/services/redis/redis.sock"): tmp_path / "redis.sock"})
    with pytest.raises(ServiceUnavailable, match="--sandbox local"):
        driver.open(Root(tmp_path, tmp_path), policy)
