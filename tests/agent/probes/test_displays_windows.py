"""Displays of a Windows device. The answers are documented: made by us after the classes' documentation, with EDIDs
constructed after the standard."""

from typing import Any

import pytest

from agent.probe import Place, Taken, Unavailable
from agent.probes import displays
from agent.windows import WMI
from tests.agent.probes.test_edid import HD, base, text
from tests.agent.windows.captured import Captured

PANEL = base(HD, text(0xFC, b"DELL U2720Q\n"), text(0xFF, b"ABC1234\n"), week=12)
DELL = r"DISPLAY\DELA0C7\4&4991422&0&UID200195"
EPSON = r"DISPLAY\SECA0C7\4&4991422&0&UID4352"


def letters(words: str, room: int = 16) -> list[int]:
    """As WMI gives text: 16-bit numbers, filled up with zeros."""
    return [*map(ord, words), *[0] * (room - len(words))]


def monitor(device: str, name: str | None = "EPSON PJ", **facts: Any) -> dict[str, Any]:
    row = {
        "InstanceName": f"{device}_0",
        "Active": True,
        "ManufacturerName": letters("SEC"),
        "ProductCodeID": letters("A0C7"),
        "SerialNumberID": letters("0"),
        "WeekOfManufacture": 0,
        "YearOfManufacture": 2020,
        "UserFriendlyName": letters(name, 13) if name else None,
    }
    return row | facts


def wire(device: str, technology: int) -> dict[str, Any]:
    return {"InstanceName": f"{device}_0", "VideoOutputTechnology": technology}


def read(
    *monitors: dict[str, Any],
    wires: tuple[dict[str, Any], ...] | None = None,
    edids: dict[str, bytes] | None = None,
    **more: Any,
) -> Taken:
    answers: dict[Any, Any] = {(WMI, "WmiMonitorID"): list(monitors)}
    if wires is not None:
        answers[WMI, "WmiMonitorConnectionParams"] = list(wires)
    keys = {
        rf"HKLM\SYSTEM\CurrentControlSet\Enum\{device}\Device Parameters": {"EDID": data}
        for device, data in (edids or {}).items()
    }
    return displays.read(Place(windows=Captured(wmi=answers | more.get("wmi", {}), registry=keys)))


def items(taken: Taken) -> dict[str, dict[str, str]]:
    return {item.key: dict(item.facts) for item in taken.sections["displays"]}


def test_a_live_display_is_described_by_its_edid_in_the_registry() -> None:
    taken = read(monitor(DELL), wires=(wire(DELL, 5),), edids={DELL: PANEL})
    [(key, facts)] = items(taken).items()
    assert key == "DEL-a0c7-ABC1234"  # as on Linux
    assert (facts["model"], facts["connector"], facts["technology"], facts["internal"]) == (
        "DELL U2720Q",
        "UID200195",
        "HDMI",
        "false",
    )
    assert facts["edid_hash"]
    assert [(each.metric, each.last) for each in taken.readings] == [("displays_connected_count", 1)]


def test_displays_of_former_days_in_the_registry_are_not_there() -> None:
    taken = read(monitor(DELL), monitor(EPSON, Active=False), edids={DELL: PANEL, EPSON: PANEL})
    assert list(items(taken)) == ["DEL-a0c7-ABC1234"]


def test_without_an_edid_in_the_registry_wmi_tells_the_same() -> None:
    glass = {"InstanceName": f"{EPSON}_0", "MaxHorizontalImageSize": 60, "MaxVerticalImageSize": 34}
    taken = read(monitor(EPSON), wmi={(WMI, "WmiMonitorBasicDisplayParams"): [glass]})
    assert items(taken) == {
        "SEC-a0c7": {
            "maker": "SEC",
            "model": "EPSON PJ",
            "product_code": "a0c7",
            "made_year": "2020",
            "connector": "UID4352",
            "width_millimetres": "600",
            "height_millimetres": "340",
        }
    }


def test_a_panel_without_a_name_is_a_display() -> None:
    taken = read(monitor(EPSON, name=None, SerialNumberID=letters("H9XS12")), wires=(wire(EPSON, 2**31),))
    [(key, facts)] = items(taken).items()
    assert (key, facts["internal"]) == ("SEC-a0c7-H9XS12", "true")
    assert "model" not in facts


@pytest.mark.parametrize(
    ("technology", "word", "internal"),
    [(0, "VGA", "false"), (10, "DisplayPort", None), (11, "embedded DisplayPort", "true"), (77, None, None)],
)
def test_the_way_out_is_told_in_words_and_doubt_stays_doubt(
    technology: int, word: str | None, internal: str | None
) -> None:
    [facts] = items(read(monitor(DELL), wires=(wire(DELL, technology),))).values()
    assert (facts.get("technology"), facts.get("internal")) == (word, internal)


def test_twins_are_numbered_in_the_order_of_the_ways_out() -> None:
    others = [EPSON.replace("4352", str(number)) for number in (100, 20)]
    read_ = items(read(*map(monitor, others)))
    assert {key: facts["connector"] for key, facts in read_.items()} == {
        "SEC-a0c7": "UID20",
        "SEC-a0c7#2": "UID100",
    }


@pytest.mark.parametrize(
    "answer",
    [
        [],
        [monitor(DELL, Active=False)],
        [monitor(r"DISPLAY\Default_Monitor\4&4991422&0&UID0")],
        Unavailable("WmiMonitorID in root\\wmi: it is not supported here (0x8004100C)"),
    ],
)
def test_no_answer_is_unknown_and_not_none(answer: object) -> None:
    with pytest.raises(Unavailable, match="does not say which"):
        displays.read(Place(windows=Captured(wmi={(WMI, "WmiMonitorID"): answer})))  # type: ignore[dict-item]


def test_a_monitor_that_tells_nothing_of_itself_leaves_the_number_open() -> None:
    taken = read(monitor(DELL), monitor(r"DISPLAY\Default_Monitor\4&4991422&0&UID0"), edids={DELL: PANEL})
    assert (list(items(taken)), taken.readings) == (["DEL-a0c7-ABC1234"], [])
    assert "tells nothing of itself" in taken.reason


def test_where_wmi_is_not_there_the_reason_is_its_own() -> None:
    with pytest.raises(Unavailable, match="WmiMonitorID"):
        displays.read(Place(windows=Captured()))
