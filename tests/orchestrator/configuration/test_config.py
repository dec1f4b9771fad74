"""Configuration files are closed records: what is unknown or wrong is one message that names it."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from agents import NamedModel
from orchestrator.configuration.config import (
    MachineConfig,
    RepositoryConfig,
    known_keys,
    read_machine,
    read_repository,
)
from orchestrator.directories import state_directory
from orchestrator.errors import BadConfig
from orchestrator.exits import USAGE, exit_of_error
from orchestrator.schedule import Schedule, read_hours
from orchestrator.working.allowance import Amount


def write(repository: Path, text: str) -> Path:
    (repository / "nightcrew.toml").write_text(text, "utf-8")
    return repository


def test_no_file_gives_the_defaults(tmp_path: Path) -> None:
    config = read_repository(tmp_path)
    assert config.test.command is None
    assert config.agent.default == "repair"


def test_a_file_is_read(tmp_path: Path) -> None:
    config = read_repository(
        write(tmp_path, '[test]\ncommand = "pytest"\nseconds = 60\n[files]\nsecret = ["*.pem"]\n[budget]\nusd = 1\n')
    )
    assert (config.test.command, config.test.seconds) == ("pytest", 60)
    assert config.files.secret == ("*.pem",)
    assert config.budget.usd == 1


@pytest.mark.parametrize(
    ("text", "named", "near"),
    [
        ('[test]\ncomand = "pytest"\n', "`test.comand`", "did you mean `test.command`?"),
        ("[tests]\n", "`tests`", "did you mean `test`?"),
        ('command = "pytest"\n', "`command`", "did you mean `test.command`?"),
        ("[agent]\nzzz = 1\n", "`agent.zzz`", "known keys here: agent.default, agent.attempts"),
    ],
)
def test_an_unknown_key_is_named_with_its_nearest_neighbour(tmp_path: Path, text: str, named: str, near: str) -> None:
    with pytest.raises(BadConfig) as raised:
        read_repository(write(tmp_path, text))
    assert named in str(raised.value)
    assert near in str(raised.value)
    assert exit_of_error(raised.value) == USAGE


@pytest.mark.parametrize(
    "text", ["[budget]\nseconds = -1\n", "[budget]\nseconds = 'long'\n", "[agent]\nattempts = 0\n"]
)
def test_a_wrong_value_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfig, match=r"`(budget\.seconds|agent\.attempts)` is"):
        read_repository(write(tmp_path, text))


@pytest.mark.parametrize("data", [b"[test\n", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "nightcrew.toml").write_bytes(data)
    with pytest.raises(BadConfig, match="cannot be read"):
        read_repository(tmp_path)


def test_the_machines_file_lies_in_the_configuration_directory(tmp_path: Path) -> None:
    folder = tmp_path / "config" / "nightcrew"
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text('state = "~/elsewhere"\n[shadow]\ndriver = "copy"\n', "utf-8")
    machine = read_machine({"XDG_CONFIG_HOME": str(tmp_path / "config")}, tmp_path / "home")
    assert machine.shadow.driver == "copy"
    assert state_directory({}, tmp_path / "home", machine.state) == tmp_path / "home" / "elsewhere"


def test_state_is_where_it_was_asked_for_else_in_the_state_directory(tmp_path: Path) -> None:
    machine = MachineConfig()
    assert state_directory({}, tmp_path, machine.state, Path("/given")) == Path("/given")
    assert state_directory({"XDG_STATE_HOME": "/state"}, tmp_path, machine.state) == Path("/state/nightcrew")
    assert (
        state_directory({"XDG_STATE_HOME": "relative"}, tmp_path, machine.state) == tmp_path / ".local/state/nightcrew"
    )


@pytest.mark.parametrize("model", [RepositoryConfig, MachineConfig])
def test_every_key_is_documented_with_its_default(model: type[RepositoryConfig] | type[MachineConfig]) -> None:
    page = (Path(__file__).parents[3] / "docs" / "configuration.md").read_text("utf-8")
    leaves = [key for key in known_keys(model) if not any(other.startswith(f"{key}.") for other in known_keys(model))]
    assert leaves
    assert not [key for key in leaves if f"| `{key}` |" not in page]


def machine(folder: Path, text: str) -> MachineConfig:
    (folder / "nightcrew").mkdir(parents=True)
    (folder / "nightcrew" / "config.toml").write_text(text, "utf-8")
    return read_machine({"XDG_CONFIG_HOME": str(folder)}, folder)


def test_models_are_named_on_the_machine_with_price_context_and_role(tmp_path: Path) -> None:
    text = '[models.fast]\nbase_url = "http://localhost:8000/v1"\nmodel = "qwen"\nkey_env = "FAST_KEY"\nrole = "edit"\n'
    config = machine(
        tmp_path,
        text + "context = 8192\nprice_in = 0.5\nprice_out = 1\n[models.large]\nbase_url = 'http://b'\nmodel = 'm'\n",
    )
    fast, large = config.named_models()
    assert fast == NamedModel("fast", "http://localhost:8000/v1", "qwen", "FAST_KEY", "edit", 8192, 0.5, 1.0)
    assert (large.name, large.key_env, large.role) == ("large", "", "")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "base_url = 'a'\nmodel = 'm'\nprice = 1\n",
            "`models.fast.price` is no key.*did you mean `models.NAME.price_in`",
        ),
        ("base_url = 'a'\nmodel = 'm'\nrole = 'cook'\n", r"`models\.fast\.role` is 'cook'"),
        ("base_url = 'a'\n", r"`models\.fast\.model` is"),
        ("base_url = 'a'\nmodel = 'm'\nkey = 'sk-1234567'\n", r"`models\.fast\.key` is no key"),
    ],
)
def test_a_wrong_key_of_a_model_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadConfig, match=told) as raised:
        machine(tmp_path, f"[models.fast]\n{text}")
    assert "sk-1234567" not in str(raised.value)


def test_a_repository_cannot_name_models(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="`models` is no key"):
        read_repository(write(tmp_path, "[models.fast]\nbase_url = 'http://evil'\nmodel = 'm'\nkey_env = 'HOME'\n"))


def test_schedules_are_tables_in_an_order_with_hours_zone_and_limits(tmp_path: Path) -> None:
    text = """
