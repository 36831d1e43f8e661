"""What a command says when the database fails it."""

from pathlib import Path

import pytest
from alembic import command

from collector.__main__ import main
from collector.store import open_engine, schema


def test_a_database_of_an_older_release_is_told_and_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'collector.db'}")
    config = schema._config()
    config.attributes["engine"] = engine
    command.upgrade(config, "0005")
    engine.dispose()
    assert main(["--state-dir", str(tmp_path), "devices", "list"]) == 1
    said = capsys.readouterr().err
    assert "revision 0005" in said and schema.newest() in said and "serve" in said
    assert "Traceback" not in said


def test_a_database_that_does_not_answer_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    away = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    assert main(["--state-dir", str(tmp_path), "--database", away, "devices", "list"]) == 1
    said = capsys.readouterr().err
    assert "does not answer" in said and "Traceback" not in said


def test_an_empty_database_is_none_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--state-dir", str(tmp_path), "devices", "list"]) == 1
    assert "revision none" in capsys.readouterr().err
