"""Rooms in every state, on top of tests/console/world.py: one fails before a hearing, one is ready, one is degraded, one
is silent, one has no baseline, and one exists by its hours only."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from collector.store.devices import Site
from collector.store.rooms import ASKED, BEFORE_60, MORNING, BaselinePart, Booking, ReadinessCheck, Room
from tests.console.rows import COURT, OFFICE, device, finding, probe, row, section

SLASH = "Hearing room 5/B"
RECORDER = "1b22c8f04e6a9d31"  # of world.py, in Courtroom 3
GOOD, WORN, GONE, BARE = "a1" * 8, "a2" * 8, "a3" * 8, "a4" * 8
Sections = dict[str, dict[str, dict[str, str]]]

_DISPLAY = {
    "maker": "NEC", "model": "V554", "serial": "84105523NA", "connector": "HDMI-A-1", "width_pixels": "1920",
    "height_pixels": "1080", "refresh_hertz": "60", "made_year": "2021", "edid_hash": "9c01f2",
}  # fmt: skip
_SECOND = _DISPLAY | {"model": "E328", "serial": "9X2210044TA", "connector": "DP-1"}
_PROJECTOR = {
    "name": "Bench projector", "host": "10.20.9.31", "manufacturer": "EPSON", "model": "EB-PU1006W", "serial": "X7VJ2900123",
    "pjlink_class": "2", "lamp_part": "ELPLP96", "filter_part": "ELPAF54", "input_name": "HDMI 1", "lamps": "1",
}  # fmt: skip


def parts(**changes: Mapping[str, dict[str, str]] | None) -> Sections:
    """What a courtroom's host tells of; a section given as None is left out."""
    usual: dict[str, Any] = {
        "displays": {"NEC V554 84105523NA": _DISPLAY, "NEC E328 9X2210044TA": _SECOND},
        "audio_endpoints": {
            "mic:yeti": {"flow": "microphone", "name": "Yeti Stereo Microphone", "bus": "usb", "usb_path": "1-4.2", "state": "active", "usable": "true"},
            "spk:hdmi": {"flow": "speaker", "name": "HDMI Audio", "bus": "pci", "state": "active", "usable": "true"},
        },
        "audio_defaults": {"microphone": {"endpoint": "mic:yeti", "name": "Yeti Stereo Microphone"}},
        "cameras": {"cam:ptz": {"name": "PTZ Pro 2", "id": "046d:085f", "serial": "C2F0A91E", "usb_path": "2-1.3", "usable": "true"}},
        "usb_links": {
            "2-1": {"name": "USB3.0 Hub", "id": "0bda:0411", "kind": "hub", "parent": "2-0", "speed_bits_per_second": "5000000000"},
            "2-1.3": {"name": "PTZ Pro 2", "id": "046d:085f", "kind": "video", "parent": "2-1", "speed_bits_per_second": "5000000000"},
        },
        "projectors": {"Bench projector": _PROJECTOR},
        "recorders": {"court-recorder": {"process": "fta-recorder", "folder": "/srv/recordings", "folder_is_there": "true"}},
        "network_targets": {"record store": {"host": "10.20.1.9", "port": "443"}},
    }  # fmt: skip
    return {name: items for name, items in (usual | changes).items() if items is not None}


def host(
    session: Session, id: str, now: datetime, told: Sections, at: datetime, *, projector: Mapping[str, float] | None = None
) -> None:  # fmt: skip
    """Its sections and the probes behind them."""
    numbers = {
        "reachable_state": 1, "power_state": 1, "fan_fault_state": 0, "lamp_fault_state": 0, "temperature_fault_state": 0,
        "cover_fault_state": 0, "filter_fault_state": 0, "other_fault_state": 0, "lamp_seconds_total": 1210 * 3600.0,
        "lamp_used_ratio": 0.242, "filter_seconds_total": 410 * 3600.0, "signal_state": 1, "blanked_state": 0,
    } | dict(projector or {})  # fmt: skip
    probe(session, id, "displays", at, [row("displays_connected_count", len(told.get("displays", {})))])
    probe(session, id, "audio", at, [row("audio_muted_state", 0, "mic:yeti"), row("audio_volume_ratio", 0.8, "mic:yeti")])  # fmt: skip
    probe(session, id, "cameras", at, [row("camera_in_use_state", 0, "cam:ptz")])
    probe(session, id, "usb", at, [row("usb_speed_ratio", 1.0, "2-1.3")])
    probe(
        session, id, "recorder", at,
        [row("recorder_running_state", 1, "court-recorder"), row("recorder_growing_state", 1, "court-recorder"), row("recorder_free_seconds", 86400 * 9, "court-recorder"), row("recorder_free_bytes", 8e11, "court-recorder")],
    )  # fmt: skip
    probe(session, id, "projectors", at, [row(f"projector_{name}", value, "Bench projector") for name, value in numbers.items()])  # fmt: skip
    probe(
        session, id, "network", at,
        [row("network_target_reachable_state", 1, "record store"), row("default_gateway_state", 1)],
    )  # fmt: skip
    if id != RECORDER:  # which has them already
        probe(session, id, "filesystem", at, [row("filesystem_used_ratio", 0.38, "a1b2", "/")])
        probe(session, id, "clock", at, [row("clock_synchronised_state", 1), row("clock_offset_seconds", 0.0004)])  # fmt: skip
        probe(session, id, "reboot_pending", at, [row("reboot_pending_state", 0)])
        probe(session, id, "patches", at, [row("updates_security_count", 0)])
    for name, items in told.items():
        section(session, id, name, items, at)


