"""The command line as scripts see it: JSON, exit codes, words."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.store import open_engine, schema
from tests.collector.world import NOON, Collector, filesystem
from tests.conftest import REPOSITORY


def run(state: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "collector", "--state-dir", str(state), *command], cwd=REPOSITORY,
        capture_output=True, text=True, check=False, env=os.environ | environment,
    )  # fmt: skip


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collector that has seen one full disk."""
    directory = tmp_path_factory.mktemp("state")
    engine = open_engine(f"sqlite:///{directory / 'collector.db'}")
    schema.upgrade(engine)
    desk = Collector(engine).enrol("desk")
    for minute in range(0, 31, 5):
        desk.send(filesystem(0.995), NOON + timedelta(minutes=minute))
    engine.dispose()
    return directory


def test_tickets_list_is_json_for_scripts(state: Path) -> None:
    (ticket,) = json.loads(run(state, "tickets", "list", "--json").stdout)
    assert (ticket["number"], ticket["state"], ticket["host_name"]) == (1, "new", "desk")
    assert ticket["findings"][0]["component"] == "f-1"


def test_devices_list_is_json_for_scripts(state: Path) -> None:
    (device,) = json.loads(run(state, "devices", "list", "--json").stdout)
    assert device["host_name"] == "desk"
    assert device["patch_state"] == "unknown"


def test_explain_gives_each_clause_with_value_limit_and_time(state: Path) -> None:
    explained = json.loads(run(state, "tickets", "explain", "1", "--json").stdout)
    clauses = explained["findings"][0]["clauses"]
    assert {"text", "metric", "value", "limit", "at"} <= set(clauses[0])
    assert explained["findings"][0]["held_for_seconds"] > 0
    words = run(state, "tickets", "explain", "1").stdout
    assert "because" in words and "/home" in words


def test_why_not_says_what_is_missing(state: Path) -> None:
    no_data = run(state, "why-not", "desk", "clock_not_synchronised", "--json")
    (sentence,) = json.loads(no_data.stdout)["sentences"]
    assert sentence.startswith("No data")
    there = run(state, "why-not", "desk", "filesystem_full")
    assert "ticket 1" in there.stdout


@pytest.mark.parametrize(
    "command, words",
    [
        (("tickets", "explain", "99"), "there is no ticket 99"),
        (("why-not", "nobody", "x"), "no device answers to 'nobody'"),
        (("why-not", "desk", "nonsense"), "there is no rule 'nonsense'"),
        (("restore", "--verify", "/nonexistent"), "not a readable backup"),
        (("token", "create", "--valid", "soon"), "write 30m, 24h or 7d"),
    ],
)
def test_a_problem_is_one_sentence_and_exit_code_one(
    state: Path, command: tuple[str, ...], words: str
) -> None:
    ended = run(state, *command)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_setting_names_file_line_and_key(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text('listen = "127.0.0.1"\nintake_port = 70000\n')
    ended = run(state, "--config", str(file), "devices", "list")
    assert ended.returncode == 3
    assert f"{file}, line 2, intake_port: 70000 is not between 0 and 65535" in ended.stderr


def test_flags_win_over_environment_and_file(state: Path, tmp_path: Path) -> None:
    from collector.config import load

    file = tmp_path / "c.toml"
    file.write_text("intake_port = 1\nenrolment_port = 2\nreport_seconds = 30\n")
    config = load(file, {"TOCSIN_ENROLMENT_PORT": "3", "TOCSIN_INTAKE_PORT": "4"}, {"intake_port": 5})
    assert (config.intake_port, config.enrolment_port, config.report_seconds) == (5, 3, 30)
    assert config.sources["intake_port"] == "flag"


def test_the_shipped_rules_hold_no_mistakes(state: Path) -> None:
    ended = run(state, "rules", "check")
    assert ended.returncode == 0, ended.stdout
    assert int(ended.stdout.split()[0]) >= 20


def test_a_mistake_in_a_rule_is_named_with_file_line_and_key(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[[rule]]\nname = "x"\nkind = "threshold"\nmetric = "no_such_metric"\nraise_above = 1\n')
    ended = run(state, "rules", "check", str(file))
    assert ended.returncode == 1
    assert "mine.toml, line 4, metric: 'no_such_metric' is no metric of the catalogue" in ended.stdout


def test_help_names_every_command(state: Path) -> None:
    words = run(state, "--help").stdout
    for command in (
        "serve",
        "token",
        "devices",
        "tickets",
        "why-not",
        "rules",
        "backup",
        "restore",
        "revoke",
        "prune",
        "db",
    ):
        assert command in words


def test_a_token_carries_the_fingerprint_of_the_authority(state: Path) -> None:
    made = json.loads(run(state, "token", "create", "--site", "Norman", "--uses", "3", "--json").stdout)
    assert made["token"].endswith("." + made["ca_fingerprint"][:32])


def test_a_device_nobody_heard_of_is_on_the_list_of_missing_ones(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
    schema.upgrade(engine)
    collector = Collector(engine)
    now = datetime.now(UTC)
    for name, days in (("drawer", 20), ("travelling", 3)):
        collector.enrol(name, device_class="laptop").heartbeat(now - timedelta(days=days))
    engine.dispose()
    told = json.loads(run(tmp_path, "devices", "missing", "--json").stdout)
    assert [row["host_name"] for row in told] == ["drawer"]
    assert "travelling" in run(tmp_path, "devices", "missing", "--days", "2").stdout
    assert json.loads(run(tmp_path, "devices", "missing", "--device-class", "desktop", "--json").stdout) == []
    assert "Every device was heard of" in run(tmp_path, "devices", "missing", "--days", "30").stdout
