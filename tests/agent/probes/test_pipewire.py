"""Sound endpoints of a session. Texts here are cut by hand after pactl's and wpctl's form (documented); captured ones
lie beside the checkout and are compared in ../test_every_sample.py."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probes import pipewire


def sink(**more: Any) -> dict[str, Any]:
    row = {"name": "alsa_output.usb", "description": "Ceiling", "state": "RUNNING", "mute": False}
    return {**row, **more}


def server(sink: str | None, source: str | None) -> pipewire.Server:
    return pipewire.parse_info(
        json.dumps(
            {"server_name": "PulseAudio", "default_sink_name": sink, "default_source_name": source, "x": 1}
        )
    )


# As pw-top 0.3.65 draws it on a terminal, captured here while a sink was made to stumble; cut to what matters.
HEAD = "\x1b[H\x1b[J\x1b[0;7m\x0fS   ID  QUANT   RATE    WAIT    BUSY   W/Q   B/Q  ERR FORMAT           NAME      \x1b[2;1H\x1b[m\x0f"
NOTHING_YET = (
    HEAD
    + "R   43\x1b[6C0\x1b[6C0   0.0us   0.0us  0.00  0.00    0\x1b[2;72Hceiling\r\x1b[1BC   44\x1b[6C0\x1b[6C0    ---     ---   ---   ---     0\x1b[3;72Hannex\r\x1b[1B"
)


def drawn(ceiling: int, annex: int) -> str:
    return HEAD + (
        "S   28\x1b[6C0\x1b[6C0    ---     ---   ---   ---     0\x1b[2;72HDummy-Driver\r\x1b[1B"
        f"R   43     16  48000  58.2us   1.4us  0.17  0.00{ceiling:5}     F32P 2 48000 ceiling\r\x1b[1B"
        f"R   44\x1b[6C0\x1b[6C0   0.1us   1.6us  0.00  0.00{annex:5}     F32P 2 48000  + annex\r\x1b[1B"
    )


def test_drop_outs_are_what_rose_between_two_pictures() -> None:
    for ended, text in (
        (False, drawn(0, 7) + drawn(0, 30) + drawn(0, 99)[:-40]),
        (True, drawn(0, 7) + drawn(0, 30)),
    ):
        told = pipewire.parse_top(NOTHING_YET + text, has_ended=ended)
        assert told == {"ceiling": 0, "annex": 23}, "newer versions begin at a total, older ones at 0"


def test_a_picture_without_times_tells_of_no_drop_outs_and_not_of_none() -> None:
    for text in ("", HEAD, NOTHING_YET, NOTHING_YET * 3):
        with pytest.raises(ValueError, match="nothing that runs"):
            pipewire.parse_top(text, has_ended=True)
    assert pipewire.parse_top(NOTHING_YET + drawn(0, 7), has_ended=True) == {}, "one picture shows no rise"


def test_a_dummy_output_is_a_missing_speaker_and_not_a_device() -> None:
    told = server("auto_null", "auto_null.monitor")
    assert (told.has_no_speaker, told.has_no_microphone) == (True, True)
    [endpoint] = pipewire.parse_endpoints(json.dumps([sink(name="auto_null")]), "sink")
    assert not endpoint.is_real


def test_a_monitor_as_the_default_source_is_no_microphone() -> None:
    assert server("ceiling", "ceiling.monitor").has_no_microphone
    assert not server("ceiling", "bench").has_no_microphone
    assert server("ceiling", None).has_no_microphone


def test_neither_the_user_nor_the_device_is_taken_over() -> None:
    told = pipewire.parse_info(
        json.dumps({"server_name": "PulseAudio", "user_name": "jo.doe", "host_name": "court-14"})
    )
    assert "doe" not in repr(told)
    assert "court-14" not in repr(told)


def test_the_volume_is_that_of_the_loudest_channel() -> None:
    row = sink(volume={"front-left": {"value": 32768}, "front-right": {"value": 65536}})
    assert pipewire.parse_endpoints(json.dumps([row]), "sink")[0].volume_ratio == 1.0
    assert pipewire.parse_endpoints(json.dumps([sink()]), "sink")[0].volume_ratio is None


@pytest.mark.parametrize(
    ("availability", "known"), [("available", True), ("not available", False), ("availability unknown", None)]
)
def test_an_empty_jack_is_told_and_an_unknown_one_is_unknown(availability: str, known: bool | None) -> None:
    row = sink(active_port="line", ports=[{"name": "line", "availability": availability}, {"name": "b"}])
    endpoint = pipewire.parse_endpoints(json.dumps([row]), "sink")[0]
    assert (endpoint.port, endpoint.port_is_available) == ("line", known)


def test_the_place_and_the_serial_of_a_card_are_taken() -> None:
    properties = {"device.serial": "Jabra_1", "device.bus_path": "pci-0000:00:14.0-usb-0:4:1.0"}
    endpoint = pipewire.parse_endpoints(json.dumps([sink(properties=properties)]), "sink")[0]
    assert (endpoint.serial, endpoint.bus_path) == ("Jabra_1", "pci-0000:00:14.0-usb-0:4:1.0")


def test_a_list_with_an_entry_without_a_name_is_refused_by_its_number() -> None:
    with pytest.raises(ValueError, match="entry 1: no name"):
        pipewire.parse_endpoints(json.dumps([sink(), {}]), "sink")


@pytest.mark.parametrize("text", ["", "Connection failure: Connection refused\n", "[]", "{}", "7"])
def test_what_is_no_answer_of_a_sound_server_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pactl info"):
        pipewire.parse_info(text)


def test_a_status_tells_the_defaults_and_what_is_muted() -> None:
    text = (
        "Audio\n ├─ Devices:\n │      40. Jabra [alsa]\n │\n ├─ Sinks:\n"
        " │  *   43. Ceiling Speakers [vol: 1.00 MUTED]\n │      44. Desk [vol: 0.40]\n │\n"
        " ├─ Sources:\n │      50. Bench (mic 1) [vol: 0.75]\n │\n └─ Streams:\n        60. Player\n\nVideo\n"
        " ├─ Sources:\n │  *   70. Camera\n"
    )
    assert [
        (row.id, row.flow, row.description, row.is_default, row.volume_ratio, row.is_muted)
        for row in pipewire.parse_wpctl_status(text)
    ] == [
        (43, "sink", "Ceiling Speakers", True, 1.0, True),
        (44, "sink", "Desk", False, 0.4, False),
        (50, "source", "Bench (mic 1)", False, 0.75, False),
    ]


def test_a_dump_gives_volumes_as_people_know_them() -> None:
    node = {
        "type": "PipeWire:Interface:Node",
        "info": {
            "state": "running",
            "props": {"media.class": "Audio/Sink", "node.name": "ceiling"},
            "params": {"Props": [{"mute": False, "channelVolumes": [0.125, 0.125]}]},
        },
    }
    _, endpoints = pipewire.parse_dump(json.dumps([node]))
    assert [(endpoint.name, endpoint.volume_ratio) for endpoint in endpoints] == [("ceiling", 0.5)]


def test_the_plain_list_says_what_json_says() -> None:
    text = (
        "Sink #44\n\tState: SUSPENDED\n\tName: ceiling\n\tDescription: Größe\n\tMute: no\n"
        "\tVolume: front-left: 65536 / 100% / 0.00 dB,   front-right: 32768 /  50% / -18.06 dB\n"
        "\t        balance -0.50\n\tBase Volume: 65536 / 100% / 0.00 dB\n\tFlags: DECIBEL_VOLUME LATENCY \n"
        '\tProperties:\n\t\tdevice.vendor.id = "0x0b0e"\n\t\tdevice.product.id = "0x0422"\n\t\talsa.card = "1"\n'
        "\tPorts:\n\t\tline: Line Out (type: Line, priority: 9000, availability group: A, not available)\n"
        "\tActive Port: line\n\tFormats:\n\t\tpcm\n"
    )
    [endpoint] = pipewire.parse_endpoints_text(text, "sink")
    volume = {"l": {"value": 65536}, "r": {"value": 32768}}
    properties = {"device.vendor.id": "0x0b0e", "device.product.id": "0x0422", "alsa.card": "1"}
    ports = [{"name": "line", "availability": "not available"}]
    row = sink(name="ceiling", description="Größe", state="SUSPENDED", volume=volume, properties=properties,
               ports=ports, active_port="line")  # fmt: skip
    assert [endpoint] == pipewire.parse_endpoints(json.dumps([row]), "sink")
    assert (endpoint.id, endpoint.card, endpoint.port_is_available) == ("0b0e:0422", "1", False)
    assert pipewire.parse_endpoints_text("", "sink") == []
    with pytest.raises(ValueError, match="no endpoint in the whole output"):
        pipewire.parse_endpoints_text("Connection failure\n", "sink")


def test_a_name_that_pactl_could_not_write_is_not_its_name() -> None:
    [endpoint] = pipewire.parse_endpoints(json.dumps([sink(description="(null)")]), "sink")
    assert endpoint.description is None


@pytest.mark.parametrize(
    ("row", "bus"),
    [
        (sink(name="tunnel.jo-laptop.local.alsa_output"), "network"),
        (sink(flags=["NETWORK", "LATENCY"]), "network"),
        (sink(name="bluez_output.AC_80_0A_11_22_33.1"), "bluetooth"),
        (sink(properties={"device.bus": "usb"}), "usb"),
        (sink(properties={"device.bus_path": "pci-0000:00:14.0-usb-0:4:1.2"}), "usb"),
        (sink(properties={"device.bus_path": "pci-0000:00:1f.3"}), "pci"),
        (sink(), None),
    ],
)
def test_the_bus_is_told_and_what_is_elsewhere_is_network(row: dict[str, Any], bus: str | None) -> None:
    assert pipewire.parse_endpoints(json.dumps([row]), "sink")[0].bus == bus


anything = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=10),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.sampled_from(
                ["name", "volume", "value", "ports", "info", "props", "params", "Props", "key"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(anything, some.text(max_size=60))
def test_any_answer_is_read_or_refused(tree: Any, text: str) -> None:
    for strange in (json.dumps(tree), json.dumps([tree]), text, "Audio\n ├─ Sinks:\n │ 1. " + text):
        for parse in (
            pipewire.parse_info,
            pipewire.parse_info_text,
            lambda text: pipewire.parse_endpoints(text, "source"),
            lambda text: pipewire.parse_endpoints_text("Sink #1\n\tName: a\n\t" + text, "sink"),
            pipewire.parse_wpctl_status,
            pipewire.parse_dump,
        ):
            try:
                parse(strange)
            except ValueError:
                continue
