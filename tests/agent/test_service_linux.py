"""The service under systemd, with a systemctl that writes down what it is asked (constructed)."""

import json
import os
from pathlib import Path

import pytest

from agent import service_linux
from agent.__main__ import main
from agent.exits import Exit, Stop
from tests.conftest import only_on_linux

pytestmark = only_on_linux("Windows has its own: tests/windows/test_service.py")

SHOWS = "LoadState={load}\nActiveState={active}\nUnitFileState=enabled\nExecMainStatus=0\n"


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """What systemctl was asked, and a way to say what `show` answers."""
    asked = tmp_path / "asked"
    asked.touch()

    def says(load="loaded", active="active"):
        (tmp_path / "shows").write_text(SHOWS.format(load=load, active=active))

    program = tmp_path / "systemctl"
    program.write_text(
        f'#!/bin/sh\nshift\necho "$*" >> {asked}\n[ "$1" = show ] && cat {tmp_path}/shows\nexit 0\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(service_linux, "_BOOTED", tmp_path)
    monkeypatch.setattr(service_linux, "_OURS", tmp_path / service_linux.UNIT)
    monkeypatch.setattr(service_linux, "_PACKAGED", ())
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    says()
    says.asked = lambda: [line for line in asked.read_text().splitlines() if not line.startswith("show")]
    return says


def test_install_writes_the_unit_and_enables_it(systemd, tmp_path):
    assert main(["service", "install"]) == Exit.OK
    assert systemd.asked() == ["daemon-reload", "enable tocsin-agent.service"]
    text = (tmp_path / service_linux.UNIT).read_text()
    assert "NoNewPrivileges=yes" in text


def test_a_unit_that_a_package_brought_is_left_alone(systemd, tmp_path, monkeypatch):
    packaged = tmp_path / "packaged"
    packaged.touch()
    monkeypatch.setattr(service_linux, "_PACKAGED", (packaged,))
    assert main(["service", "install", "--start", "manual"]) == Exit.OK
    assert systemd.asked() == ["disable tocsin-agent.service"]
    assert not (tmp_path / service_linux.UNIT).exists()


def test_the_unit_starts_the_program_it_was_installed_by():
    text = service_linux.unit(Path("/srv/tools/bin/tocsin-agent"))
    assert "ExecStart=/srv/tools/bin/tocsin-agent run\n" in text
    assert "ExecStart=/opt/tocsin/bin/tocsin-agent run\n" in service_linux.unit(
        Path("/usr/lib/x/__main__.py")
    )


def test_a_start_without_effect_is_a_problem(systemd, capsys):
    systemd(active="inactive")
    assert main(["service", "start"]) == Exit.PROBLEM
    assert "is this device enrolled?" in capsys.readouterr().err


def test_status_and_remove(systemd, tmp_path, capsys):
    main(["service", "install"])
    capsys.readouterr()
    assert main(["service", "status", "--json"]) == Exit.OK
    told = json.loads(capsys.readouterr().out)
    assert (told["installed"], told["running"], told["start"]) == (True, True, "auto")
    assert main(["service", "remove"]) == Exit.OK
    assert not (tmp_path / service_linux.UNIT).exists()
    systemd(load="not-found", active="inactive")
    assert main(["service", "stop"]) == Exit.PROBLEM
    assert main(["service", "remove"]) == Exit.OK


def test_without_systemd_or_root_it_says_so(systemd, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(["service", "install"]) == Exit.PROBLEM
    assert "only root" in capsys.readouterr().err
    monkeypatch.setattr(service_linux, "_BOOTED", tmp_path / "nothing")
    assert main(["service", "status"]) == Exit.PROBLEM
    assert "systemd does not run" in capsys.readouterr().err


def test_flags_are_not_silently_lost():
    with pytest.raises(Stop) as stop:
        service_linux.install(["--state-dir", "/x"], "auto")
    assert stop.value.code == Exit.USAGE
