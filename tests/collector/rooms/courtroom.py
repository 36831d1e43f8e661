"""A courtroom in which all is well, to be broken by a test: in memory, or written to a store. Made up, no capture."""

import itertools
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from collector.rooms.known import Known, KnownDevice, Probed
from collector.rooms.room import RoomRow
from collector.store.devices import ONLINE, Device, Site
from collector.store.findings import Finding
from collector.store.inventory import InventorySection
from collector.store.reports import ProbeResult
from collector.store.rooms import BaselinePart, Booking
from collector.tickets.calendar import Calendar, calendar_of
from collector.unpack import pack_items
from protos.catalogue import BY_NAME
from protos.sections import BY_NAME as SECTIONS

# Monday, 07:15 in Tulsa.
NOW = datetime(2026, 11, 23, 13, 15, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TULSA, ZONE = "Tulsa", "America/Chicago"
WEEK = {str(day): [["08:00", "17:00"]] for day in range(5)}

PROJECTOR, CAMERA, MICROPHONE, SPEAKER = (
    "Projector",
    "046d:085e-A17",
    "alsa_input.ceiling",
    "alsa_output.front",
)
DISPLAY, GRABBER, RECORDER, TARGET = "SAM-0F9A-7", "0fd9:0066@1-1.3", "Recorder", "Conference"


def healthy_sections() -> dict[str, dict[str, dict[str, str]]]:
    return {
        "displays": {
            DISPLAY: {
                "model": "QM55R", "connector": "HDMI-A-1", "width_pixels": "1920", "height_pixels": "1080",
            }
        },
        "projectors": {
            PROJECTOR: {
                "manufacturer": "EPSON", "model": "EB-L200F", "lamp_part": "ELPLP96", "filter_part": "ELPAF54",
            }
        },
        "audio_defaults": {
            "microphone": {"endpoint": MICROPHONE, "name": "Ceiling array"},
            "speaker": {"endpoint": SPEAKER, "name": "Front speakers"},
        },
        "audio_endpoints": {
            MICROPHONE: {"flow": "microphone", "name": "Ceiling array", "usable": "true", "usb_path": "1-1.2"},
            SPEAKER: {"flow": "speaker", "name": "Front speakers", "usable": "true", "usb_path": "1-1.4"},
        },
        "cameras": {CAMERA: {"name": "Logitech BRIO", "usb_path": "1-1.1", "usable": "true"}},
        "usb_links": {
            "1-1": {"name": "Hub", "kind": "hub", "speed_bits_per_second": "5000000000"},
            "1-1.1": {"name": "Logitech BRIO", "kind": "video", "speed_bits_per_second": "5000000000"},
        },
        "capture_inputs": {GRABBER: {"name": "Grabber", "usb_path": "1-1.3"}},
        "recorders": {RECORDER: {"process": "record", "folder": "/srv/hearings", "folder_is_there": "true"}},
        "network_targets": {TARGET: {"host": "conference.example", "port": "443"}},
    }  # fmt: skip


def healthy_values() -> dict[tuple[str, str], float]:
    values: dict[tuple[str, str], float] = {
        ("filesystem_used_ratio", "root"): 0.4, ("filesystem_available_bytes", "root"): 300e9,
        ("clock_offset_seconds", ""): 0.01, ("reboot_pending_state", ""): 0, ("updates_security_count", ""): 0,
        ("displays_connected_count", ""): 1,
        ("audio_muted_state", MICROPHONE): 0, ("audio_volume_ratio", MICROPHONE): 0.8,
        ("audio_muted_state", SPEAKER): 0, ("audio_volume_ratio", SPEAKER): 0.6,
        ("camera_in_use_state", CAMERA): 0, ("capture_signal_state", GRABBER): 1, ("usb_speed_ratio", "1-1.1"): 1.0,
        ("recorder_running_state", RECORDER): 1, ("recorder_growing_state", RECORDER): 1,
        ("recorder_free_seconds", RECORDER): 200 * 3600.0, ("recorder_free_bytes", RECORDER): 400e9,
        ("projector_reachable_state", PROJECTOR): 1, ("projector_power_state", PROJECTOR): 0,
        ("projector_lamp_seconds_total", PROJECTOR): 1000 * 3600.0, ("projector_lamp_used_ratio", PROJECTOR): 0.2,
        ("network_target_reachable_state", TARGET): 1, ("default_gateway_state", ""): 1,
    }  # fmt: skip
    for part in ("fan", "lamp", "temperature", "cover", "filter", "other"):
        values[f"projector_{part}_fault_state", PROJECTOR] = 0
    return values


class Courtroom:
    """One room with one host. What a test changes it changes here, and then looks at `known` or `save`s it."""

    def __init__(
        self, name: str = "Courtroom 3", host: str = "av-3", *, site: str = TULSA, zone: str = ZONE
    ) -> None:
        self.site, self.name, self.zone, self.now = site, name, zone, NOW
        self.sections, self.values = healthy_sections(), healthy_values()
        self.device = Device(
            id=uuid.uuid4().hex, host_name=host, site=site, room=name, group="av", device_class="av_host",
            presence=ONLINE, presence_at=NOW - 3 * DAY, seen_at=NOW - 20 * SECOND, enrolled_at=NOW - 90 * DAY,
            uptime_seconds=3 * 86400.0, revoked_at=None,
        )  # fmt: skip
        self.outcomes: dict[str, tuple[str, str]] = {}  # of the probes that are not ok
        self.ok_at: dict[str, datetime] = {}
        self.accepted: dict[tuple[str, str], bool] | None = (
            None  # None: all that is there, mandatory; USB not
        )
        self.expected = healthy_sections()
        self.findings: list[Finding] = []
        self.tickets: list[Any] = []
        self.bookings: list[tuple[datetime, datetime]] = []
        self.works: list[tuple[datetime, str, str]] = []
        self.runs: list[tuple[datetime, str]] = []
        self.hours: Calendar | None = calendar_of(zone, WEEK, [])

    # what a test breaks

    def reads(self, component: str = "", **values: float | None) -> "Courtroom":
        for metric, value in values.items():
            if value is None:
                self.values.pop((metric, component), None)
            else:
                self.values[metric, component] = value
        return self

    def loses(self, section: str, key: str) -> "Courtroom":
        del self.sections[section][key]
        return self

    def shows(self, section: str, key: str, **facts: str) -> "Courtroom":
        self.sections[section][key] = self.sections[section].get(key, {}) | facts
        return self

    def optional(self, *keys: str) -> "Courtroom":
        self.accepted = {key: mandatory and key[1] not in keys for key, mandatory in self._accepted().items()}
        return self

    def finds(self, rule: str, component: str, severity: str, summary: str, since: datetime, bring: str = "", **more: Any) -> "Courtroom":  # fmt: skip
        self.findings.append(
            Finding(
                device_id=self.device.id, id=uuid.uuid4().hex, rule=rule, rule_hash="0", component=component,
                state="open", severity=severity, label=more.pop("label", component), summary=summary,
                texts={"bring": bring} if bring else {}, since_at=since, opened_at=since, **{"ticket_id": ""} | more,
            )
        )  # fmt: skip
        return self

    def probe(self, name: str, outcome: str, reason: str = "") -> "Courtroom":
        self.outcomes[name] = (outcome, reason)
        return self

    def books(self, begins: timedelta, length: timedelta) -> "Courtroom":
        """From now."""
        self.bookings.append((self.now + begins, self.now + begins + length))
        return self

    def falls_silent(self, since: datetime) -> "Courtroom":
        self.device.presence, self.device.seen_at = "silent", since
        self.device.presence_at = since + 5 * MINUTE
        self.ok_at = dict.fromkeys({SECTIONS[name].probe for name in self.sections}, since)
        return self

    # what comes of it

    def _accepted(self) -> dict[tuple[str, str], bool]:
        if self.accepted is not None:
            return self.accepted
        return {
            (section, key): section != "usb_links" for section, rows in self.expected.items() for key in rows
        }

    def parts(self) -> list[BaselinePart]:
        ids = itertools.count()
        return [
            BaselinePart(
                device_id=self.device.id, id=f"{next(ids):04}{uuid.uuid4().hex[:8]}", section=section, key=key,
                label=self.expected[section][key].get("model" if section == "displays" else "name", key),
                facts=self.expected[section][key], mandatory=mandatory, why="as installed", who="ann",
                created_at=NOW - 60 * DAY, ended_at=None, ended_by="",
            )
            for (section, key), mandatory in self._accepted().items()
        ]  # fmt: skip

    def _probed(self) -> dict[str, Probed]:
        by_probe: dict[str, dict[tuple[str, str], float]] = {
            SECTIONS[name].probe: {} for name in self.sections
        }
        for (metric, component), value in self.values.items():
            by_probe.setdefault(BY_NAME[metric].probe, {})[metric, component] = value
        found = {}
        for probe, values in by_probe.items():
            outcome, reason = self.outcomes.get(probe, ("ok", ""))
            ok_at = self.ok_at.get(probe, self.now - MINUTE)
            found[probe] = Probed(outcome=outcome, reason=reason, ok_at=ok_at, values=values)
        return found

    def row(self, *, devices: bool = True) -> RoomRow:
        return RoomRow(
            site=self.site, name=self.name, time_zone=self.zone, hours=self.hours, own_hours=False, note="",
            devices=[self.device] if devices else [],
        )  # fmt: skip

    def known(self) -> Known:
        device = KnownDevice(
            device=self.device, probes=self._probed(), sections=dict(self.sections), parts=self.parts(),
            findings=self.findings, tickets=self.tickets,
        )  # fmt: skip
        return Known(
            room=self.row(),
            devices=[device],
            bookings=sorted(self.bookings),
            works=self.works,
            runs=self.runs,
        )

    def save(self, session: Session) -> None:
        if session.get(Site, self.site) is None:
            session.add(
                Site(
                    name=self.site, time_zone=self.zone, hours=WEEK if self.hours is not None else {},
                    created_at=NOW - 90 * DAY,
                )
            )  # fmt: skip
            session.flush()
        session.add(self.device)
        session.flush()
        for name, probed in self._probed().items():
            rows = [[metric, component, value, ""] for (metric, component), value in probed.values.items()]
            session.add(
                ProbeResult(
                    device_id=self.device.id, probe=name, outcome=probed.outcome, reason=probed.reason,
                    received_at=probed.ok_at, ok_at=probed.ok_at, readings=rows,
                )
            )  # fmt: skip
        for name, items in self.sections.items():
            session.add(
                InventorySection(
                    device_id=self.device.id, section=name, hash=1, announced_hash=1, items=pack_items(items),
                    items_count=len(items), changed_at=NOW - DAY, seen_at=NOW - DAY,
                )
            )  # fmt: skip
        session.add_all([*self.parts(), *self.findings, *self.tickets])
        book(session, self.site, self.name, self.bookings)


def book(
    session: Session, site: str, room: str, spans: Iterable[tuple[datetime, datetime]], known_at: datetime | None = None
) -> None:  # fmt: skip
    session.add_all(
        Booking(
            id=uuid.uuid4().hex, site=site, room=room, starts_at=begins, ends_at=ends, source=f"court#{begins:%d%H%M}",
            created_at=known_at or NOW - 7 * DAY,
        )
        for begins, ends in spans
    )  # fmt: skip
