"""Which program is run: one of the directories of PATH, never what lies in the current directory."""

from pathlib import Path

import pytest

from agent import commands


def test_a_program_in_the_current_directory_is_not_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w32tm.cmd").write_text("@echo planted\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".;;" + str(tmp_path / "nowhere"))
    assert commands.find("w32tm") is None


def test_a_program_on_path_is_found_by_its_whole_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "w32tm.cmd").write_text("@echo here\n")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commands.find("w32tm") == str(tmp_path / "w32tm.cmd")
    assert commands.run("w32tm", limit_seconds=20).output.strip() == "here"
