"""Logs as lines: whoever reads them line by line reads what was told, and no secret."""

from __future__ import annotations

import json
import logging
import sys

from orchestrator.telemetry.logs import Lines, Text


def record(message: str, *given: object, **about: object) -> logging.LogRecord:
    made = logging.LogRecord("orchestrator.x", logging.INFO, __file__, 1, message, given, None)
    made.__dict__.update(about)
    return made


def test_a_line_of_json_says_what_it_is_about() -> None:
    told = json.loads(Lines("host1").format(record("ticket %s: %s", "t1", "verified", ticket="t1", job=7)))
    assert told["message"] == "ticket t1: verified" and told["level"] == "info" and told["logger"] == "orchestrator.x"
    assert (told["ticket"], told["job"]) == ("t1", 7) and told["worker"].startswith("host1/")
    assert told["time"].endswith("+00:00") and "attempt" not in told


def test_untrusted_text_begins_no_line_and_moves_no_terminal() -> None:
    hostile = 'x\n{"level": "forged"}\x1b[2J\u202e'
    line = Lines().format(record("said %s", hostile))
    assert "\n" not in line and line.isascii() and json.loads(line)["message"] == f"said {hostile}"
    text = Text().format(record("said %s", hostile))
    assert "\n" not in text and "\x1b" not in text and "\u202e" not in text


def test_passwords_of_addresses_and_keys_of_headers_are_left_out() -> None:
    said = "cannot reach postgresql://crew:hunter2@db/nightcrew, sent Authorization: Bearer abcdefgh12345678"
    for form in (Lines(), Text()):
        line = form.format(record(said))
        assert "hunter2" not in line and "abcdefgh12345678" not in line and "postgresql://crew:***@db" in line


def test_a_traceback_is_a_field_and_has_no_secret_either() -> None:
    try:
        raise ValueError("redis://:hunter2@host/0")
    except ValueError:
        made = logging.LogRecord("x", logging.ERROR, __file__, 1, "broke", (), sys.exc_info())
    told = json.loads(Lines().format(made))
    assert "ValueError" in told["traceback"] and "hunter2" not in told["traceback"]
    assert "hunter2" not in Text().format(made)
