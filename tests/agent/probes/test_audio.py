"""Speakers and microphones of a Linux device. Trees and answers here are constructed after the documented forms, where a
captured sample is not named; a real sound server is asked in test_audio_session.py."""

import os
import re
from pathlib import Path

import pytest

from agent.probe import Place, Unavailable
from agent.probes import alsa, audio, audio_facts, audio_linux, sound_cards_linux
from tests.agent.probes.sound_tree import JABRA, Device, facts, row, values
from tests.conftest import SAMPLES, only_on_linux

pytestmark = only_on_linux("Windows tells its endpoints otherwise: test_audio_windows.py")


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Device:
    return Device(tmp_path, monkeypatch)


NOBODY = {"speaker": {}, "microphone": {}}
GONE = {"endpoint": "none", "name": "none (every real one is gone)"}


# --- captured samples, played by a pactl of their own ---


@pytest.fixture
def sampled(device: Device, samples: Path) -> Device:
    device.session()
    return device


def of_sample(prefix: str) -> dict[str, str | Path]:
    folder = SAMPLES / "pipewire"
    return {
        "-f json info": folder / f"{prefix}pactl_info.json",
        "-f json list sinks": folder / f"{prefix}pactl_list_sinks.json",
        "-f json list sources": folder / f"{prefix}pactl_list_sources.json",
    }


def test_the_captured_room_has_a_muted_ceiling_and_a_bench_microphone(sampled: Device) -> None:
    sampled.answers(of_sample(""))
    taken = sampled.read()
    assert {key: row["flow"] for key, row in facts(taken).items()} == {
        "courtroom_ceiling": "speaker",
        "bench_mic": "microphone",
    }
    assert values(taken, "audio_muted_state") == {"courtroom_ceiling": 1, "bench_mic": 0}
    assert facts(taken, "audio_defaults") == {
        "speaker": {"endpoint": "courtroom_ceiling", "name": "Courtroom_Ceiling_Speakers"},
        "microphone": {"endpoint": "bench_mic", "name": "Bench_Mic"},
    }


def test_with_every_endpoint_gone_there_is_no_device_called_dummy_output(sampled: Device) -> None:
    sampled.answers(of_sample("degraded_"))
    taken = sampled.read()
    assert facts(taken) == {}
    assert facts(taken, "audio_defaults") == {"speaker": GONE, "microphone": GONE}


def test_without_pactl_the_graph_says_the_same(sampled: Device) -> None:
    sampled.answers(of_sample(""))
    by_pactl = sampled.read()
    (sampled.programs / "pactl").unlink()
    runtime = sampled.root / "run/user" / str(os.geteuid())
    for name in ("pipewire-0", "pipewire-0.lock"):
        (runtime / name).touch()
    sampled.answers({"": SAMPLES / "pipewire" / "pw-dump.json"}, "pw-dump")
    assert facts(sampled.read()) == facts(by_pactl)
    assert facts(sampled.read(), "audio_defaults") == facts(by_pactl, "audio_defaults")
    (sampled.programs / "pw-dump").unlink()
    sampled.answers({"status": SAMPLES / "pipewire" / "wpctl_status.txt"}, "wpctl")
    defaults = facts(sampled.read(), "audio_defaults")
    assert defaults["microphone"]["name"] == "Bench_Mic"


def test_a_sound_card_of_a_captured_device_is_found_by_its_socket(device: Device, samples: Path) -> None:
    for path in sorted((samples / "alsa").glob("*.txt")):
        text = path.read_bytes().decode("utf-8", "replace")
        found = re.search(r"!!Soundcards recognised by ALSA\r?\n!!-+\r?\n(.*?)\r?\n!!", text, re.DOTALL)
        assert found is not None
        device.write("proc/asound/cards", found[1])
        cards = sound_cards_linux.cards(Place(root=device.root)) or []
        assert [card.number for card in cards] == [card.number for card in alsa.parse_cards(found[1])]


# --- a session ---


def test_a_usb_microphone_is_told_with_its_socket(device: Device) -> None:
    device.usb_card()
    device.says([], [row(JABRA, properties={"alsa.card": "1", "alsa.device": "0"})], None, JABRA)
    assert facts(device.read())[JABRA] == {
        "flow": "microphone", "name": "Jabra SPEAK 510", "bus": "usb", "id": "0b0e:0422", "usb_path": "1-4.2",
        "state": "active", "usable": "true",
    }  # fmt: skip


