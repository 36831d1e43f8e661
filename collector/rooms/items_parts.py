"""The parts of the accepted baseline, each as it is now: there, the same, able to do its work. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from collector.rooms import items_listed
from collector.rooms.item import (  # fmt: skip
    CAMERAS,
    CAPTURE,
    DISPLAYS,
    FAIL,
    NETWORK,
    NOT_CHECKED,
    PASS,
    PROJECTORS,
    RECORDER,
    SOUND,
    USB,
    WARN,
    Item,
)
from collector.rooms.items_listed import Facts, Said
from collector.rooms.known import SECTIONS, Expected
from collector.rooms.look import Look, probe_of

NAMES: Final = {
    "displays": DISPLAYS, "projectors": PROJECTORS, "audio_defaults": SOUND, "audio_endpoints": SOUND,
    "cameras": CAMERAS, "usb_links": USB, "capture_inputs": CAPTURE, "recorders": RECORDER, "network_targets": NETWORK,
}  # fmt: skip
# Listed in room.toml by whoever installed the room: they are looked at before anybody accepts them.
_LISTED: Final = ("projectors", "recorders", "network_targets")
# Where a part is plugged in: what nobody accepted and stands at the same place stands there instead.
_PLACE: Final = {"displays": "connector", "cameras": "usb_path"}
_GONE: Final = {
    "displays": ("display_missing",), "cameras": ("camera_missing",), "capture_inputs": ("capture_input_missing",), "usb_links": (),
    "audio_endpoints": ("microphone_missing", "speaker_missing"), "projectors": (), "recorders": (),
    "network_targets": (),
}  # fmt: skip
_RANK: Final = {section: place for place, section in enumerate(SECTIONS)}
_SLOW: Final = 0.999


@dataclass(frozen=True, slots=True)
class _Part:
    section: str
    key: str
    label: str
    expected: Facts
    mandatory: bool


def items(look: Look) -> Iterator[Item]:
    """Nothing of a device that is away: `away` says so of each part."""
    accepted = {(part.section, part.key) for part in look.known.parts}
    parts = [_accepted(part) for part in look.known.parts]
    for section in _LISTED:
        parts += [
            _Part(section, key, key, {}, False)
            for key in look.known.sections.get(section) or {}
            if (section, key) not in accepted
        ]
    away = look.away()
    for part in sorted((one for one in parts if one.section in _RANK), key=lambda one: _RANK[one.section]):
        if away is not None:
            reason = f"{part.label}: not checked, {look.host} is {_bare(away[0])}"
            yield Item(
                name=NAMES[part.section], part=part.label, result=NOT_CHECKED, reason=reason,
                mandatory=part.mandatory, since=away[1],
            )  # fmt: skip
        else:
            yield from _one(look, part)
    if away is None:
        yield from _gateway(look)


def _bare(told: str) -> str:
    return told if told.startswith(("silent", "asleep", "shut down")) else f"not to be asked ({told})"


def _accepted(part: Expected) -> _Part:
    return _Part(part.section, part.key, part.label or part.key, part.facts, part.mandatory)


def _one(look: Look, part: _Part) -> Iterator[Item]:
    probe = probe_of(part.section)
    trouble = look.trouble(probe)
    shown = look.known.sections.get(part.section)
    if not trouble and shown is None:
        trouble = "its newest description is still on the way"
    if trouble:
        yield look.says(NAMES[part.section], part.label, NOT_CHECKED, trouble, mandatory=part.mandatory)
        return
    assert shown is not None  # noqa: S101
    facts = shown.get(part.key)
    said = _gone(look, part, shown) if facts is None else _LOOKS[part.section](look, part, facts)
    for one in said:
        # Of the part, the whole host, the branch.
        components = {"", part.key, *_hubs(look, part)} if one.rules else set[str]()
        yield look.says(
            NAMES[part.section], part.label, one.result, one.words, bring=one.bring, rules=one.rules, probe=probe,
            mandatory=part.mandatory and one.decides, components=components,
        )  # fmt: skip


def _hubs(look: Look, part: _Part) -> Iterator[str]:
    """Hubs on its way to the host: a branch that is gone has one finding, on the hub."""
    path = part.key if part.section == "usb_links" else part.expected.get("usb_path", "")
    for other in look.known.parts:
        if other.section == "usb_links" and path.startswith((f"{other.key}.", f"{other.key}-")):
            yield other.key


def _gone(look: Look, part: _Part, shown: Mapping[str, Facts]) -> list[Said]:
    if part.section == "audio_defaults":
        return [Said(NOT_CHECKED, "which one is chosen is not told now")]
    if part.section == "usb_links" and any(
        other.section != "usb_links" and other.facts.get("usb_path") == part.key for other in look.known.parts
    ):
        return []  # the camera or microphone that is plugged in there says it
    place_fact = _PLACE.get(part.section, "")
    place = part.expected.get(place_fact) or part.expected.get("usb_path") or part.expected.get("connector")
    known = {other.key for other in look.known.parts if other.section == part.section}
    for key, facts in shown.items():
        if place and place_fact and key not in known and facts.get(place_fact) == place:
            other_one = facts.get("model") or facts.get("name") or key
            return [
                Said(
                    WARN, f"another one stands in its place at {place}: {other_one}", rules=_SWAPPED[part.section]
                )
            ]  # fmt: skip
    at = f" (was at {place})" if place else ""
    switcher = (
        ", or the switcher before it is off"
        if part.section == "displays" and part.expected.get("via_switcher") == "true"
        else ""
    )
    if (
        part.section == "displays"
        and not look.use.is_wanted
        and not look.findings(["display_missing"], [part.key])
    ):
        return [Said(NOT_CHECKED, f"is not seen now{at}: out of hours it may be off")]
    word = "is not connected" if part.section == "displays" else "is gone"
    return [
        Said(
            FAIL, f"{word}{at}{switcher}", rules=(*_GONE[part.section], "usb_branch_missing"), bring=_spare(part)
        )
    ]  # fmt: skip


_SWAPPED: Final = {"displays": ("display_swapped",), "cameras": ("camera_swapped",)}


def _spare(part: _Part) -> tuple[str, ...]:
    if part.section == "cameras":
        return (f"camera {part.label}",)
    if part.section == "audio_endpoints" and part.expected.get("flow") == "microphone":
        return (f"microphone {part.label}",)
    return ()


def _display(look: Look, part: _Part, facts: Facts) -> list[Said]:
    was, now = (_pixels(one) for one in (part.expected, facts))
    if was and now and now[0] * now[1] < was[0] * was[1]:
        words = f"shows {now[0]} × {now[1]}, accepted is {was[0]} × {was[1]}"
        return [Said(WARN, words, rules=("display_resolution_lower",))]
    return [Said(PASS, "connected")]


def _pixels(facts: Facts) -> tuple[int, int] | None:
    try:
        return int(facts["width_pixels"]), int(facts["height_pixels"])
    except (KeyError, ValueError):
        return None


def _default(look: Look, part: _Part, facts: Facts) -> list[Said]:
    was, now = part.expected.get("endpoint"), facts.get("endpoint")
    role = part.key.replace("_", " ")
    if was is None or now is None:
        return [Said(NOT_CHECKED, f"which {role} is chosen is not told")]
    if was == now:
        return [Said(PASS, f"{facts.get('name') or now} is chosen")]
    rules = ("default_microphone_changed", "default_speaker_changed")
    words = f"{facts.get('name') or now} is chosen as {role} instead of {part.expected.get('name') or was}"
    # Another speaker is heard to be wrong; another microphone records nothing, and nobody hears that.
    matters = now == "none" or part.key.startswith("microphone") or part.key.endswith("communications")
    return [Said(FAIL if matters else WARN, words, rules=rules)]


def _endpoint(look: Look, part: _Part, facts: Facts) -> list[Said]:
    is_microphone = (facts.get("flow") or part.expected.get("flow")) == "microphone"
    kind = "microphone" if is_microphone else "speaker"
    if facts.get("usable") == "false":
        state = (facts.get("state") or "not usable").replace("_", " ")
        return [Said(FAIL, f"is {state}", rules=(f"{kind}_missing",), bring=_spare(part))]
    if is_microphone and look.known.value("microphone_blocked_state") == 1:
        return [
            Said(FAIL, "a privacy setting keeps programs from all microphones", rules=("microphone_blocked",))
        ]
    said = []
    if look.known.value("audio_stuck_state", part.key) == 1:
        said.append(Said(FAIL, "its stream runs and does not move", rules=("audio_stuck",)))
    if look.known.value("audio_muted_state", part.key) == 1:
        said.append(Said(WARN, "is muted", rules=("audio_muted",)))
    volume = look.known.value("audio_volume_ratio", part.key)
    if volume is not None and volume < 0.05:
        said.append(Said(WARN, f"its volume is {volume * 100:.0f} %", rules=("audio_volume_low",)))
    return said or [Said(PASS, "there and not muted" if volume is not None else "there")]


def _camera(look: Look, part: _Part, facts: Facts) -> list[Said]:
    if facts.get("usable") == "false":
        why = facts.get("problem") or (
            f"problem code {facts['problem_code']}" if facts.get("problem_code") else "it does not say why"
        )
        return [Said(FAIL, f"cannot be used: {why}", rules=("camera_missing",), bring=_spare(part))]
    if look.known.value("camera_blocked_state") == 1:
        return [Said(FAIL, "a privacy setting keeps programs from all cameras", rules=("camera_blocked",))]
    socket = facts.get("usb_path", "")
    slow = _slow(look, socket) if socket and not look.trouble("usb") else ""
    return [Said(WARN, slow, rules=("usb_link_slower",))] if slow else [Said(PASS, "there")]


def _slow(look: Look, socket: str) -> str:
    """Below what it is made for, and not accepted so."""
    ratio = look.known.value("usb_speed_ratio", socket)
    if ratio is None or ratio >= _SLOW:
        return ""
    now = (look.known.sections.get("usb_links") or {}).get(socket, {}).get("speed_bits_per_second", "")
    for part in look.known.parts:
        if (part.section, part.key) == ("usb_links", socket) and part.facts.get(
            "speed_bits_per_second"
        ) == now:
            return ""
    return f"talks at {_megabits(now)} and could do more: cable, extender or socket {socket}"


def _megabits(bits: str) -> str:
    try:
        return f"{float(bits) / 1e6:,.0f} Mb/s"
    except ValueError:
        return "a lower speed"


def _link(look: Look, part: _Part, facts: Facts) -> list[Said]:
    slow = _slow(look, part.key)
    if slow:
        return [Said(WARN, slow, rules=("usb_link_slower",))]
    return [Said(PASS, "there")]


def _capture(look: Look, part: _Part, facts: Facts) -> list[Said]:
    signal = look.known.value("capture_signal_state", part.key)
    if signal is None:
        return [Said(NOT_CHECKED, "this grabber cannot tell whether a signal is there")]
    if signal:
        return [Said(PASS, "a signal is there")]
    if look.use.in_session:
        return [Said(FAIL, "no signal", rules=("capture_no_signal",))]
    return [Said(WARN, "no signal now", decides=look.use.soon)]


def _gateway(look: Look) -> Iterator[Item]:
    needed = any(part.section == "network_targets" and part.mandatory for part in look.known.parts)
    trouble = look.trouble("network")
    way = look.known.value("default_gateway_state")
    if trouble or way is None:
        if needed:
            words = f"the way out is not known: {trouble or 'it is not told'}"
            yield look.says(NETWORK, look.host, NOT_CHECKED, words, mandatory=needed)
        return
    words = "has a way out of its network" if way else "has no way out of its network"
    yield look.says(
        NETWORK, look.host, PASS if way else FAIL, words, mandatory=needed, probe="network",
    )  # fmt: skip


_LOOKS: Final[Mapping[str, Callable[[Look, _Part, Facts], list[Said]]]] = {
    "displays": _display,
    "audio_defaults": _default,
    "audio_endpoints": _endpoint,
    "cameras": _camera,
    "usb_links": _link,
    "capture_inputs": _capture,
    "projectors": lambda look, part, facts: items_listed.projector(look, part.key, facts),
    "recorders": lambda look, part, facts: items_listed.recorder(look, part.key, facts),
    "network_targets": lambda look, part, facts: items_listed.target(look, part.key, facts),
}
