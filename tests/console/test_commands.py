"""Settings and the command line: exit codes, the first administrator, and where a wrong value stands."""

import io
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from console import __main__ as command
from console import config
from tests.conftest import free_port


def run(*arguments: str, state: Path, monkeypatch: pytest.MonkeyPatch, answer: str = "") -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    return command.main([*arguments, "--state-dir", str(state)])


def test_the_first_administrator_is_made_by_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ("user", "add", "ada", "--role", "admin", "--password-stdin")
    assert run(*add, state=tmp_path, monkeypatch=monkeypatch, answer="a long enough sentence\n") == 0
    assert run("user", "list", "--json", state=tmp_path, monkeypatch=monkeypatch) == 0
    rows = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert [(row["name"], row["role"], row["disabled_at"]) for row in rows] == [("ada", "admin", None)]
    assert (tmp_path / "collector.db").exists()


def test_a_password_is_asked_for_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(
        ["a long enough sentence", "another one entirely", "a long enough sentence", "a long enough sentence"]
    )
    monkeypatch.setattr("getpass.getpass", lambda _prompt: next(answers))
    assert run("user", "add", "ada", "--role", "admin", state=tmp_path, monkeypatch=monkeypatch) == 1
    assert run("user", "add", "ada", "--role", "admin", state=tmp_path, monkeypatch=monkeypatch) == 0


@pytest.mark.parametrize("password", ["", "short"])
def test_a_weak_password_makes_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    assert (
        run(
            "user", "add", "ada", "--password-stdin", state=tmp_path, monkeypatch=monkeypatch, answer=password
        )
        == 1
    )


def test_a_user_is_disabled_by_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(
        "user",
        "add",
        "ada",
        "--password-stdin",
        state=tmp_path,
        monkeypatch=monkeypatch,
        answer="a long enough sentence",
    )
    assert run("user", "disable", "ada", state=tmp_path, monkeypatch=monkeypatch) == 0
    assert run("user", "disable", "nobody", state=tmp_path, monkeypatch=monkeypatch) == 1


def test_wrong_usage_is_2() -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["user", "add"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'listen = "0.0.0.0:8443"\nworkers = "many"\n',
            "console.toml:2: workers: 'many' is not a whole number",
        ),
        ("# a comment\n\nworkers = 0\n", "console.toml:3: workers: 0 is not between 1 and 64"),
        ('listen = "8080"\n', "console.toml:1: listen: '8080' is not HOST:PORT"),
        ('time_zone = "Mars/Base"\n', "console.toml:1: time_zone: 'Mars/Base' is no time zone"),
        ('colour = "red"\n', "console.toml:1: colour: no such setting"),
        ("https = 3\n", "console.toml:1: https: 3 is neither true nor false"),
        ("database = 'here'\n", "console.toml:1: database: 'here' is no URL"),
        ("listen = \n", "console.toml: Invalid value (at line 1"),
    ],
)
def test_a_wrong_value_names_file_line_and_key(
    tmp_path: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "console.toml"
    file.write_text(text)
    assert command.main(["user", "list", "--config", str(file)]) == 3
    assert said in capsys.readouterr().err


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "console.toml"
    file.write_text('listen = "127.0.0.1:1"\nworkers = 1\nidle_hours = 3\n')
    environment = {"TOCSIN_CONSOLE_LISTEN": "127.0.0.1:2", "TOCSIN_CONSOLE_WORKERS": "2"}
    found = config.load(file, environment=environment, flags={"listen": "127.0.0.1:3", "workers": None})
    assert (found.listen, found.workers, found.idle_hours) == ("127.0.0.1:3", 2, 3)


def test_a_wrong_environment_or_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(config.WrongSetting, match="TOCSIN_CONSOLE_WORKERS"):
        config.load(environment={"TOCSIN_CONSOLE_WORKERS": "x"})
    with pytest.raises(config.WrongSetting, match="flag --workers"):
        config.load(environment={}, flags={"workers": "x"})


def test_an_unreachable_database_is_1_and_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    url = f"postgresql+psycopg://tocsin:hunter2hunter2@127.0.0.1:{free_port()}/nothing"
    assert command.main(["user", "list", "--database", url]) == 1
    assert "hunter2" not in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn")
def test_serve_answers_a_browser_and_ends_when_told(tmp_path: Path) -> None:
    port = free_port()
    arguments = ["serve", "--state-dir", str(tmp_path), "--listen", f"127.0.0.1:{port}", "--workers", "2"]
    served = subprocess.Popen([sys.executable, "-m", "console", *arguments], stderr=subprocess.PIPE)
    try:
        for _ in range(100):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                    assert answer.read() == b"ready\n"
                break
            except OSError:
                time.sleep(0.2)
        else:
            raise AssertionError("it never answered")
    finally:
        served.terminate()
        _, errors = served.communicate(timeout=20)
    assert b"Traceback" not in errors
    assert served.returncode == 0
