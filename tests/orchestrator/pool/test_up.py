"""`nightcrew pool up`, `status` and `down`: engines kept up on this machine, whatever ends them, and ended with their owner."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.pool import ask_report
from tests.orchestrator.pool.pools import Pool, pool, table
from tests.orchestrator.pool.standins import Standing


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Return a pool of two replicas that the module's tests share."""
    folder = tmp_path_factory.mktemp("two")
    with pool(folder, table(folder / "state", more='replicas = 2\nhealth_s = 1.0\nroles = ["plan", "edit"]\n')) as made:
        yield made


def test_status_says_how_each_replica_stands_and_what_was_spent(two: Pool) -> None:
    assert two.ask("plan", user="ticket-1") == 200
    two.until(lambda: two.status()["spent"])
    told = two.status()
    model = told["pool"]["models"][0]
    assert told["up"] and model["roles"] == ["plan", "edit"] and model["waiting"] == 0
    assert [each["state"] for each in model["replicas"]] == ["up", "up"]
    assert {each["ticket"] for each in told["spent"]} == {"ticket-1"}
    two.until(lambda: all(each["cache"] is not None for each in two.replicas()))
    report = ask_report(told["pool"]["address"])
    assert report.pool is not None and report.pool.models[0].name == "coder"
    assert ([(each.user, each.ticket) for each in report.tickets]) == [("anybody", "ticket-1")]
    assert [(each.user, each.calls) for each in report.users] == [("anybody", 1)]
    said = two.run("status")
    assert said.returncode == 0 and "up        coder-1" in said.stdout and "ticket-1" in said.stdout


def test_a_replica_that_was_killed_comes_back_and_no_request_fails(two: Pool) -> None:
    before = two.replicas()[0]
    statuses: list[int] = []
    callers = [threading.Thread(target=lambda at=at: statuses.append(two.ask(user=f"t{at}"))) for at in range(20)]
    for at, each in enumerate(callers):
        each.start()
        if at == 5:
            engine = psutil.Process(before["pid"]).children()[0]
            engine.kill()
    for each in callers:
        each.join()
    assert statuses == [200] * 20
    two.until(lambda: len(two.up()) == 2 and two.replicas()[0]["pid"] not in (None, before["pid"]))


def test_an_engine_that_hangs_is_found_and_started_again(two: Pool) -> None:
    before = two.replicas()[1]
    psutil.Process(before["pid"]).children()[0].suspend()
    two.until(lambda: two.replicas()[1]["pid"] not in (None, before["pid"]) and len(two.up()) == 2)


def test_a_second_pool_of_one_state_goes_over_to_its_file_instead(two: Pool) -> None:
    names = two.up()
    done = two.run("up", str(two.file))
    assert done.returncode == 0 and "is as wanted" in done.stdout and two.up() == names


def test_a_changed_model_rolls_while_requests_are_answered(two: Pool) -> None:
    before, text = two.up(), two.file.read_text("utf-8")
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.append(two.ask(user=f"t{len(statuses)}"))

    caller = threading.Thread(target=ask)
    caller.start()
    two.file.write_text(text.replace("--model", '--prefill-per-s", "1e8", "--model'), "utf-8")
    done = two.run("up", str(two.file))
    over.set()
    caller.join()
    assert done.returncode == 0, done.stderr
    assert not set(two.up()) & set(before) and len(two.up()) == 2
    assert statuses and set(statuses) == {200}


def test_a_change_that_does_not_come_up_leaves_what_was_there(two: Pool) -> None:
    before, text = two.up(), two.file.read_text("utf-8")
    two.file.write_text(text.replace("--model", '--nonsense", "--model'), "utf-8")
    done = two.run("up", str(two.file))
    two.file.write_text(text, "utf-8")
    assert (
        done.returncode == 1
        and "unrecognized arguments: --nonsense" in done.stderr
        and "those there were stay" in done.stderr
    )
    assert two.up() == before and two.ask() == 200
    assert two.run("up", str(two.file)).returncode == 0


def test_the_only_replica_is_waited_for_when_it_was_killed_and_not_when_it_fails(tmp_path: Path) -> None:
    with pool(tmp_path, table(tmp_path / "state")) as made:
        Standing(made.replicas()[0]["port"]).fault("500")
        assert made.ask() == 502 and made.ask() == 200
        Standing(made.replicas()[0]["port"]).fault("garbage")
        assert made.ask() == 502 and made.ask() == 200
        Standing(made.replicas()[0]["port"]).fault("exit")
        assert made.ask() == 200


