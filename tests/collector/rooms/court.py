"""A court house at Tulsa as the collector sees it: hosts in rooms that tell what is plugged in. Constructed."""

import json
import zlib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from collector.rooms import room
from collector.store import reader_maker, session_maker
from protos.report_pb2 import FAILED, OK, Item, Outcome, Report, Section
from protos.sections import BY_NAME
from tests.collector.world import NOON, Collector, Machine

Parts = Mapping[str, Mapping[str, str]]
Shown = dict[str, Parts]
Result = TypeVar("Result")
TULSA = ZoneInfo("America/Chicago")

BRIO, MICROPHONE, PROJECTOR = "046d:085e@1-4.1", "alsa_input.usb-Shure", "EPS-a1b2-X7KF"
COURTROOM: Shown = {
    "displays": {
        PROJECTOR: {"maker": "EPS", "model": "EPSON PJ", "connector": "HDMI-A-1", "width_pixels": "1920"},
        "unknown@DP-1": {"connector": "DP-1"},
    },
    "audio_endpoints": {
        MICROPHONE: {"flow": "microphone", "name": "Shure MXA", "usb_path": "1-4.2", "state": "active", "usable": "true"},
        "alsa_output.front": {"flow": "speaker", "name": "Headphones", "state": "unplugged", "usable": "false"},
    },
    "audio_defaults": {
        "microphone": {"endpoint": MICROPHONE, "name": "Shure MXA"},
        "speaker": {"endpoint": "none", "name": "none (every real one is gone)"},
    },
    "cameras": {BRIO: {"name": "Logitech BRIO", "usb_path": "1-4.1", "usable": "true", "driver": "uvcvideo"}},
    "usb_links": {
        "1-4": {"name": "Hub", "kind": "hub", "parent": "usb1", "speed_bits_per_second": "5000000000"},
        "1-4.1": {"name": "Logitech BRIO", "kind": "video", "parent": "1-4", "speed_bits_per_second": "5000000000"},
        "1-4.2": {"name": "Shure MXA", "kind": "audio", "parent": "1-4", "speed_bits_per_second": "480000000"},
        "1-5": {"name": "Keyboard", "kind": "input", "parent": "usb1"},
        "1-6": {"name": "Hub of a desk", "kind": "hub", "parent": "usb1"},
        "1-6.1": {"name": "Stick", "kind": "storage", "parent": "1-6"},
    },
    "recorders": {"recording": {"process": "recorder.exe", "size_bytes": "1200"}},
}  # fmt: skip
# Of COURTROOM: without the unplugged socket, the absent default, the keyboard and the desk's hub.
COUNTED = 9


class Court:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.collector = Collector(engine)

    def write(self, work: Callable[[Session], Result]) -> Result:
        with session_maker(self.engine)() as session, session.begin():
            return work(session)

    def read(self, work: Callable[[Session], Result]) -> Result:
        with reader_maker(self.engine)() as session:
            return work(session)

    def host(
        self, name: str = "av-1", room_name: str = "Courtroom 3", device_class: str = "av_host"
    ) -> Machine:
        made = self.collector.enrol(name, group="av", device_class=device_class, site="Tulsa")
        self.write(lambda s: room.place(s, made.device_id, "Tulsa", room_name, who="ana", now=NOON))
        return made


def show(machine: Machine, shown: Shown, at: datetime, failed: Collection[str] = ()) -> None:
    """One report: these sections whole, and their probes' outcomes; those of `failed` brought nothing."""
    probes = {BY_NAME[section].probe for section in shown}
    machine.send(
        Report(
            outcomes=[Outcome(probe=name, outcome=OK) for name in sorted(probes)]
            + [Outcome(probe=name, outcome=FAILED, reason="it broke off") for name in sorted(failed)],
            sections=[
                Section(
                    name=name,
                    hash=zlib.crc32(json.dumps([name, items], sort_keys=True).encode()),
                    items=[Item(key=key, facts=facts) for key, facts in items.items()],
                )
                for name, items in shown.items()
            ],
        ),
        at,
    )


def without(shown: Shown, **keys: str) -> Shown:
    """The same, and one item of each section named is gone."""
    return {
        section: {key: facts for key, facts in items.items() if key != keys.get(section)}
        for section, items in shown.items()
    }


def other(shown: Shown, section: str, key: str, **facts: str) -> Shown:
    """The same, with other facts of one item, which may be new."""
    items = dict(shown.get(section, {}))
    items[key] = {**items.get(key, {}), **facts}
    return {**shown, section: items}