def baseline(
    session: Session, id: str, told: Sections, at: datetime, optional: tuple[str, ...] = ("usb_links",)
) -> None:
    for name, items in told.items():
        for key, facts in items.items():
            session.add(
                BaselinePart(
                    device_id=id, id=uuid.uuid4().hex, section=name, key=key, label=" ".join(filter(None, (facts.get("maker"), facts.get("model")))) if name == "displays" else facts.get("name", key),
                    facts=facts, mandatory=name not in optional, why="As installed and signed off", who="lead.one", created_at=at,
                )
            )  # fmt: skip


def _booked(session: Session, site: str, room: str, starts_at: datetime, hours: float = 2) -> None:
    session.add(
        Booking(
            id=uuid.uuid4().hex, site=site, room=room, starts_at=starts_at, ends_at=starts_at + timedelta(hours=hours),
            source=f"docket#{uuid.uuid4().hex}", created_at=starts_at - timedelta(days=3),
        )
    )  # fmt: skip


def _checks(session: Session, site: str, room: str, now: datetime, verdicts: str) -> None:
    """One letter a day, the newest last: r d n u, and . for none."""
    for back, letter in enumerate(reversed(verdicts), start=1):
        if letter == ".":
            continue
        at = now - timedelta(days=back)
        verdict = {"r": "ready", "d": "degraded", "n": "not_ready", "u": "unknown"}[letter]
        session.add(
            ReadinessCheck(
                id=uuid.uuid4().hex, site=site, room=room, trigger=(MORNING, BEFORE_60, ASKED)[back % 3], for_at=at, who="technician.one" if back % 3 == 2 else "tocsin",
                asked_at=at, ended_at=at + timedelta(seconds=14), verdict=verdict, reason={"r": "all is well (21 looked at)", "d": "Bench projector: its filter is due", "n": "PTZ Pro 2: is gone (was at 2-1.3)", "u": "host silent"}[letter], items=[], bring=[],
            )
        )  # fmt: skip


def build(session: Session, now: datetime) -> None:
    fresh, long_ago = now - timedelta(minutes=2), now - timedelta(days=40)
    for id, name, room, site, more in (
        (GOOD, "tul-court1-av", "Courtroom 1", COURT, {}),
        (WORN, "tul-court2-av", "Courtroom 2", COURT, {}),
        (GONE, "nor-hearing-av", SLASH, OFFICE, {"presence": "silent", "presence_at": now - timedelta(hours=26), "seen_at": now - timedelta(hours=26), "reported_at": now - timedelta(hours=26)}),
        (BARE, "tul-jury-av", "Jury room", COURT, {}),
    ):  # fmt: skip
        device(
            session, id, name, now,
            **{"site": site, "room": room, "group": "av", "device_class": "av_host", "model": "Precision 3260"} | more,
        )  # fmt: skip
    whole = parts()
    host(session, GOOD, now, whole, fresh)
    baseline(session, GOOD, whole, long_ago)
    host(session, WORN, now, whole, fresh, projector={"lamp_seconds_total": 4999 * 3600.0, "lamp_used_ratio": 0.9998, "filter_used_ratio": 1.02})  # fmt: skip
    baseline(session, WORN, whole, long_ago)
    host(session, GONE, now, whole, now - timedelta(hours=26))
    baseline(session, GONE, whole, long_ago)
    host(session, BARE, now, whole, fresh)
    broken = parts(
        cameras={}, usb_links={"2-1": whole["usb_links"]["2-1"]},
        displays={"NEC V554 84105523NA": _DISPLAY | {"width_pixels": "1280", "height_pixels": "720"}},
        audio_defaults={"microphone": {"endpoint": "mic:webcam", "name": "Webcam Microphone"}},
        capture_inputs={"capture:0": {"name": "Blackmagic Capture", "input": "SDI 1", "signal": "locked"}},
    )  # fmt: skip
    host(session, RECORDER, now, broken, fresh, projector={"fan_fault_state": 2})
    baseline(session, RECORDER, whole, long_ago)
    finding(
        session, RECORDER, "c1" * 8, "camera_missing", now, component="cam:ptz", severity="critical", label="PTZ Pro 2",
        summary="Camera PTZ Pro 2 is gone", ticket_id="8" * 32, since_at=now - timedelta(hours=3), opened_at=now - timedelta(hours=3),
        texts={"meaning": "The camera is no longer there.", "advice": "Look at its plug and at the hub.", "bring": "USB 3 cable, spare camera"},
    )  # fmt: skip
    session.add(Room(site=COURT, name="Courtroom 3", hours={"0": [["08:30", "16:30"]]}, note="Key at the clerk's counter.\nThe rack is behind the bench, code with the bailiff.", created_at=long_ago))  # fmt: skip
    session.add(
        Room(site=OFFICE, name="Training room", hours={}, note="", created_at=now - timedelta(days=1))
    )
    _booked(session, COURT, "Courtroom 3", now + timedelta(minutes=40))
    _booked(session, COURT, "Courtroom 3", now + timedelta(hours=30))
    _booked(session, COURT, "Courtroom 1", now - timedelta(minutes=30))
    _booked(session, OFFICE, SLASH, now + timedelta(hours=20))
    _checks(session, COURT, "Courtroom 3", now, "rrrr..rdrrr...rrrnrr..rrruudn")
    _checks(session, COURT, "Courtroom 1", now, "rrrrr..rrrrr..rrrrr")
    session.get_one(Site, COURT).hours = {str(day): [["08:00", "17:00"]] for day in range(5)}