@pytest.mark.parametrize(
    "properties",
    [
        {"sysfs.path": "/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4.2/1-4.2:1.0/sound/card7"},
        {"device.bus_path": "pci-0000:00:14.0-usb-0:4.2:1.0"},
        {"device.bus_path": "pci-0000:00:14.0-usbv2-0:4.2:1.0"},
    ],
)
def test_a_socket_is_found_without_a_card_number(device: Device, properties: dict[str, str]) -> None:
    for bus in (1, 2):  # one controller, two buses: the device is on one of them
        hub = f"devices/pci0000:00/0000:00:14.0/usb{bus}"
        device.write(f"sys/{hub}/speed", "480")
        device.link(f"sys/bus/usb/devices/usb{bus}", f"../../../{hub}")
    device.write("sys/devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4.2/speed", "12")
    device.link("sys/bus/usb/devices/1-4.2", "../../../devices/pci0000:00/0000:00:14.0/usb1/1-4/1-4.2")
    device.says([], [row("mic", properties=properties)], None, "mic")
    assert facts(device.read())["mic"]["usb_path"] == "1-4.2"


@pytest.mark.parametrize(
    ("availability", "state", "usable"),
    [
        ("not available", "unplugged", "false"),
        ("available", "active", "true"),
        ("availability unknown", "active", "true"),
    ],
)
def test_an_empty_jack_is_unplugged_and_an_unknown_one_is_not(
    device: Device, availability: str, state: str, usable: str
) -> None:
    port = {"active_port": "mic", "ports": [{"name": "mic", "availability": availability}]}
    device.says([], [row("mic", **port)], None, "mic")
    told = facts(device.read())["mic"]
    assert (told["state"], told["usable"]) == (state, usable)


def test_a_monitor_chosen_beside_a_microphone_is_no_microphone(device: Device) -> None:
    monitor = row("ceiling.monitor", properties={"device.class": "monitor"})
    device.says([row("ceiling")], [monitor, row("bench")], "ceiling", "ceiling.monitor")
    taken = device.read()
    assert set(facts(taken)) == {"ceiling", "bench"}
    chosen = facts(taken, "audio_defaults")["microphone"]
    assert chosen == {"endpoint": "none", "name": "none (a real one is there, and not chosen)"}


def test_a_default_that_went_between_two_answers_is_unknown_and_not_none(device: Device) -> None:
    device.says([row("ceiling")], [], "desk", None)
    assert facts(device.read(), "audio_defaults")["speaker"] == {}


def test_volume_and_use_are_told(device: Device) -> None:
    loud = row("ceiling", state="RUNNING", volume={"left": {"value": 32768}, "right": {"value": 65536}})
    device.says([loud], [row("bench", state="IDLE")], "ceiling", "bench")
    taken = device.read()
    assert values(taken, "audio_volume_ratio") == {"ceiling": 1.0, "bench": 1.0}
    assert values(taken, "audio_in_use_state") == {"ceiling": 1, "bench": 0}
    assert {one.label for one in taken.readings} == {"Jabra SPEAK 510"}


def test_an_old_pactl_without_json_is_asked_in_its_own_words(device: Device) -> None:
    device.session()
    device.answers(
        {
            "info": "Server Name: pulseaudio\nDefault Sink: ceiling\nDefault Source: ceiling.monitor\n",
            "list sinks": "Sink #0\n\tState: RUNNING\n\tName: ceiling\n\tDescription: Décor\n\tMute: yes\n"
            "\tVolume: front-left: 32768 /  50% / -18.06 dB\n\tProperties:\n\t\tdevice.bus = \"pci\"\n"
            "\tPorts:\n\t\tline: Line Out (type: Line, priority: 9000, not available)\n\tActive Port: line\n",
            "list sources": "Source #0\n\tName: ceiling.monitor\n\tProperties:\n\t\tdevice.class = \"monitor\"\n",
        }
    )  # fmt: skip
    taken = device.read()
    assert facts(taken) == {
        "ceiling": {"flow": "speaker", "name": "Décor", "bus": "pci", "state": "unplugged", "usable": "false"}
    }
    assert values(taken, "audio_muted_state") == {"ceiling": 1}
    assert values(taken, "audio_volume_ratio") == {"ceiling": 0.5}


