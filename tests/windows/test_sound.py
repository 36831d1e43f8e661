"""The Core Audio API and the registry's endpoints (wine: it has no sound card, so the endpoint is written into the prefix)."""

import sys
from pathlib import Path

import pytest

from agent.probe import Place
from agent.probes import audio
from agent.room import Room
from agent.windows.live import Live
from tests.windows.prefix import written

pytestmark = pytest.mark.skipif(sys.platform != "win32", reason="runs under the Windows Python")

AUDIO = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\MMDevices\Audio"
GUID = "{7c1d0000-0000-4000-8000-00000000c0de}"


def test_each_flow_has_a_default_and_one_for_calls() -> None:
    told = Live().sound()
    assert [(each.flow, each.is_for_calls) for each in told.defaults] == [
        ("render", False),
        ("render", True),
        ("capture", False),
        ("capture", True),
    ]
    for each in told.defaults:
        assert each.endpoint is None or each.endpoint.startswith("{0.0.")
    assert all(0 <= level.volume_ratio <= 1 for level in told.levels)


def test_it_may_be_asked_again_and_again() -> None:
    assert len({str(Live().sound()) for _ in range(5)}) == 1


def test_an_endpoint_of_the_registry_is_told() -> None:
    properties = {
        "{a45c254e-df1c-4efd-8020-67d146a850e0},2": "Microphone",
        "{a45c254e-df1c-4efd-8020-67d146a850e0},24": "USB",
        "{b3f8fa53-0004-438e-9003-51a46e139bfc},6": "Jabra SPEAK 510",
        "{b3f8fa53-0004-438e-9003-51a46e139bfc},2": r"{1}.USB\VID_0B0E&PID_0422&MI_00\7&1A2B3C4D&0&0000",
    }
    keys = {
        rf"{AUDIO}\Capture\{GUID}": {"DeviceState": 8},
        rf"{AUDIO}\Capture\{GUID}\Properties": properties,
    }
    with written(keys):
        taken = audio.read(Place(room=Room(file=Path("room.toml"))))
    told = {item.key: dict(item.facts) for item in taken.sections["audio_endpoints"]}[GUID]
    assert told == {
        "flow": "microphone",
        "name": "Microphone (Jabra SPEAK 510)",
        "bus": "usb",
        "id": "0b0e:0422",
        "state": "unplugged",
        "usable": "false",
    }
    assert {item.key for item in taken.sections["audio_defaults"]} == {
        "speaker",
        "speaker_communications",
        "microphone",
        "microphone_communications",
    }
