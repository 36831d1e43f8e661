"""Whatever programs print about disks, the parsers give facts or say ValueError; nothing else comes out."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from agent.probes import (
    device_mapper,
    disk_health,
    disk_health_windows,
    emmc,
    md,
    nvme,
    sensors_windows,
    smart,
)
from agent.probes.smart import DiskFacts
from tests.agent.probes.test_volumes import MDSTAT, STATUS

SAMPLES: Final = Path(__file__).parents[4] / "shared" / "samples"


def _disk(text: str) -> None:
    _reported(smart.parse(text))


def _log(text: str) -> None:
    _reported(nvme.parse_smart_log(text))


def _reported(facts: DiskFacts) -> None:
    """Through to what is sent."""
    for key, disk in disk_health.keyed([facts]):
        for reading in disk_health.readings(key, disk):
            assert math.isfinite(reading.last)
            assert reading.last >= 0 or reading.metric == "disk_temperature_celsius"
        disk_health.row(key, disk)


def _mdstat(text: str) -> None:
    arrays = md.parse_mdstat(text)
    md.readings(arrays)
    assert all(md.row(array).key == array.name for array in arrays)


def _status(text: str) -> None:
    status = device_mapper.parse_status(text)
    md.readings(status.arrays)
    device_mapper.readings(status.pools)


def _emmc(text: str) -> None:
    _reported(emmc.facts("mmcblk0", life_time=text, reserve=text, serial=text))


# What is fed, and with what to begin: (parser, where its captures lie); JSON is changed as a tree, text as text.
JSON_PARSERS: Final[dict[str, tuple[Callable[[str], object], str]]] = {
    "smartctl": (_disk, "smartctl/*.json"),
    "smartctl_scan": (smart.parse_scan, "smartctl/*scan*.json"),
    "nvme_smart_log": (_log, "nvme/*smart-log*.json"),
    "nvme_list": (nvme.parse_list, "nvme/*list*.json"),
}
TEXT_PARSERS: Final[dict[str, tuple[Callable[[str], object], str]]] = {
    "mdstat": (_mdstat, MDSTAT),
    "dmsetup": (_status, STATUS),
    "emmc": (_emmc, "0x02 0x0b"),
}

_ODD: Final = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(min_value=-(2**70), max_value=2**70),
    some.floats(),
    some.text(max_size=12),
    some.sampled_from(["", "-1", "9" * 400, "0x", "٣", "1e999", "NaN", "\ud800"]),
    some.just([]),
    some.just({}),
    some.lists(some.integers(), max_size=2),
)


@some.composite
def changed(draw: some.DrawFn, tree: Any) -> str:
    """`tree` with up to eight of its parts replaced by something odd, dropped or doubled."""
    tree = json.loads(json.dumps(tree))
    for _ in range(draw(some.integers(min_value=1, max_value=8))):
        node: Any = tree
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                break
            key = draw(some.sampled_from(keys))
            if isinstance(node[key], dict | list) and node[key] and draw(some.integers(0, 3)):
                node = node[key]
                continue
            match draw(some.integers(0, 3)):
                case 0:
                    del node[key]
                case 1 if isinstance(node, list):
                    node.append(node[key])
                case _:
                    node[key] = draw(_ODD)
            break
    return json.dumps(tree)


@some.composite
def damaged(draw: some.DrawFn, text: str) -> str:
    for _ in range(draw(some.integers(min_value=1, max_value=6))):
        start = draw(some.integers(0, len(text)))
        end = min(len(text), start + draw(some.integers(0, 12)))
        text = text[:start] + draw(some.text(max_size=8)) + text[end:]
    return text


def _trees(pattern: str) -> list[Any]:
    return [
        json.loads(path.read_text()) for path in sorted(SAMPLES.glob(pattern)) if path.name != "EXPECTED.json"
    ]


def survives(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        assert "JSON" in str(error)


@pytest.mark.parametrize("name", JSON_PARSERS)
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=some.data())
def test_a_changed_answer_gives_facts_or_is_refused(name: str, data: some.DataObject) -> None:
    parse, pattern = JSON_PARSERS[name]
    trees = _trees(pattern)
    if not trees:
        pytest.skip("the captured samples are not beside this checkout")
    survives(parse, data.draw(changed(data.draw(some.sampled_from(trees)))))


@pytest.mark.parametrize("name", TEXT_PARSERS)
@settings(max_examples=120, deadline=None)
@given(data=some.data())
def test_a_damaged_text_gives_facts(name: str, data: some.DataObject) -> None:
    parse, text = TEXT_PARSERS[name]
    parse(data.draw(damaged(text)))


@pytest.mark.parametrize("text", ["", "null", "[]", "[" * 100_000, "{", "1e999", "\x00", '{"a": ' * 5000])
@pytest.mark.parametrize("name", JSON_PARSERS)
def test_what_is_no_json_object_is_refused(name: str, text: str) -> None:
    with pytest.raises(ValueError, match="JSON"):
        JSON_PARSERS[name][0](text)


_DISK_NAMES: Final = (
    "deviceid", "bustype", "mediatype", "healthstatus", "operationalstatus", "model", "serialnumber", "size",
    "spindlespeed", "physicallocation", "firmwareversion",
)  # fmt: skip
_COUNTER_NAMES: Final = (
    "temperature", "wear", "poweronhours", "startstopcyclecount", "readerrorsuncorrected", "writeerrorsuncorrected",
)  # fmt: skip
_VALUES: Final = some.one_of(_ODD, some.tuples(some.integers()), some.binary(max_size=4))


@settings(max_examples=200, deadline=None)
@given(
    disk=some.dictionaries(some.sampled_from(_DISK_NAMES), _VALUES),
    counter=some.dictionaries(some.sampled_from(_COUNTER_NAMES), _VALUES),
    fails=some.one_of(some.none(), some.booleans()),
)
def test_odd_rows_of_windows_give_facts(
    disk: dict[str, object], counter: dict[str, object], fails: bool | None
) -> None:
    _reported(disk_health_windows.of_physical_disk(disk, counter, fails, 0))


@given(current=_VALUES, critical=_VALUES, name=_VALUES)
def test_odd_thermal_zones_give_possible_temperatures_only(
    current: object, critical: object, name: object
) -> None:
    row = {"currenttemperature": current, "criticaltrippoint": critical, "instancename": name}
    assert all(-55 < reading.last < 250 for reading in sensors_windows.zone(row))
