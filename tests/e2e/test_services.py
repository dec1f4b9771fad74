"""A repository whose tests write to PostgreSQL and Redis: its bug is repaired, and nothing is left of its databases."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sandbox import service_lack
from tests.e2e.command import nightcrew
from tests.e2e.library import commit_all, git
from tests.e2e.project import write
from tests.sandbox.cases import needs_local
from tests.sandbox.services.test_branches import serving

SOURCE = '''\
"""Orders of a shop: rows in PostgreSQL, their number in Redis."""

import os

import psycopg
import redis


def place(people):
    """Store an order of each, and return how many there are."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection, redis.from_url(os.environ["REDIS_URL"]) as counter:
        for person in people[1:]:
            connection.execute("INSERT INTO orders (person) VALUES (%s)", (person,))
            counter.incr("orders")
        [(rows,)] = connection.execute("SELECT count(*) FROM orders")
        return rows, int(counter.get("orders") or 0)
'''
TESTS = """\
import os
import unittest

import psycopg
import redis

from orders import place


class Orders(unittest.TestCase):
    def setUp(self):
        with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
            connection.execute("TRUNCATE orders")
        with redis.from_url(os.environ["REDIS_URL"]) as counter:
            counter.flushdb()

    def test_no_order(self):
        assert place([]) == (0, 0)

    def test_all_orders_are_stored(self):
        assert place(["ann", "bob"]) == (2, 2)
"""
CONFIG = f"""\
[test]
command = "python -m unittest test_orders"
python = "{sys.executable}"

[language]
enabled = false

[services]
setup = "psql -q -f schema.sql"
files = ["schema.sql"]
environment = {{ DATABASE_URL = "postgresql://{{postgres.user}}@/{{postgres.database}}?host={{postgres.host}}" }}

[services.postgres]
[services.redis]
"""
FILES = {
    "orders.py": SOURCE,
    "test_orders.py": TESTS,
    "schema.sql": "CREATE TABLE orders (person text NOT NULL);\n",
    "nightcrew.toml": CONFIG,
    ".gitignore": "__pycache__/\n",
}


@needs_local
@pytest.mark.skipif(bool(service_lack("postgres") or service_lack("redis")), reason="PostgreSQL or Redis is missing")
def test_a_bug_in_code_that_needs_databases_is_repaired_and_nothing_of_them_is_left(tmp_path: Path) -> None:
    repository, state = tmp_path / "shop", tmp_path / "state"
    repository.mkdir()
    write(repository, FILES)
    commit_all(repository)
    failing = "test_orders.Orders.test_all_orders_are_stored"
    answer = nightcrew(
        "fix", "the first order is not stored", "--repo", repository, "--failing", failing, state=state, environ={}
    )
    assert answer.status == 0, answer
    (branch,) = git(repository, "branch", "--list", "nightcrew/*", "--format=%(refname:short)").split()
    assert "people[1:]" not in git(repository, "show", f"{branch}:orders.py")
    assert not serving(state / "sandboxes") and not list((state / "sandboxes").iterdir())
    templates = [path for path in (state / "services").iterdir() if path.is_dir()]
    assert len(templates) == 1
