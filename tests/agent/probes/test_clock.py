"""Who keeps the clock: files as the services leave them (`documented`); chronyc's lines are captured from chrony 4.3."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.probe import Place, Unavailable
from agent.probes import clock, clock_linux
from tests.conftest import only_on_linux

linux = only_on_linux("Windows has w32time")
FOLLOWS = "C0A80001,192.168.0.1,3,1795352104.444158146,0.000012,0.000003,0.00001,1.2,0.0,0.1,0.01,0.001,64.2,Normal\n"
ITSELF = (
    "7F7F0101,,10,1795352104.444158146,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,0.000000000,"
    "0.000000000,0.0,Normal\n"
)
NOBODY = (
    "00000000,,0,0.000000000,0.000000000,0.000000000,0.000000000,0.000,0.000,0.000,1.000000000,1.000000000,0.0,"
    "Not synchronised\n"
)


def write(root: Path, **files: str) -> Place:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Place(root=root)


def facts(place: Place) -> dict[str, str]:
    taken = clock.read(place)
    assert taken.readings == []
    assert "another machine" in taken.reason
    (item,) = taken.sections["time_service"]
    return dict(item.facts)


@pytest.mark.parametrize(
    "text, server", [(FOLLOWS, "192.168.0.1"), (ITSELF, None), (NOBODY, None), ("506 Cannot", None)]
)
def test_chrony_names_the_server_it_follows(text: str, server: str | None) -> None:
    assert clock_linux.chrony_server(text) == server


def test_timesyncd_names_the_server_it_follows() -> None:
    told = "SystemNTPServers=a.example\nServerName=time.example\nServerAddress=192.0.2.7\n"
    assert clock_linux.timesyncd_server(told) == "time.example"
    assert clock_linux.timesyncd_server("ServerName=\nServerAddress=\n") is None


@linux
def test_a_captured_tree_tells_its_service_and_not_this_machines_clock(tmp_path: Path) -> None:
    place = write(
        tmp_path,
        **{
            "run/chrony/chronyd.pid": "612\n",
            "proc/612/stat": "",
            "etc/chrony/chrony.conf": "# pool none.example\npool 2.debian.pool.ntp.org iburst\ndriftfile /x\n",
            "etc/chrony/sources.d/court.sources": "server time.court.example iburst prefer\n",
        },
    )
    assert facts(place) == {
        "service": "chrony",
        "running": "true",
        "servers": "2.debian.pool.ntp.org time.court.example",
    }


@linux
def test_a_chronyc_put_on_path_answers_for_a_captured_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = write(tmp_path / "root", **{"run/chrony/chronyd.pid": "612\n", "proc/612/stat": ""})
    write(tmp_path, **{"programs/chronyc": f"#!/bin/sh\necho '{FOLLOWS.strip()}'\n"})
    (tmp_path / "programs/chronyc").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'programs'}:/usr/bin:/bin")
    assert facts(place)["server"] == "192.168.0.1"


@linux
def test_a_service_that_is_enabled_and_has_died_does_not_run(tmp_path: Path) -> None:
    place = write(
        tmp_path,
        **{
            "run/chrony/chronyd.pid": "612\n",  # no such process
            "etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service": "",
            "etc/systemd/timesyncd.conf": "[Time]\n#NTP=\nNTP=ntp1.example ntp2.example\n",
        },
    )
    assert facts(place) == {
        "service": "systemd-timesyncd",
        "running": "false",
        "servers": "ntp1.example ntp2.example",
    }


@linux
def test_a_tree_without_any_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="another machine"):
        clock.read(Place(root=tmp_path))


@linux
def test_the_services_are_asked_once_an_hour(tmp_path: Path) -> None:
    now = [0.0]
    watch = clock_linux.Watch(lambda: now[0])
    place = Place(root=tmp_path)
    assert watch.source(place) is None
    write(tmp_path, **{"run/systemd/timesync/synchronized": ""})
    assert watch.source(place) is None
    now[0] = 3600.0
    source = watch.source(place)
    assert source is not None
    assert source.service == "systemd-timesyncd"


@given(some.text(max_size=200) | some.text(alphabet="NTP=server pol\n.,0:", max_size=80))
def test_strange_words_name_no_server(text: str) -> None:
    list(clock_linux.servers(text))
    clock_linux.chrony_server(text)
    clock_linux.timesyncd_server(text)
