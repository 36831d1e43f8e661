"""Which of a device's parts belong into a room's baseline, what they are called, and which of their facts always move."""

from collections.abc import Mapping
from typing import Final

Facts = Mapping[str, str]
Items = Mapping[str, Facts]  # key → facts

LINKS: Final = "usb_links"
SECTIONS: Final[tuple[str, ...]] = (
    "displays", "audio_endpoints", "audio_defaults", "cameras", "capture_inputs", LINKS, "projectors", "recorders",
    "network_targets",
)  # fmt: skip
# A room works without its usual sockets: the parts behind them have rows of their own.
OPTIONAL: Final = frozenset({LINKS})
# What changes while nobody changes anything: use, signal, power, updates of drivers.
MOVING: Final[Mapping[str, frozenset[str]]] = {
    "audio_endpoints": frozenset({"state", "usable"}),
    "cameras": frozenset({"driver", "problem", "problem_code", "usable"}),
    "capture_inputs": frozenset({"driver", "height_pixels", "refresh_hertz", "signal", "width_pixels"}),
    "projectors": frozenset({"authentication", "input", "input_name", "last_error", "resolution"}),
    "recorders": frozenset({"folder_is_there", "size_bytes"}),
    "network_targets": frozenset({"last_error"}),
}
_KINDS: Final = frozenset({"audio", "video", "audio and video"})  # of USB devices, as usb_links has them
_ON_USB: Final = ("audio_endpoints", "cameras", "capture_inputs")
# Whose key is the name somebody gave it, or the use it is chosen for.
_NAMED_BY_KEY: Final = ("audio_defaults", "recorders", "network_targets")
_NONE: Final = "none"  # as the probe says it
_LONGEST: Final = 255


def expected(section: str, sections: Mapping[str, Items]) -> Items:
    """Of all that a device shows in a section, what a room counts on from the day it is accepted."""
    items = sections.get(section, {})
    if section == LINKS:
        return _links(items, sections)
    if section == "audio_defaults":  # that none is chosen is nothing to count on
        return {key: facts for key, facts in items.items() if facts.get("endpoint", _NONE) != _NONE}
    return {key: facts for key, facts in items.items() if is_there(facts)}


def is_there(facts: Facts) -> bool:
    """A socket without a plug and a camera with a problem are listed, and nobody can use them."""
    return facts.get("usable") != "false"


def _links(links: Items, sections: Mapping[str, Items]) -> Items:
    """The A/V devices themselves and the hubs before them; no keyboards, memory sticks and telephones."""
    sockets = {key for key, facts in links.items() if facts.get("kind") in _KINDS}
    sockets |= {
        path
        for section in _ON_USB
        for facts in sections.get(section, {}).values()
        if (path := facts.get("usb_path", ""))
    }
    kept: set[str] = set()
    for socket in sockets:
        kept |= {key for key in links if socket == key or socket.startswith((f"{key}.", f"{key}-"))}
    walked: set[str] = set()
    for at in sockets:
        while at in links and at not in walked:
            walked.add(at)
            at = links[at].get("parent", "")
    kept |= walked
    return {key: facts for key, facts in links.items() if key in kept}


def label(section: str, key: str, facts: Facts) -> str:
    """What people call the part."""
    name = facts.get("name", "")
    if section in _NAMED_BY_KEY:
        name = key
    elif section == "displays":
        name = facts.get("model") or " ".join(filter(None, map(facts.get, ("maker", "product_code"))))
    elif section == "projectors":
        name = f"{key} ({facts['model']})" if facts.get("model") else key
    elif section == LINKS:
        name = f"{name} ({key})" if name else key
    elif section == "capture_inputs" and facts.get("input"):
        name = f"{name}, {facts['input']}" if name else facts["input"]
    return (name or key)[:_LONGEST]