# --- no session ---


def test_without_a_session_the_cards_are_told_and_nothing_of_what_they_are_used_for(device: Device) -> None:
    device.usb_card()
    taken = device.read()
    assert facts(taken)["alsa:USB:0c"] == {
        "flow": "microphone", "name": "Jabra SPEAK 510 USB Audio", "bus": "usb", "id": "0b0e:0422", "usb_path": "1-4.2",
    }  # fmt: skip
    assert facts(taken, "audio_defaults") == NOBODY
    assert taken.reason == "nobody is signed in: only what ALSA knows, no defaults"


def test_a_device_without_session_and_sound_has_none_of_it(device: Device) -> None:
    with pytest.raises(Unavailable, match="nobody is signed in, and this kernel tells of no sound card"):
        device.read()


def test_a_device_without_cards_and_session_has_no_endpoint(device: Device) -> None:
    device.write("proc/asound/cards", "--- no soundcards ---\n")
    taken = device.read()
    assert (facts(taken), facts(taken, "audio_defaults")) == ({}, NOBODY)


def test_a_sound_server_that_is_not_started_is_not_started_by_us(device: Device) -> None:
    device.says([row("ceiling")], [], "ceiling", None)
    (device.root / f"run/user/{os.geteuid()}/pulse/pid").unlink()
    with pytest.raises(Unavailable, match="no sound server"):
        device.read()
    assert device.questions() == []


def test_a_sound_server_that_does_not_answer_is_no_missing_microphone(device: Device) -> None:
    device.usb_card()
    device.session()
    script = device.programs / "pactl"
    script.write_text("#!/bin/sh\necho 'Connection failure: Connection refused' >&2; exit 1\n")
    script.chmod(0o755)
    taken = device.read()
    assert facts(taken, "audio_defaults") == NOBODY
    assert taken.reason.startswith("pactl: Connection failure: Connection refused")


def test_who_came_by_ssh_sees_no_device_and_that_says_nothing(device: Device) -> None:
    device.usb_card()
    device.says([row("auto_null")], [], "auto_null", "auto_null.monitor")
    device.write("run/systemd/sessions/5", f"UID={os.geteuid()}\nCLASS=user\nTYPE=tty\nREMOTE=1\nACTIVE=1\n")
    taken = device.read()
    assert facts(taken, "audio_defaults") == NOBODY
    assert taken.reason.startswith("nobody is at the screen")
    device.write(
        "run/systemd/sessions/5", f"UID={os.geteuid()}\nCLASS=user\nTYPE=x11\nSEAT=seat0\nACTIVE=1\n"
    )
    assert facts(device.read(), "audio_defaults")["microphone"] == GONE


def test_an_answer_that_cannot_be_read_is_said_and_the_cards_are_told(device: Device) -> None:
    device.usb_card()
    device.session()
    device.answers({"-f json info": "{", "info": "nonsense"})
    taken = device.read()
    assert set(facts(taken)) == {"alsa:USB:0p", "alsa:USB:0c"}
    assert taken.reason.startswith("pactl info: no JSON")


def test_a_list_of_cards_that_cannot_be_read_takes_nothing_from_the_server(device: Device) -> None:
    device.write("proc/asound/cards", "nonsense\n")
    device.says([row("ceiling")], [], "ceiling", None)
    assert set(facts(device.read())) == {"ceiling"}
    (device.root / f"run/user/{os.geteuid()}/pulse/pid").unlink()
    with pytest.raises(Unavailable, match="ALSA cannot be read: cards: line 1"):
        device.read()


# --- a stream that stands ---

RUNNING = "state: RUNNING\nowner_pid   : 4711\ntrigger_time: 12.3\navail       : 9\nhw_ptr      : {at}\nappl_ptr    : 1\n"


