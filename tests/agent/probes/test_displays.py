"""Displays below a constructed /sys/class/drm. EDIDs are constructed here after the standard; those of real projectors
and switchers lie beside the checkout."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from agent.probe import Place, Taken, Unavailable
from agent.probes import displays, displays_linux, xrandr
from protos.sections import SECTIONS
from tests.agent.probes import av_trees
from tests.agent.probes.test_edid import HD, base, text
from tests.conftest import SAMPLES, only_on_linux

pytestmark = only_on_linux("Windows asks WMI: test_displays_windows.py")

PANEL = base(HD, text(0xFC, b"DELL U2720Q\n"), text(0xFF, b"ABC1234\n"), week=12)
PROJECTOR = base(HD, text(0xFC, b"EPSON PJ\n"), maker=0x4CA3, serial=0x01010101, size=(0, 0))
SWITCHER = base(HD, text(0xFC, b"Extron HDMI\n"))


def items(taken: Taken) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections["displays"]}


def numbers(taken: Taken) -> dict[tuple[str, str], float]:
    return {(reading.metric, reading.component): reading.last for reading in taken.readings}


def test_a_display_is_known_by_what_it_says_of_itself(tmp_path: Path) -> None:
    av_trees.display(tmp_path, "DP-1", PANEL)
    av_trees.display(tmp_path, "HDMI-A-1", None)
    taken = displays.read(Place(root=tmp_path))
    [(key, facts)] = items(taken).items()
    assert key == "DEL-a0c7-ABC1234"
    assert facts.pop("edid_hash")
    assert facts == {
        "maker": "DEL",
        "model": "DELL U2720Q",
        "product_code": "a0c7",
        "serial": "ABC1234",
        "serial_is_placeholder": "false",
        "made_week": "12",
        "made_year": "2020",
        "connector": "DP-1",
        "technology": "DisplayPort",
        "width_pixels": "1920",
        "height_pixels": "1080",
        "refresh_hertz": "60.0",
        "width_millimetres": "600",
        "height_millimetres": "340",
        "internal": "false",
    }
    assert numbers(taken) == {("displays_connected_count", ""): 1, ("display_power_state", key): 1}


def test_every_fact_is_named_in_the_section(tmp_path: Path) -> None:
    row = next(row for row in SECTIONS if row.name == "displays")
    for connector, edid in (("DP-1", PANEL), ("DP-2", PROJECTOR), ("DP-3", SWITCHER)):
        av_trees.display(tmp_path, connector, edid)
    for facts in items(displays.read(Place(root=tmp_path))).values():
        assert set(facts) <= row.names


def test_another_driver_names_the_connector_anew_and_the_display_stays_itself(tmp_path: Path) -> None:
    av_trees.display(tmp_path / "before", "HDMI-A-1", PANEL)
    av_trees.display(tmp_path / "after", "HDMI-1", PANEL, card="card1", driver="nvidia")
    keys = [list(items(displays.read(Place(root=tmp_path / name)))) for name in ("before", "after")]
    assert keys[0] == keys[1]


def test_twins_without_a_serial_are_numbered_in_the_order_of_connectors(tmp_path: Path) -> None:
    for connector in ("HDMI-A-10", "HDMI-A-2", "DP-1"):
        av_trees.display(tmp_path, connector, PROJECTOR)
    read = items(displays.read(Place(root=tmp_path)))
    assert {key: facts["connector"] for key, facts in read.items()} == {
        "SEC-a0c7": "DP-1",
        "SEC-a0c7#2": "HDMI-A-2",
        "SEC-a0c7#3": "HDMI-A-10",
    }
    assert read["SEC-a0c7"]["serial_is_placeholder"] == "true"
    assert "serial" not in read["SEC-a0c7"]
    assert "width_millimetres" not in read["SEC-a0c7"]


@pytest.mark.parametrize("edid", [b"", b"\0" * 128, PANEL[:100], PANEL[:40] + b"\xff" + PANEL[41:]])
def test_a_display_whose_answer_cannot_be_read_is_known_by_its_connector(tmp_path: Path, edid: bytes) -> None:
    av_trees.display(tmp_path, "VGA-1", edid, modes="1024x768\n800x600")
    taken = displays.read(Place(root=tmp_path))
    assert items(taken) == {
        "unknown@VGA-1": {
            "connector": "VGA-1",
            "technology": "VGA",
            "width_pixels": "1024",
            "height_pixels": "768",
            "internal": "false",
        }
    }
    assert numbers(taken)["displays_connected_count", ""] == 1


def test_a_switcher_answers_for_whatever_hangs_behind_it(tmp_path: Path) -> None:
    av_trees.display(tmp_path, "HDMI-A-1", SWITCHER)
    [facts] = items(displays.read(Place(root=tmp_path))).values()
    assert facts["via_switcher"] == "true"


def test_the_panel_of_a_laptop_is_internal(tmp_path: Path) -> None:
    av_trees.display(tmp_path, "eDP-1", PANEL)
    [facts] = items(displays.read(Place(root=tmp_path))).values()
    assert (facts["internal"], facts["technology"]) == ("true", "embedded DisplayPort")


@pytest.mark.parametrize(
    ("enabled", "dpms", "state"),
    [("enabled", "On", 1), ("enabled", "Off", 0), ("enabled", "Standby", 0), ("disabled", "Off", None)],
)
def test_a_display_sleeps_only_where_a_picture_was(
    tmp_path: Path, enabled: str, dpms: str, state: float | None
) -> None:
    av_trees.display(tmp_path, "DP-1", PANEL, enabled=enabled, dpms=dpms)
    told = numbers(displays.read(Place(root=tmp_path)))
    assert told.get(("display_power_state", "DEL-a0c7-ABC1234")) == state


def test_connectors_with_nothing_in_them_are_none_and_not_unknown(tmp_path: Path) -> None:
    av_trees.display(tmp_path, "DP-1", None)
    taken = displays.read(Place(root=tmp_path))
    assert (numbers(taken), taken.sections["displays"], taken.reason) == (
        {("displays_connected_count", ""): 0},
        [],
        "",
    )


def test_a_machine_without_a_graphics_card_has_not_no_display(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no graphics card"):
        displays.read(Place(root=tmp_path))
    av_trees.graphics_card(tmp_path, driver="ast")
    with pytest.raises(Unavailable, match="no connectors"):
        displays.read(Place(root=tmp_path))


def test_nvidia_without_modeset_is_unknown_and_not_none(tmp_path: Path) -> None:
    av_trees.graphics_card(tmp_path, driver="nvidia")
    with pytest.raises(Unavailable, match="modeset"):
        displays.read(Place(root=tmp_path))
    # A second card in the processor, with nothing plugged into it, says nothing of NVIDIA's.
    av_trees.display(tmp_path, "HDMI-A-1", None, card="card1")
    with pytest.raises(Unavailable, match="modeset"):
        displays.read(Place(root=tmp_path))
    av_trees.display(tmp_path, "eDP-1", PANEL, card="card1")
    taken = displays.read(Place(root=tmp_path))
    assert list(items(taken)) == ["DEL-a0c7-ABC1234"]
    assert "modeset" in taken.reason
    assert ("displays_connected_count", "") not in numbers(taken)


def test_nvidia_with_modeset_shows_its_displays(tmp_path: Path) -> None:
    av_trees.display(tmp_path, "HDMI-A-1", PANEL, driver="nvidia")
    assert displays.read(Place(root=tmp_path)).reason == ""


def test_what_a_driver_does_not_know_is_neither_there_nor_gone(tmp_path: Path) -> None:
    av_trees.display(tmp_path, "VGA-1", None, status="unknown")
    with pytest.raises(Unavailable, match="VGA-1"):
        displays.read(Place(root=tmp_path))
    av_trees.display(tmp_path, "DP-1", PANEL)
    taken = displays.read(Place(root=tmp_path))
    assert len(items(taken)) == 1
    assert "VGA-1" in taken.reason
    assert ("displays_connected_count", "") not in numbers(taken)
    av_trees.display(tmp_path, "VGA-1", PROJECTOR, status="unknown")  # it answered: it is there
    assert numbers(displays.read(Place(root=tmp_path)))["displays_connected_count", ""] == 2


def test_outputs_that_never_know_and_never_show_are_passed_over(tmp_path: Path) -> None:
    for connector in ("Writeback-1", "SVIDEO-1", "TV-1"):
        av_trees.display(tmp_path, connector, None, status="unknown")
    av_trees.display(tmp_path, "DP-1", PANEL)
    taken = displays.read(Place(root=tmp_path))
    assert (taken.reason, len(items(taken))) == ("", 1)


def test_the_picture_of_the_firmware_is_no_display(tmp_path: Path) -> None:
    av_trees.display(tmp_path, "Unknown-1", b"", status="connected", driver="simple-framebuffer")
    with pytest.raises(Unavailable, match="does not know"):
        displays.read(Place(root=tmp_path))


@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "edid").glob("*.bin")) or [None], ids=lambda p: p and p.stem
)
def test_real_projectors_and_switchers_give_their_facts(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip("the captured samples are not beside this checkout (../shared/samples)")
    told = json.loads((SAMPLES / "edid/EXPECTED.json").read_text(encoding="utf-8"))[path.name]
    av_trees.display(tmp_path, "HDMI-A-1", path.read_bytes())
    [(key, facts)] = items(displays.read(Place(root=tmp_path))).items()
    if not told["checksum_ok"][0]:
        assert key == "unknown@HDMI-A-1"
        return
    assert key.startswith(f"{told['manufacturer']}-{told['product_code_hex']}")
    assert facts.get("model") == told["name"]
    assert (facts.get("serial_is_placeholder") == "false") == (facts.get("serial") is not None)


@pytest.mark.parametrize(
    "path", sorted((SAMPLES / "xrandr").glob("*prop*.out")) or [None], ids=lambda p: p and p.stem
)
def test_the_kernel_and_the_x_server_tell_of_the_same_display(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip("the captured samples are not beside this checkout (../shared/samples)")
    for output in xrandr.parse(path.read_text(encoding="utf-8")):
        if output.edid is None:
            continue
        av_trees.display(tmp_path, output.name, output.edid)
        facts = next(
            facts
            for facts in items(displays.read(Place(root=tmp_path))).values()
            if facts["connector"] == output.name
        )
        if output.preferred is not None:
            size = (int(facts["width_pixels"]), int(facts["height_pixels"]))
            assert size == (output.preferred.width, output.preferred.height)


def test_connectors_are_ordered_as_people_count() -> None:
    names = ["card1-DP-1", "card0-DP-10", "card0-DP-2", "card0-eDP-1"]
    assert sorted(names, key=displays_linux._order) == [
        "card0-DP-2",
        "card0-DP-10",
        "card0-eDP-1",
        "card1-DP-1",
    ]


@settings(max_examples=100, deadline=None)
@given(some.binary(max_size=300), some.integers(0, 127), some.integers(0, 255))
def test_any_answer_of_a_display_is_a_display(data: bytes, at: int, octet: int) -> None:
    spoiled = PANEL[:at] + bytes([octet]) + PANEL[at + 1 :]
    shown = [
        displays.Display(connector="DP-1", told=displays.told_by(each))
        for each in (data, spoiled, spoiled + data)
    ]
    taken = displays.taken_of(shown, is_all=True)
    assert len({item.key for item in taken.sections["displays"]}) == 3
