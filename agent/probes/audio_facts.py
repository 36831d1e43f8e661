"""What audio.py tells of a sound endpoint, whatever system told it. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.probe import Taken, item, reading
from agent.probes.own_words import own_words

SPEAKER: Final = "speaker"
MICROPHONE: Final = "microphone"
ACTIVE: Final = "active"
UNPLUGGED: Final = "unplugged"

NONE: Final = "none"
_ALL_GONE: Final = "none (every real one is gone)"
# A monitor stands in although a microphone is there: it records what is played, and nobody who speaks.
_NOT_CHOSEN: Final = "none (a real one is there, and not chosen)"

_NAMED_BY_PEOPLE: Final = frozenset({"bluetooth", "network"})
_LETTERS: Final = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """None: the system does not say."""

    key: str  # stays the same between starts
    flow: str
    name: str | None = None
    bus: str | None = None
    id: str | None = None
    usb_path: str | None = None
    state: str | None = None
    muted: bool | None = None
    volume_ratio: float | None = None
    in_use: bool | None = None
    stuck: bool | None = None
    drop_outs: int | None = None  # while it was looked at; None: not known, or nothing runs

    @property
    def usable(self) -> bool | None:
        return None if self.state is None else self.state == ACTIVE


@dataclass(frozen=True, kw_only=True, slots=True)
class Default:
    role: str  # speaker, microphone; with _communications where a system keeps one for calls
    endpoint: str | None = None  # a key or NONE; None: not known
    name: str | None = None


def none(role: str, endpoints: Sequence[Endpoint]) -> Default:
    """The system chooses none, or one that is no device."""
    flow = MICROPHONE if role.startswith(MICROPHONE) else SPEAKER
    there = any(each.flow == flow and each.usable for each in endpoints)
    return Default(role=role, endpoint=NONE, name=_NOT_CHOSEN if there else _ALL_GONE)


def told(bus: str | None, key: str, name: str | None, serves_room: bool) -> tuple[str, str | None]:
    """Key and name as they may leave the device.

    A USB endpoint's key holds its serial, a Bluetooth one's its address, and people give their headphones
    their own names: on a device that serves no room a digest stands for the one, and nothing for the other.
    What stands elsewhere on the network, and may be called after whose it is, is never named.
    """
    name = own_words(name)
    if bus == "network" or (not serves_room and bus != "pci"):
        digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:_LETTERS]
        return f"{bus or 'other'}-{digest}", name if bus == "usb" else None
    return key, name


def taken(endpoints: Sequence[Endpoint], defaults: Sequence[Default], lost: str = "") -> Taken:
    result = Taken(reason=lost)
    rows = result.sections.setdefault("audio_endpoints", [])
    for endpoint in endpoints:
        rows.append(
            item(
                endpoint.key,
                flow=endpoint.flow,
                name=endpoint.name,
                bus=endpoint.bus,
                id=endpoint.id,
                usb_path=endpoint.usb_path,
                state=endpoint.state,
                usable=endpoint.usable,
            )
        )
        for metric, value in (
            ("audio_muted_state", endpoint.muted),
            ("audio_volume_ratio", endpoint.volume_ratio),
            ("audio_in_use_state", endpoint.in_use),
            ("audio_stuck_state", endpoint.stuck),
            ("audio_xruns_seen_count", endpoint.drop_outs),
        ):
            if value is not None:
                result.readings.append(reading(metric, value, endpoint.key, endpoint.name or ""))
    result.sections["audio_defaults"] = [
        item(default.role, endpoint=default.endpoint, name=default.name) for default in defaults
    ]
    return result
