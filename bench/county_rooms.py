"""Rooms with an A/V host each: parts as told and as accepted, bookings, checks of the last month."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bench.bulk import Bulk
from collector.changes import table_of
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult
from collector.store.rooms import (
    ASKED,
    BEFORE_15,
    BEFORE_60,
    MORNING,
    BaselinePart,
    Booking,
    ReadinessCheck,
    Room,
)
from collector.unpack import pack_items

if TYPE_CHECKING:
    from bench.county import County

_DISPLAY: Final = {
    "maker": "NEC", "model": "V554", "serial": "84105523NA", "connector": "HDMI-A-1", "width_pixels": "1920",
    "height_pixels": "1080", "refresh_hertz": "60", "made_year": "2021", "edid_hash": "9c01f2",
}  # fmt: skip
_PARTS: Final[dict[str, dict[str, dict[str, str]]]] = {
    "displays": {"NEC V554 84105523NA": _DISPLAY, "NEC E328 9X2210044TA": _DISPLAY | {"model": "E328", "connector": "DP-1"}},
    "audio_endpoints": {
        "mic:yeti": {"flow": "microphone", "name": "Yeti", "bus": "usb", "usb_path": "1-4.2", "state": "active", "usable": "true"},
        "spk:hdmi": {"flow": "speaker", "name": "HDMI Audio", "bus": "pci", "state": "active", "usable": "true"},
    },
    "audio_defaults": {"microphone": {"endpoint": "mic:yeti", "name": "Yeti"}},
    "cameras": {"cam:ptz": {"name": "PTZ Pro 2", "id": "046d:085f", "serial": "C2F0A91E", "usb_path": "2-1.3", "usable": "true"}},
    "usb_links": {"2-1.3": {"name": "PTZ Pro 2", "id": "046d:085f", "kind": "video", "parent": "2-1", "speed_bits_per_second": "5000000000"}},
    "projectors": {"Bench projector": {"name": "Bench projector", "host": "10.20.9.31", "manufacturer": "EPSON", "model": "EB-PU1006W", "lamp_part": "ELPLP96", "lamps": "1"}},
    "recorders": {"court-recorder": {"process": "fta-recorder", "folder": "/srv/recordings", "folder_is_there": "true"}},
    "network_targets": {"record store": {"host": "10.20.1.9", "port": "443"}},
}  # fmt: skip
_PROJECTOR: Final = {
    "reachable_state": 1, "power_state": 1, "fan_fault_state": 0, "lamp_fault_state": 0, "temperature_fault_state": 0,
    "cover_fault_state": 0, "filter_fault_state": 0, "other_fault_state": 0, "lamp_seconds_total": 1210 * 3600,
    "lamp_used_ratio": 0.242, "signal_state": 1, "blanked_state": 0,
}  # fmt: skip
_TOLD: Final[dict[str, list[list[Any]]]] = {
    "displays": [["displays_connected_count", "", 2, ""]],
    "audio": [["audio_muted_state", "mic:yeti", 0, ""], ["audio_volume_ratio", "mic:yeti", 0.8, ""]],
    "cameras": [["camera_in_use_state", "cam:ptz", 0, ""]],
    "usb": [["usb_speed_ratio", "2-1.3", 1.0, ""]],
    "recorder": [["recorder_running_state", "court-recorder", 1, ""], ["recorder_growing_state", "court-recorder", 1, ""]],
    "projectors": [[f"projector_{name}", "Bench projector", value, ""] for name, value in _PROJECTOR.items()],
    "network": [["network_target_reachable_state", "record store", 1, ""], ["default_gateway_state", "", 1, ""]],
}  # fmt: skip
_TRIGGERS: Final = (MORNING, BEFORE_60, BEFORE_15, ASKED)


def fill(bulk: Bulk, county: "County") -> None:
    now, hour = county.now, timedelta(hours=1)
    hosts = county.devices[: len(county.rooms)]
    bulk.put(
        table_of(ProbeResult), {"outcome": "ok", "received_at": now, "ok_at": now}, ("device_id", "probe", "readings"),
        ((id, probe, told) for id in hosts for probe, told in _TOLD.items()),
    )  # fmt: skip
    packed = [(name, pack_items(items), len(items)) for name, items in _PARTS.items()]
    bulk.put(
        table_of(InventorySection),
        {"hash": 7, "announced_hash": 7, "changed_at": now - timedelta(days=9), "seen_at": now},
        ("device_id", "section", "items", "items_count"),
        ((id, *section) for id in hosts for section in packed),
    )
    bulk.put(
        table_of(BaselinePart),
        _accepted(county),
        ("device_id", "id", "section", "key", "label", "facts"),
        _baselines(county),
    )
    bulk.put(
        table_of(Room), {"hours": {}, "note": "Key at the clerk's counter", "created_at": now}, ("site", "name"),
        county.rooms[::4],
    )  # fmt: skip
    bulk.put(
        table_of(Booking), {"created_at": now}, ("id", "site", "room", "starts_at", "ends_at", "source"),
        (
            (id := county.id(), site, room, begins := now + (day * 24 + n % 9 - 4) * hour, begins + 2 * hour, f"docket#{id}")
            for n, (site, room) in enumerate(county.rooms)
            for day in range(-60, 20)
        ),
    )  # fmt: skip
    bulk.put(
        table_of(ReadinessCheck), {"reason": "all is well (21 looked at)", "items": [], "bring": []},
        ("id", "site", "room", "trigger", "for_at", "asked_at", "ended_at", "verdict"),
        (
            (county.id(), site, room, trigger, at := now - (day * 24 + place) * hour, at, at, "degraded" if (n + day) % 11 == 0 else "ready")
            for n, (site, room) in enumerate(county.rooms)
            for day in range(1, 60)
            for place, trigger in enumerate(_TRIGGERS)
        ),
    )  # fmt: skip


def _accepted(county: "County") -> dict[str, object]:
    return {
        "why": "As installed and signed off",
        "who": "lead.1",
        "created_at": county.now - timedelta(days=40),
    }


def _baselines(county: "County") -> Iterator[tuple[object, ...]]:
    for n, id in enumerate(county.devices[: len(county.rooms)]):
        for section, items in _PARTS.items():
            for key, facts in items.items():
                # In every ninth room another camera was accepted than the one that is there.
                other = {"serial": "C0000000"} if section == "cameras" and n % 9 == 0 else {}
                yield id, county.id(), section, key, facts.get("name", key), facts | other
