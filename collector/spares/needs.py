"""What is known of a part that a rule says to bring: from its own facts, else from what all of its kind in the device share."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from collector.spares.fitting import Wanted

Facts = Mapping[str, str]
Items = Mapping[str, Facts]

# What a sentence speaks of, the first that it does. `An archive disk` is none of the device's drives.
_WORDS: Final = (
    ("lamp", re.compile(r"\blamp\b")),
    ("filter", re.compile(r"\bfilter\b")),
    ("projector", re.compile(r"\bprojector\b")),
    ("drive", re.compile(r"\bdrive\b|\ba disk of\b")),
    ("memory", re.compile(r"\bmodules?\b")),
    ("battery", re.compile(r"\bbattery\b")),
    ("camera", re.compile(r"\bcamera\b")),
    ("microphone", re.compile(r"\bmicrophone\b")),
    ("speaker", re.compile(r"\bspeaker\b")),
    ("display", re.compile(r"\bdisplay\b")),
    ("power supply", re.compile(r"\bpower supply\b")),
    ("fan", re.compile(r"\bfan\b")),
)
_SECTIONS: Final = {
    "drive": "disks", "memory": "memory_modules", "battery": "batteries", "lamp": "projectors", "filter": "projectors",
    "projector": "projectors", "camera": "cameras", "microphone": "audio_endpoints", "speaker": "audio_endpoints",
    "display": "displays",
}  # fmt: skip
# They have a name, a serial and a warranty of their own.
_OUTSIDE: Final = frozenset(("lamp", "filter", "projector", "camera", "microphone", "speaker", "display"))
_SPEED: Final = re.compile(r"(\d{3,6})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Need:
    wanted: Wanted
    serial: str  # whose warranty it is; empty: not known


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What a brief knows of the device."""

    maker: str
    model: str
    serial: str
    sections: Mapping[str, Items]


def of(said: str, probe: str, facts: Facts, component: str, label: str, machine: Machine) -> Need | None:
    """None: it is no part that the map could know. `facts`: those of the part itself, where they are known."""
    text = said.casefold()
    part = next((name for name, pattern in _WORDS if pattern.search(text)), "")
    if not part or (part == "battery" and probe != "battery"):  # a mainboard has one too
        return None
    items = machine.sections.get(_SECTIONS.get(part, ""), {})
    own = items.get(component) or (facts if _is_of(part, probe, facts) else {})
    if part in _OUTSIDE:
        return _outside(part, own, label)
    own = own or _shared(part, items)
    models = (machine.model, f"{machine.maker} {machine.model}") if machine.model else ()
    return Need(_inside(part, own, models), machine.serial)


def named(part: str, name: str) -> Need:
    """Of a room's list: `camera PTZ Pro 2`, `lamp ELPLP96`."""
    if part in ("lamp", "filter"):
        return Need(Wanted(part=part, own_numbers=(name,), is_told=True), "")
    return Need(Wanted(part=part, models=(name,)), "")


def _is_of(part: str, probe: str, facts: Facts) -> bool:
    """Whether the facts of a finding are those of the part that its sentence names."""
    return {
        "drive": probe == "disk_health" and "level" not in facts,
        "memory": probe == "memory_errors",
        "battery": probe == "battery",
    }.get(part, part in _OUTSIDE)


def _shared(part: str, items: Items) -> Facts:
    """What all of them say alike: with one drive that is everything, with several of a kind their kind."""
    there = [
        facts
        for facts in items.values()
        if facts.get("filled") != "false" and facts.get("detachable") != "true"
    ]
    if not there:
        return {}
    return {
        name: text
        for name, text in there[0].items()
        if all(other.get(name) == text for other in there) and (len(there) == 1 or not _is_its_own(name))
    }


def _is_its_own(fact: str) -> bool:
    return fact in ("serial", "device", "location", "bank")


def _inside(part: str, facts: Facts, models: tuple[str, ...]) -> Wanted:
    match part:
        case "drive":
            nvme = "nvme" in facts.get("protocol", "").casefold()
            return Wanted(
                part=part, form_factor=facts.get("form_factor", ""), interface="NVMe" if nvme else facts.get("interface", ""),
                capacity_bytes=_number(facts.get("capacity_bytes")), models=models, own_numbers=_given(facts.get("model")),
            )  # fmt: skip
        case "memory":
            speed = _SPEED.search(facts.get("speed", ""))
            return Wanted(
                part=part, form_factor=facts.get("form_factor", ""), interface=facts.get("type", ""),
                speed=int(speed[1]) if speed else None, capacity_bytes=_number(facts.get("size_bytes")), models=models,
                own_numbers=_given(facts.get("part_number")),
            )  # fmt: skip
        case "battery":
            return Wanted(part=part, models=models, own_numbers=_given(facts.get("model")))
    return Wanted(part=part, models=models)


def _outside(part: str, facts: Facts, label: str) -> Need:
    maker = facts.get("maker") or facts.get("manufacturer") or ""
    model = facts.get("model") or (
        "" if part in ("lamp", "filter", "projector") else facts.get("name") or label
    )
    models = tuple(dict.fromkeys(name for name in (model, f"{maker} {model}".strip()) if model))
    told = _given(facts.get(f"{part}_part"))
    serial = facts.get("serial", "") if facts.get("serial_is_placeholder") != "true" else ""
    return Need(Wanted(part=part, models=models, own_numbers=told, is_told=bool(told)), serial)


def _given(*texts: str | None) -> tuple[str, ...]:
    return tuple(text for text in texts if text)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 20 else None


def serials(needs: Iterable[Need | None]) -> set[str]:
    return {need.serial for need in needs if need is not None and need.serial}
