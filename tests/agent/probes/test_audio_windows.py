"""Sound endpoints of a Windows device. `documented`: made by us after the names Microsoft documents and the paths Windows
writes; what wine answers is in tests/windows/test_sound.py."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import audio
from agent.room import Room
from agent.windows import Sound, SoundDefault, SoundLevel, Value
from tests.agent.windows.captured import Captured

AUDIO = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\MMDevices\Audio"
NAME = "{a45c254e-df1c-4efd-8020-67d146a850e0},2"
ENUMERATOR = "{a45c254e-df1c-4efd-8020-67d146a850e0},24"
ADAPTER = "{b3f8fa53-0004-438e-9003-51a46e139bfc},6"
DEVICE = "{b3f8fa53-0004-438e-9003-51a46e139bfc},2"

SPEAKERS = "{6d531641-0000-4000-8000-000000000001}"
MICROPHONE = "{6d531641-0000-4000-8000-000000000002}"
HEADSET = "{6d531641-0000-4000-8000-000000000003}"
GONE = "{6d531641-0000-4000-8000-000000000004}"
ROOM = Room(file=Path("room.toml"))
NOBODY = {"endpoint": "none", "name": "none (every real one is gone)"}

Keys = dict[str, dict[str, Value]]


def endpoint(flow: str, guid: str, state: int, **properties: Value) -> Keys:
    words = {"name": NAME, "enumerator": ENUMERATOR, "adapter": ADAPTER, "device": DEVICE}
    return {
        rf"{AUDIO}\{flow}\{guid}": {"DeviceState": state},
        rf"{AUDIO}\{flow}\{guid}\Properties": {words[name]: value for name, value in properties.items()},
    }


# documented
BOARD = endpoint("Render", SPEAKERS, 1, name="Speakers", enumerator="HDAUDIO", adapter="Realtek(R) Audio",
                 device=r"{1}.HDAUDIO\FUNC_01&VEN_10EC&DEV_0256&SUBSYS_10280A20\4&1A2B3C4D&0&0001")  # fmt: skip
BENCH = endpoint("Capture", MICROPHONE, 1, name="Microphone", enumerator="USB", adapter="Jabra SPEAK 510",
                 device=r"{1}.USB\VID_0B0E&PID_0422&MI_00\7&1a2b3c4d&0&0000")  # fmt: skip
PHONES = endpoint("Render", HEADSET, 8, name="Headphones", enumerator="BTHENUM", adapter="Jo's headphones",
                  device=r"{1}.BTHENUM\{0000110B-0000-1000-8000-00805F9B34FB}_VID\8&0&AC800A112233_C00000000")  # fmt: skip
OLD = endpoint(
    "Capture", GONE, 4, name="Line In", enumerator="USB", adapter="Old card", device=r"{1}.USB\x\y"
)
USB = {
    "USB": [
        {
            "id": r"USB\VID_0B0E&PID_0422&MI_00\7&1A2B3C4D&0&0000",
            "location": "PCIROOT(0)#PCI(1400)#USBROOT(0)#USB(4)#USB(2)#USBMI(0)",
        }
    ]
}


def sound(speaker: str | None, microphone: str | None, calls: str | None = None) -> Sound:
    def identity(flow: str, guid: str | None) -> str | None:
        return guid and f"{{0.0.{0 if flow == 'render' else 1}.00000000}}.{guid.upper()}"

    return Sound(
        defaults=(
            SoundDefault(flow="render", is_for_calls=False, endpoint=identity("render", speaker)),
            SoundDefault(flow="render", is_for_calls=True, endpoint=identity("render", speaker)),
            SoundDefault(flow="capture", is_for_calls=False, endpoint=identity("capture", microphone)),
            SoundDefault(
                flow="capture", is_for_calls=True, endpoint=identity("capture", calls or microphone)
            ),
        ),
        levels=(SoundLevel(endpoint=f"{{0.0.1.00000000}}.{MICROPHONE}", volume_ratio=0.42, is_muted=True),),
    )


def read(keys: Keys, told: Sound | Exception | None, room: Room | None = ROOM) -> Taken:
    return audio.read(Place(windows=Captured(registry=keys, core_audio=told, tree=USB), room=room))


def facts(taken: Taken, section: str = "audio_endpoints") -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections[section]}


def test_a_usb_microphone_is_told_with_its_socket_and_as_the_system_names_it() -> None:
    taken = read({**BOARD, **BENCH}, sound(SPEAKERS, MICROPHONE))
    assert facts(taken) == {
        SPEAKERS: {
            "flow": "speaker", "name": "Speakers (Realtek(R) Audio)", "bus": "pci", "id": "10ec:0256",
            "state": "active", "usable": "true",
        },
        MICROPHONE: {
            "flow": "microphone", "name": "Microphone (Jabra SPEAK 510)", "bus": "usb", "id": "0b0e:0422",
            "usb_path": "1400-4.2", "state": "active", "usable": "true",
        },
    }  # fmt: skip
    assert {(one.metric, one.component, round(one.last, 2)) for one in taken.readings} == {
        ("audio_muted_state", MICROPHONE, 1),
        ("audio_volume_ratio", MICROPHONE, 0.42),
    }


def test_calls_have_a_default_of_their_own() -> None:
    keys = {**BOARD, **BENCH, **endpoint("Capture", HEADSET, 1, name="Headset", adapter="Jabra Evolve")}
    defaults = facts(read(keys, sound(SPEAKERS, MICROPHONE, HEADSET)), "audio_defaults")
    assert defaults["speaker"] == defaults["speaker_communications"]
    assert defaults["microphone"] == {"endpoint": MICROPHONE, "name": "Microphone (Jabra SPEAK 510)"}
    assert defaults["microphone_communications"] == {"endpoint": HEADSET, "name": "Headset (Jabra Evolve)"}


def test_with_every_microphone_gone_the_default_is_none() -> None:
    defaults = facts(read({**BOARD, **OLD}, sound(SPEAKERS, None)), "audio_defaults")
    assert (defaults["microphone"], defaults["microphone_communications"]) == (NOBODY, NOBODY)


@pytest.mark.parametrize(
    ("written", "state", "usable"),
    [
        (1, "active", "true"),
        (0x10000001, "active", "true"),
        (2, "disabled", "false"),
        (4, "not_present", "false"),
        (8, "unplugged", "false"),
    ],
)
def test_flags_above_a_state_are_no_state(written: int, state: str, usable: str) -> None:
    told = facts(read(endpoint("Render", SPEAKERS, written, name="Speakers"), sound(None, None)))[SPEAKERS]
    assert (told["state"], told["usable"]) == (state, usable)


def test_a_state_nobody_knows_is_unknown() -> None:
    told = facts(read(endpoint("Render", SPEAKERS, 0, name="Speakers"), sound(None, None)))[SPEAKERS]
    assert set(told) == {"flow", "name"}


def test_without_the_api_the_endpoints_are_told_and_the_defaults_are_unknown() -> None:
    for problem in (Unavailable("Core Audio: the audio service does not run"), OSError("Core Audio failed")):
        taken = read({**BOARD, **BENCH}, problem)
        assert set(facts(taken)) == {SPEAKERS, MICROPHONE}
        assert set(map(str, facts(taken, "audio_defaults").values())) == {"{}"}
        assert taken.readings == []
        assert taken.reason == f"no defaults and volumes: {problem}"


def test_a_windows_without_a_list_is_unavailable_and_one_with_an_empty_list_has_none() -> None:
    with pytest.raises(Unavailable, match="no list of sound endpoints"):
        read({}, sound(None, None))
    assert facts(read({rf"{AUDIO}\Render": {}}, sound(None, None))) == {}


def test_peoples_headphones_have_no_name_and_old_ones_are_nobodys_business() -> None:
    keys = {**BOARD, **BENCH, **PHONES, **OLD}
    taken = read(keys, sound(HEADSET, MICROPHONE), room=None)
    assert set(facts(taken)) == {SPEAKERS, MICROPHONE, HEADSET}
    assert "Jo" not in str(taken)
    assert facts(taken, "audio_defaults")["speaker"] == {"endpoint": HEADSET}
    assert "AC800A" not in str(read(keys, None)).upper()
    assert facts(read(keys, None))[GONE]["state"] == "not_present"


def test_value_names_are_read_in_either_case() -> None:
    keys = {
        rf"{AUDIO}\Render\{SPEAKERS.upper()}": {"DeviceState": 1},
        rf"{AUDIO}\Render\{SPEAKERS.upper()}\Properties": {NAME.upper(): "Speakers"},
    }
    assert facts(read(keys, None)) == {
        SPEAKERS: {"flow": "speaker", "name": "Speakers", "state": "active", "usable": "true"}
    }


odd: some.SearchStrategy[Value] = (
    some.none() | some.integers() | some.text(max_size=40) | some.binary(max_size=8)
)


@settings(max_examples=150, deadline=None)
@given(odd, some.dictionaries(some.sampled_from([NAME, ENUMERATOR, ADAPTER, DEVICE]), odd))
def test_any_value_is_read_or_left_out(state: Value, properties: Keys) -> None:
    keys: Keys = {
        rf"{AUDIO}\Capture\{GONE}": {"DeviceState": state},
        rf"{AUDIO}\Capture\{GONE}\Properties": dict(properties),  # type: ignore[arg-type]
    }
    taken = read(keys, sound(None, GONE))
    assert len(taken.sections["audio_defaults"]) == 4