@pytest.mark.parametrize(("moves", "stuck"), [(0, 1), (48000, 0)])
def test_a_stream_that_runs_and_stands_is_stuck(device: Device, moves: int, stuck: int) -> None:
    device.usb_card(RUNNING.format(at=480))
    waits = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        device.write("proc/asound/card1/pcm0c/sub0/status", RUNNING.format(at=480 + moves))

    properties = {"alsa.card": "1", "alsa.device": "0"}
    device.says(
        [row("out", properties=properties)],
        [row("mic", state="RUNNING", properties=properties)],
        "out",
        "mic",
    )
    taken = device.read(wait=wait)
    assert values(taken, "audio_stuck_state") == {"mic": stuck}
    assert values(taken, "audio_in_use_state") == {"out": 0, "mic": 1}
    assert waits == [1.0]


def test_another_run_between_two_looks_says_nothing(device: Device) -> None:
    device.usb_card(RUNNING.format(at=480))

    def wait(seconds: float) -> None:
        device.write("proc/asound/card1/pcm0c/sub0/status", RUNNING.format(at=480).replace("12.3", "99.9"))

    assert values(device.read(wait=wait), "audio_stuck_state") == {}


def test_without_a_stream_nobody_waits(device: Device) -> None:
    device.usb_card()
    waits: list[float] = []
    assert values(device.read(wait=waits.append), "audio_stuck_state") == {}
    assert waits == []


def test_a_program_that_took_the_card_from_the_server_uses_it(device: Device) -> None:
    device.usb_card(RUNNING.format(at=480))
    device.says([], [row("mic", properties={"alsa.card": "1", "alsa.device": "0"})], None, "mic")
    assert values(device.read(), "audio_in_use_state") == {"mic": 1}


# --- what leaves the device ---


def test_what_belongs_to_a_person_is_no_name_and_no_key(device: Device) -> None:
    headphones = row("bluez_output.AC_80_0A_11_22_33.1", description="Jo's headphones")
    built_in = row("alsa_output.pci-0000_00_1f.3.analog-stereo", properties={"device.bus": "pci"})
    headset = row(JABRA, properties={"device.bus": "usb"})
    device.says([headphones, built_in], [headset], headphones["name"], JABRA)
    taken = device.read(room=None)
    told = "".join(str(each) for section in taken.sections.values() for each in section) + str(taken.readings)
    assert "Jo" not in told
    assert "AC_80" not in told
    assert "745C4B" not in told
    assert built_in["name"] in facts(taken)
    chosen = facts(taken, "audio_defaults")
    assert {chosen["speaker"]["endpoint"], chosen["microphone"]["endpoint"]} <= set(facts(taken))
    assert facts(device.read(room=None)) == facts(taken)  # the same key at each look


def test_a_room_knows_its_parts_by_their_own_names(device: Device) -> None:
    device.says([], [row(JABRA, properties={"device.bus": "usb"})], None, JABRA)
    assert set(facts(device.read())) == {JABRA}


def test_what_stands_elsewhere_on_the_network_is_never_named() -> None:
    for serves_room in (True, False):
        key, name = audio_facts.told("network", "tunnel.jo-laptop.local", "Desk on jo@laptop", serves_room)
        assert "jo" not in key
        assert name is None


def test_only_these_programs_are_ever_run() -> None:
    """Each of them asks. None plays, records, opens a stream or changes a thing."""
    assert sorted(" ".join(words) for words in audio_linux.QUESTIONS.values()) == [
        "pactl -f json info",
        "pactl -f json list sinks",
        "pactl -f json list sources",
        "pactl info",
        "pactl list sinks",
        "pactl list sources",
        "pw-dump",
        "pw-top",
        "pw-top -b -n 5",
        "wpctl status",
    ]
    assert Path(audio_linux.__file__).read_text().count("commands.run(") == 1
    assert Path(audio_linux.__file__).read_text().count("on_terminal.shown(") == 1
    for module in (audio, audio_facts, sound_cards_linux):
        assert "commands" not in vars(module)


def test_a_sound_device_is_never_opened() -> None:
    folder = Path(audio.__file__).parent
    for path in [*folder.glob("audio*.py"), folder / "sound_cards_linux.py", folder / "sessions_linux.py"]:
        text = path.read_text()
        for word in (
            "/dev/snd",
            "parec",
            "arecord",
            "aplay",
            "pw-record",
            "pw-cat",
            "IAudioClient",
            "snd_pcm",
        ):
            assert word not in text, path.name
