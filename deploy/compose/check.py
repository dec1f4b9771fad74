#!/usr/bin/env python3
"""Has compose do tickets on the engine that runs: one whose worker is killed, one whose workers are restarted in turn.

`check.py BASE [docker build options]` makes the images of a Debian 12, those of Redis and PostgreSQL of its packages: no registry
is needed. It leaves nothing but images. What it asks is standard library, so any Python runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HERE = Path(__file__).resolve().parent
COMPOSE = ("docker", "compose", "-f", HERE / "compose.yaml")
ADDRESS = "http://127.0.0.1:8484/api/tickets"
FAILING = "tests.test_total.TotalTest.test_all_prices_count"
# Jobs begin on a busy machine, too.
CONFIG = "mkdir -p ~/.config/nightcrew; printf '[room]\nload = 100\n' >~/.config/nightcrew/config.toml"
# Nothing of the containers' password is seen in a sandbox.
FIXES = r"command:[ ! -e /run/password ] || exit 1; sleep 15; sed -i 's/\[1:\]//' shop/total.py"
PATIENCE_S = 240.0
REDIS = """\
ARG BASE
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends redis-server
USER redis
"""
POSTGRES = r"""
ARG BASE
FROM ${BASE}
RUN apt-get update && apt-get install -y --no-install-recommends postgresql \
 && ln -sf /usr/lib/postgresql/*/bin/* /usr/local/bin && install -d -m 700 -o postgres /var/lib/postgresql/data
ENV PGDATA=/var/lib/postgresql/data
STOPSIGNAL SIGINT
CMD install -m 400 -o postgres "$POSTGRES_PASSWORD_FILE" /tmp/word; exec setpriv --reuid postgres --regid postgres --init-groups sh -c ' \
  [ -s "$PGDATA/PG_VERSION" ] || { initdb -E UTF8 --locale C.UTF-8 -U "$POSTGRES_USER" -A scram-sha-256 --pwfile=/tmp/word \
   && echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf" \
   && echo "CREATE DATABASE $POSTGRES_DB" | postgres --single template1; }; exec postgres -c "listen_addresses=*"'
"""
PROJECT = r"""
mkdir -p "$0/shop" "$0/tests" && cd "$0" && touch shop/__init__.py tests/__init__.py
printf 'def total(prices):\n    return sum(prices[1:])\n' >shop/total.py
cat >tests/test_total.py <<'END'
import unittest

from shop.total import total


class TotalTest(unittest.TestCase):
    def test_all_prices_count(self):
        self.assertEqual(total([3, 4, 5]), 12)
END
git init -q . && git add . && git -c user.name=check -c user.email=check@localhost commit -qm 'a shop'
"""


def main(base: str, *options: str) -> None:
    """Build the images, bring all of it up, and have two tickets done."""
    build = ("docker", "build", "-q", "--build-arg", f"BASE={base}", *options)
    run(*build, "-t", "nightcrew:check", "-f", HERE.parent / "image/Dockerfile", HERE.parent.parent)
    run(*build, "-t", "nightcrew-redis:check", "-", told=REDIS)
    run(*build, "-t", "nightcrew-postgres:check", "-", told=POSTGRES)
    with composed() as repository:
        inside("sh", "-euc", PROJECT, repository)
        inside("nightcrew", "users", "add", "check", "--role", "file")
        key = json.loads(inside("nightcrew", "users", "key", "check", "--json"))["key"]
        killed(key, repository)
        restarted(key, repository)
    print("check: compose works")


def killed(key: str, repository: str) -> None:
    """Kill the worker that works on a ticket: the other one goes on with it."""
    ticket = filed(key, repository)
    worker = until("a worker has the ticket", at_work)
    run("docker", "kill", worker)
    began = time.monotonic()
    until("the other worker has it", lambda: at_work() not in ("", worker))
    print(f"check: a worker was killed; the other had its job {time.monotonic() - began:.0f} s later")
    proved(key, repository, ticket)
    run("docker", "start", worker)


def restarted(key: str, repository: str) -> None:
    """Restart all workers in turn, the one that works on a ticket first: each drains, and none of it is lost."""
    ticket = filed(key, repository)
    first = until("a worker has the ticket", at_work)
    for worker in sorted(ids("worker"), key=lambda each: each != first):
        began = time.monotonic()
        run("docker", "stop", "-t", "300", worker)
        status = run("docker", "inspect", "-f", "{{.State.ExitCode}}", worker)
        assert status == "0", f"{worker} ended with status {status} as it was to drain"
        print(f"check: a worker drained in {time.monotonic() - began:.0f} s")
        run("docker", "start", worker)
        until("it works again", partial(healthy, worker))
    proved(key, repository, ticket)


def proved(key: str, repository: str, ticket: str) -> None:
    """Check that a ticket comes to be verified, on one branch of one commit, and show that."""
    until(f"{ticket} ends", lambda: asked(key, f"{ADDRESS}/{ticket}")["status"] not in ("queued", "working"))
    document = asked(key, f"{ADDRESS}/{ticket}")
    assert document["status"] == "verified", document
    branches = inside("git", "-C", repository, "branch", "--list", f"nightcrew/{ticket}*", "--format=%(refname:short)")
    assert branches == document["branch"], branches
    print(inside("git", "-C", repository, "log", "--format=%h %s", "--stat", f"HEAD..{branches}"))
    assert inside("git", "-C", repository, "rev-list", "--count", f"HEAD..{branches}") == "1"


@contextmanager
def composed() -> Iterator[str]:
    """Bring everything up, with two workers, as long as the block lasts; yields where a repository may lie."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        os.environ |= {
            "COMPOSE_PROJECT_NAME": "nightcrew-check",
            "NIGHTCREW_IMAGE": "nightcrew:check",
            "REDIS_IMAGE": "nightcrew-redis:check",
            "POSTGRES_IMAGE": "nightcrew-postgres:check",
            "REPOSITORIES": folder,
        }
        try:
            compose("up", "-d", "--no-build", "serve")
            inside("sh", "-euc", CONFIG)
            compose("up", "-d", "--no-build", "--scale", "worker=2")
            until("all are healthy", lambda: all(map(healthy, [*ids("serve"), *ids("worker")])))
            yield f"{folder}/shop"
        except (AssertionError, SystemExit):
            print(compose("logs", "--tail", "200"), file=sys.stderr)
            raise
        finally:
            for words in (("exec", "-T", "serve", "rm", "-rf", f"{folder}/shop"), ("down", "-v", "-t", "60")):
                subprocess.run([*COMPOSE, *words], check=False)


def filed(key: str, repository: str) -> str:
    """File the ticket over the API; return its id."""
    order = {
        "text": "total() leaves out the first price",
        "repository": repository,
        "failing": [FAILING],
        "agent": FIXES,
    }
    return str(asked(key, ADDRESS, order)["ticket"])


def asked(key: str, address: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what the server answers to a reading request, or to one that brings a body."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(address, data, headers), timeout=30) as answer:
        return dict(json.load(answer))


def ids(service: str) -> list[str]:
    """Return the ids of a service's containers that run, as short as their host names."""
    return [each[:12] for each in compose("ps", "-q", service).split()]


def at_work() -> str:
    """Return which worker's container holds a lease, "" while none does."""
    checks = json.loads(inside("nightcrew", "doctor", "--cluster", "--json"))["checks"]
    leases = next(each["why"] for each in checks if each["name"] == "leases")
    return next((each for each in ids("worker") if each in leases), "")


def healthy(container: str) -> bool:
    """Say whether a container's own check finds it well."""
    return run("docker", "inspect", "-f", "{{.State.Health.Status}}", container) == "healthy"


def until(what: str, look: Callable[[], str | bool]) -> str:
    """Look until there is something, and return it."""
    end = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < end, f"{PATIENCE_S:.0f} s went by until {what}"
        time.sleep(1)
    return str(found)


def inside(*words: str) -> str:
    """Run a command in the server's container."""
    return compose("exec", "-T", "serve", *words)


def compose(*words: str) -> str:
    """Run `docker compose` on the file beside this one."""
    return run(*COMPOSE, *words)


def run(*words: str | Path, told: str = "") -> str:
    """Run a command; returns what it says, and ends the check with its errors where it fails."""
    done = subprocess.run(words, input=told, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"check: {' '.join(map(str, words))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout.strip()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
