"""The sound cards and streams of ALSA, as /proc/asound tells them. Pure: text in, facts out.

Source: `/proc/asound/cards`, and below `card*/pcm*/`: `info`, `sub*/status`, `sub*/hw_params`. Only states and
counters are read; no stream is ever opened. Lengths are frames, rates hertz.

Traps this reader knows: card numbers move with every plug, so a card is known by its id and its place on the
bus; the long name of a USB card holds that place only where the driver was not given a name of its own; a
stream that runs while its pointer stands still is stuck and records nothing.
"""

import re
from dataclasses import dataclass
from typing import Final

# ` 0 [device         ]: USB-Audio - USB Video device`, the id padded to 15 signs; the long name on the next line.
_CARD = re.compile(r"^\s{0,3}(\d{1,3}) \[([^\]]{1,15})\]: (.+?) - (.*)$", re.ASCII)
_PLACE = re.compile(r" at (usb-\S+), (\w+) speed$")
_SOCKETS = r"(\d{1,3}(?:\.\d{1,3}){0,6})"
_LONG_NAME_PLACE = re.compile(rf"usb-([\w.:-]{{1,40}})-{_SOCKETS}", re.ASCII)
# Newer udev writes `usbv2`; platform devices stand where a PCI address stands on a PC.
_BUS_PATH = re.compile(
    rf"(?:pci|platform)-([\w.:-]{{1,40}})-usb(?:v\d)?-\d{{1,3}}:{_SOCKETS}:[\d.]{{1,9}}", re.ASCII
)
_STATES: Final = frozenset(
    {"OPEN", "SETUP", "PREPARED", "RUNNING", "XRUN", "DRAINING", "PAUSED", "SUSPENDED", "DISCONNECTED"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    number: int  # moves with every plug
    id: str
    driver: str
    name: str
    long_name: str | None
    usb_path: str | None  # `usb-0000:00:14.0-4.2.4`: controller and sockets
    usb_speed: str | None  # full, high, super


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """One subdevice of a PCM. Everything but the state is None where it is closed."""

    state: str  # `closed`, or what the kernel calls it in capitals
    owner_pid: int | None = None
    started_at: str | None = None  # trigger_time; the same between two looks: the same run
    hardware_frames: int | None = None
    program_frames: int | None = None
    waiting_frames: int | None = None  # `avail`

    @property
    def is_open(self) -> bool:
        return self.state != "closed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """What an open stream was set up to."""

    sample: str  # S16_LE
    channels: int
    rate_hertz: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """`pcm0c/info`: one PCM of a card."""

    card: int
    device: int
    flow: str  # playback, capture
    id: str
    name: str | None


def parse_cards(text: str) -> list[Card]:
    """The file `cards`. Raises ValueError naming the line that is neither a card nor its long name."""
    cards: list[Card] = []
    long_names: list[str] = []
    lines = text.splitlines()
    if [line.strip() for line in lines if line.strip()] == ["--- no soundcards ---"]:
        return []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if found := _CARD.match(line):
            cards.append(
                Card(
                    number=int(found[1]),
                    id=found[2].strip(),
                    driver=found[3].strip(),
                    name=found[4].strip(),
                    long_name=None,
                    usb_path=None,
                    usb_speed=None,
                )
            )
            long_names.append("")
        elif cards and not long_names[-1] and line[:1].isspace():
            long_names[-1] = line.strip()
        else:
            raise ValueError(f"cards: line {number}: neither a card nor the long name of one")
    return [_with_long_name(card, name) for card, name in zip(cards, long_names, strict=True)]


def _with_long_name(card: Card, long_name: str) -> Card:
    place = _PLACE.search(long_name)
    return Card(
        number=card.number,
        id=card.id,
        driver=card.driver,
        name=card.name,
        long_name=long_name or None,
        usb_path=place[1] if place else None,
        usb_speed=place[2] if place else None,
    )


def parse_status(text: str) -> Stream:
    """`sub*/status`. Raises ValueError naming what is missing or strange."""
    if text.strip() == "closed":
        return Stream(state="closed")
    fields = _fields(text)
    state = fields.get("state")
    if state not in _STATES:
        raise ValueError(f"status: state: {(state or 'none')[:40]!r} is no state of a stream")
    return Stream(
        state=state,
        owner_pid=_whole(fields, "status", "owner_pid"),
        started_at=fields.get("trigger_time"),
        hardware_frames=_whole(fields, "status", "hw_ptr"),
        program_frames=_whole(fields, "status", "appl_ptr"),
        waiting_frames=_whole(fields, "status", "avail"),
    )


def is_stuck(before: Stream, after: Stream) -> bool | None:
    """Whether a stream that runs stood still between two looks a second or more apart.

    None when the two cannot be compared: another run, not running, or no pointer told.
    """
    if before.state != "RUNNING" or after.state != "RUNNING":
        return None
    if (before.owner_pid, before.started_at) != (after.owner_pid, after.started_at):
        return None
    if before.hardware_frames is None or after.hardware_frames is None:
        return None
    return before.hardware_frames == after.hardware_frames


def parse_hw_params(text: str) -> Format | None:
    """`sub*/hw_params`; None when it is closed or not set up yet."""
    if text.strip() in ("closed", "no setup"):
        return None
    fields = _fields(text)
    channels = _whole(fields, "hw_params", "channels")
    rate = re.match(r"\d{1,9}\b", fields.get("rate", ""), re.ASCII)  # `48000 (48000/1)`
    if channels is None or rate is None or not fields.get("format"):
        raise ValueError("hw_params: format, channels or rate is missing")
    return Format(sample=fields["format"], channels=channels, rate_hertz=int(rate[0]))


def parse_info(text: str) -> Device:
    """`pcm*/info`."""
    fields = _fields(text)
    card, device = _whole(fields, "info", "card"), _whole(fields, "info", "device")
    flow = fields.get("stream", "").lower()
    if card is None or device is None or flow not in ("playback", "capture"):
        raise ValueError("info: card, device or stream is missing")
    name = fields.get("name") or None
    return Device(card=card, device=device, flow=flow, id=fields.get("id", ""), name=name)


def parse_usb_id(text: str) -> tuple[str, str]:
    """`card*/usbid`: vendor and product, `046d:085c`."""
    found = re.fullmatch(r"([0-9a-f]{4}):([0-9a-f]{4})\s*", text, re.ASCII | re.IGNORECASE)
    if found is None:
        raise ValueError("usbid: not four and four hexadecimal digits")
    return found[1].lower(), found[2].lower()


def parse_usb_place(text: str) -> tuple[str, str] | None:
    """Controller and sockets, `0000:00:14.0` and `4.2.4`, of `usb-0000:00:14.0-4.2.4` (a card's long name) and of
    `pci-0000:00:14.0-usb-0:4.2.4:1.0` (udev, a sound server's bus path); None: it is on no USB."""
    found = _LONG_NAME_PLACE.fullmatch(text) or _BUS_PATH.fullmatch(text)
    return (found[1], found[2]) if found else None


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _whole(fields: dict[str, str], where: str, name: str) -> int | None:
    """None when the field is absent; frames may run past 32 bits and are told as signed at the start."""
    value = fields.get(name)
    if value is None:
        return None
    if not re.fullmatch(r"-?\d{1,20}", value, re.ASCII):
        raise ValueError(f"{where}: {name}: not a number")
    return int(value)