def test_down_ends_all_of_it(tmp_path: Path) -> None:
    with pool(tmp_path) as made:
        assert len(made.engines()) >= 1
        assert made.run("down").returncode == 0
        assert made.process is not None and made.process.wait(30) == 0 and made.engines() == []
        assert made.run("status").returncode == 1 and made.status()["up"] is False


def test_a_pool_that_is_killed_leaves_no_engine(tmp_path: Path) -> None:
    with pool(tmp_path, table(tmp_path / "state", more="replicas = 2")) as made:
        assert made.process is not None and len(made.engines()) >= 2
        made.process.send_signal(signal.SIGKILL)
        made.until(lambda: not made.engines())
        assert made.status()["up"] is False


def test_a_model_that_nobody_asks_has_no_replica_until_somebody_does(tmp_path: Path) -> None:
    with pool(tmp_path, table(tmp_path / "state", more="least = 0\nreplicas = 2\nidle_s = 1.0")) as made:
        assert made.replicas() == []
        assert made.ask() == 200
        made.until(lambda: len(made.up()) == 1)
        made.until(lambda: made.replicas() == [])


def test_a_line_that_waits_gets_another_replica(tmp_path: Path) -> None:
    text = table(tmp_path / "state", "coder", "least = 1\nreplicas = 2\nat_once = 1\n", "--token-s", "0.5")
    with pool(tmp_path, text) as made:
        callers = [threading.Thread(target=made.ask) for _ in range(6)]
        for each in callers:
            each.start()
        made.until(lambda: len(made.up()) == 2)
        for each in callers:
            each.join()


def test_an_engine_that_ends_at_once_is_told_by_its_last_lines(tmp_path: Path) -> None:
    text = '[models.coder]\nengine = "command"\ncommand = ["sh", "-c", "echo CUDA out of memory; exit 3"]\n'
    with pool(tmp_path, text) as made:
        assert made.process is not None and made.process.wait(30) == 1
        assert "the engine ended with status 3" in made.log and "CUDA out of memory" in made.log


def test_an_engine_that_does_not_answer_is_told_without_its_key(tmp_path: Path) -> None:
    line = '["sh", "-c", "echo my key is $VLLM_API_KEY.; exec sleep 60"]'
    text = f'[models.coder]\nengine = "command"\ncommand = {line}\nstart_s = 1.0\n'
    with pool(tmp_path, text) as made:
        assert made.process is not None and made.process.wait(30) == 1
        assert "did not answer within 1 s" in made.log and "my key is ***." in made.log
        assert (made.state / "pool" / "logs").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            '[models.x]\nengine = "llama"\nmodel = "/no/such.gguf"\nprogram = "sh"\n',
            "there is no model at /no/such.gguf",
        ),
        ('[models.x]\nengine = "llama"\nmodel = "{half}"\nprogram = "sh"\n', "download it again"),
        ('[models.x]\nengine = "llama"\nmodel = "/x.gguf"\nprogram = "/no/llama"\n', "there is no program /no/llama"),
        ('[models.x]\nengine = "vlm"\nmodel = "m"\n', "models.x.engine"),
        ('[models.x]\nengine = "vllm"\n', "`model` names the weights"),
        ('[models.x]\nengine = "vllm"\nmodel = "m"\nreplica = 2\n', "did you mean"),
        ('host = "0.0.0.0"\n[models.x]\nengine = "vllm"\nmodel = "m"\n', "nightcrew pool key"),
        ("", "models"),
    ],
    ids=["absent", "half", "program", "engine", "nothing", "key", "open", "empty"],
)
def test_what_cannot_be_brought_up_is_said_before_anything_starts(text: str, said: str, tmp_path: Path) -> None:
    half = tmp_path / "half.gguf"
    half.write_bytes(b"GGUF\x03\x00\x00\x00")
    made = Pool(tmp_path, tmp_path / "pool.toml")
    made.file.write_text(text.replace("{half}", str(half)), "utf-8")
    done = made.run("up", str(made.file))
    assert done.returncode == 2 and said in done.stderr


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    made = Pool(tmp_path, tmp_path / "pool.toml")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        made.file.write_text(f"port = {port}\n{table(tmp_path)}", "utf-8")
        done = made.run("up", str(made.file))
    assert done.returncode == 2 and f"127.0.0.1:{port} cannot be listened at" in done.stderr


def test_a_key_is_shown_once_and_kept_as_a_hash(tmp_path: Path) -> None:
    made = Pool(tmp_path, tmp_path / "pool.toml")
    key, _, rest = made.run("key", "ann").stdout.partition("\n")
    assert key.startswith("nc-") and key not in rest
    table_of_key = rest[rest.index("[[keys]]") :]
    with pool(tmp_path / "p", f"{table(tmp_path / 'p' / 'state')}{table_of_key}") as up:
        assert up.ask() == 401