[[schedule]]
repositories = ["~/src/*"]
hours = "mon-fri 22:00-06:30"
zone = "Europe/Berlin"
parallel = 2
usd = 5
digest = "07:00"
[[schedule]]
hours = ["22:00-24:00", "12:00-13:00"]
tokens = 1000
"""
    first, second = (each.schedule(UTC, Path("/home/me")) for each in machine(tmp_path, text).schedule)
    assert first == Schedule(
        ("/home/me/src/*",), (read_hours("mon-fri 22:00-06:30"),), ZoneInfo("Europe/Berlin"), 2, Amount(5.0), 420
    )
    assert (second.zone, second.parallel, second.limit, len(second.hours)) == (UTC, 1, Amount(tokens=1000), 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("hourz = '22:00-06:30'", r"`schedule\.hourz` is no key.*did you mean `schedule\.hours`"),
        ("hours = '22:00'", r"`schedule\.hours` is .*write 22:00-06:30"),
        ("hours = ['22:00-06:30', 'never']", r"`schedule\.hours` is .*'never' is no time of day"),
        ("zone = 'Europe/Berlln'", r"`schedule\.zone` is .*write one as in Europe/Berlin"),
        ("digest = '7'", r"`schedule\.digest` is .*as in 22:00"),
        ("parallel = 0", r"`schedule\.parallel` is 0"),
        ("usd = -1", r"`schedule\.usd` is -1"),
    ],
)
def test_a_wrong_key_of_a_schedule_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(BadConfig, match=told):
        machine(tmp_path, f"[[schedule]]\n{text}\n")


def test_a_repository_cannot_say_when_it_is_worked_on(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="`schedule` is no key"):
        read_repository(write(tmp_path, "[[schedule]]\nparallel = 64\n"))
