"""The sound endpoints of a desktop session, as PipeWire and PulseAudio tell them. Pure: text in, facts out.

Source: `pactl -f json info`, `pactl -f json list sinks|sources`, and both plain of versions without
JSON, `wpctl status`, `pw-dump`; LC_ALL=C, in the user's session. Volumes are ratios: 1.0 is full, above is boosted.

Traps this reader knows: with every real endpoint gone the default is `auto_null` (or a monitor as source):
a fault, not a device called Dummy Output; each sink has a monitor, which is no microphone; a port that is
`not available` is an empty jack, one of `availability unknown` tells nothing. Names of users and of the
device are in these answers and are not taken.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Tree: TypeAlias = dict[str, Any]

DUMMY: Final = "auto_null"
NOT_WRITTEN: Final = "(null)"  # pactl 16 writes this as JSON for whatever is not ASCII: an umlaut in a name
_AVAILABLE: Final = {"available": True, "yes": True, "not available": False, "no": False}
_WPCTL_ROW = re.compile(
    r"^[\s│]+(?P<default>\*)?\s*(?P<id>\d{1,9})\. (?P<name>.*?)"
    r"(?:\s*\[vol: (?P<volume>\d{1,3}\.\d{1,3})(?P<muted> MUTED)?\])?$",
    re.ASCII,
)
_HEAD: Final = "QUANT"  # of the first line of each picture of pw-top
_WIDEST: Final = 300
_NO_TIME: Final = frozenset({"---", "???", "0.0us"})
_TOP_ROW = re.compile(
    r"^(?P<state>[A-Z!])\s+\d{1,10}\s+\d{1,10}\s+\d{1,10}\s+(?P<wait>\S{1,20})\s+(?P<busy>\S{1,20})\s+\S{1,20}\s+\S{1,20}\s+"
    r"(?P<errors>\d{1,10})\s(?:.*\s)?(?P<name>\S+)$",
    re.ASCII,
)
_JUMP = re.compile(r"\x1b\[(\d{1,4})C", re.ASCII)
_NEW_LINE = re.compile(r"\r?\x1b\[(?:\d{1,4};1H|\d{0,4}B)", re.ASCII)
_MOVE = re.compile(r"\x1b\[\d{1,4};\d{1,4}H", re.ASCII)
_OTHER_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]{0,20}[A-Za-z]|[()].|[=>])|[\x0e\x0f\r]", re.ASCII)
# How nodes begin that stand for another device on the network: tunnels, AirPlay, RTP.
_NETWORK: Final = ("tunnel.", "tunnel-", "raop_", "raop-", "rtp", "vban", "netjack")
_FLOWS: Final = {"Audio/Sink": "sink", "Audio/Source": "source", "Audio/Duplex": "sink"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    name: str | None
    default_sink: str | None
    default_source: str | None

    @property
    def has_no_speaker(self) -> bool:
        return self.default_sink in (None, DUMMY, "@DEFAULT_SINK@")

    @property
    def has_no_microphone(self) -> bool:
        """The monitor of a sink stands in where no microphone is left; pw-dump names the sink itself."""
        source = self.default_source
        return source in (None, DUMMY, "@DEFAULT_SOURCE@") or source.endswith(".monitor")


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    name: str  # stays the same between starts
    flow: str  # sink, source
    description: str | None = None
    state: str | None = None  # RUNNING, IDLE, SUSPENDED
    is_muted: bool | None = None
    volume_ratio: float | None = None  # of the loudest channel
    is_monitor: bool = False
    serial: str | None = None
    bus_path: str | None = None
    card: str | None = None  # ALSA's number
    device: str | None = None  # ALSA's PCM on it
    bus: str | None = None  # usb, pci, bluetooth, network
    id: str | None = None  # vendor and product, `046d:085c`
    sysfs_path: str | None = None
    port: str | None = None  # the active one
    port_is_available: bool | None = None  # None: the driver cannot tell

    @property
    def is_real(self) -> bool:
        return not self.is_monitor and self.name != DUMMY


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """A row of `wpctl status`, which knows no names, only descriptions."""

    id: int
    flow: str
    description: str
    is_default: bool
    volume_ratio: float | None
    is_muted: bool


def parse_top(text: str, *, has_ended: bool) -> dict[str, int]:
    """Drop-outs by node, of those that run: by how much ERR rose from the first to the last picture that tells of it.

    `text`: what `pw-top` printed, or drew until it `has_ended` or was ended. ERR is how often the node was not ready in
    time; older versions count from their own start, newer ones from the node's, so only the rise is the same in both. In
    the first pictures, before the server has told of its work, everything shows 0: a node without times tells nothing.
    """
    pictures = _drawn(text).split(_HEAD)[1:]
    first: dict[str, int] = {}
    found: dict[str, int] = {}
    for picture in pictures if has_ended else pictures[:-1]:  # the last one may be half
        for line in picture.splitlines():
            row = _TOP_ROW.match(line.rstrip())
            if row is None or row["state"] != "R" or {row["wait"], row["busy"]} <= _NO_TIME:
                continue
            name, errors = row["name"], int(row["errors"])
            if name not in first:
                first[name] = errors
            else:
                found[name] = max(0, errors - first[name])
    if not first:
        raise ValueError("pw-top told of nothing that runs")
    return found


def _drawn(text: str) -> str:
    """Without the letters that move a terminal's pen: blanks it jumps over are blanks, a new line is one."""
    text = _JUMP.sub(lambda found: " " * min(int(found[1]), _WIDEST), text)
    return _OTHER_SEQUENCE.sub("", _MOVE.sub("    ", _NEW_LINE.sub("\n", text)))


def parse_info(text: str) -> Server:
    """`pactl -f json info`."""
    tree = _load(text, "pactl info")
    if not isinstance(tree, dict):
        raise ValueError("pactl info: no JSON object")
    names = ("server_name", "default_sink_name", "default_source_name")
    if not any(name in tree for name in names):
        raise ValueError("pactl info: none of the fields of a sound server")
    server, sink, source = (_text(tree, name) for name in names)
    return Server(name=server, default_sink=sink, default_source=source)


def parse_info_text(text: str) -> Server:
    """`pactl info` without JSON."""
    pairs = (line.partition(": ") for line in text.splitlines())
    fields = {name.strip(): value.strip() or None for name, colon, value in pairs if colon}
    if "Server Name" not in fields:
        raise ValueError("pactl info: no line `Server Name`")
    return Server(
        name=fields["Server Name"],
        default_sink=fields.get("Default Sink"),
        default_source=fields.get("Default Source"),
    )


def parse_endpoints(text: str, flow: str) -> list[Endpoint]:
    """`pactl -f json list sinks` or `sources`; `flow` says which."""
    rows = _load(text, f"pactl list {flow}s")
    if not isinstance(rows, list):
        raise ValueError(f"pactl list {flow}s: no JSON list")
    endpoints = []
    for number, row in enumerate(rows):
        name = _text(row, "name") if isinstance(row, dict) else None
        if name is None:
            raise ValueError(f"pactl list {flow}s: entry {number}: no name")
        endpoints.append(_endpoint(row, name, flow))
    return endpoints


def _endpoint(row: Tree, name: str, flow: str) -> Endpoint:
    properties = _part(row, "properties")
    port = _text(row, "active_port")
    ports = row.get("ports")
    known = [each for each in (ports if isinstance(ports, list) else []) if isinstance(each, dict)]
    active = next((each for each in known if port and _text(each, "name") == port), {})
    return Endpoint(
        name=name,
        flow=flow,
        description=_text(row, "description"),
        state=_text(row, "state"),
        is_muted=_truth(row, "mute"),
        volume_ratio=_loudest(_part(row, "volume")),
        is_monitor=flow == "source"
        and (_text(properties, "device.class") == "monitor" or name.endswith(".monitor")),
        serial=_text(properties, "device.serial"),
        bus_path=_text(properties, "device.bus_path"),
        card=_digits(properties, "alsa.card", "api.alsa.pcm.card"),
        device=_digits(properties, "alsa.device", "api.alsa.pcm.device"),
        bus=_bus(row, properties, name),
        id=_id(properties),
        sysfs_path=_text(properties, "sysfs.path"),
        port=port,
        port_is_available=_AVAILABLE.get(_text(active, "availability") or ""),
    )


def _bus(row: Tree, properties: Tree, name: str) -> str | None:
    flags = row.get("flags")
    if (isinstance(flags, list) and "NETWORK" in flags) or name.startswith(_NETWORK):
        return "network"
    if name.startswith("bluez_"):
        return "bluetooth"
    if bus := _text(properties, "device.bus"):
        return bus
    # Some versions put the bus on the card alone: its path tells it too.
    path = _text(properties, "device.bus_path") or ""
    return "usb" if "-usb" in path else "pci" if path.startswith("pci-") else None


def _id(properties: Tree) -> str | None:
    """Written `0x046d` or `046d`."""
    found = [
        re.fullmatch(r"(?:0x)?([0-9a-f]{4})", _text(properties, f"device.{part}.id") or "", re.ASCII)
        for part in ("vendor", "product")
    ]
    return ":".join(each[1] for each in found if each) if all(found) else None


def _loudest(volume: Tree) -> float | None:
    """65536 is full."""
    values = [_part(volume, channel).get("value") for channel in volume]
    known = [v for v in values if isinstance(v, int) and not isinstance(v, bool) and 0 <= v < 2**32]
    return round(max(known) / 65536, 4) if known else None


def parse_endpoints_text(text: str, flow: str) -> list[Endpoint]:
    """`pactl list sinks` or `sources` without JSON: of one tab the fields, of two what belongs to the field above."""
    endpoints = []
    for number, block in enumerate(re.split(r"^(?:Sink|Source) #\d{1,10}$", text, flags=re.MULTILINE)[1:]):
        row: Tree = {"properties": {}, "ports": [], "volume": {}}
        above = ""
        for line in block.splitlines():
            if line.startswith("\t\t"):
                _below(row, above, line.strip())
            elif line.startswith("\t") and not line[1:2].isspace():
                above, _, value = line.strip().partition(":")
                _field(row, above, value.strip())
        name = _text(row, "name")
        if name is None:
            raise ValueError(f"pactl list {flow}s: entry {number}: no name")
        endpoints.append(_endpoint(row, name, flow))
    if not endpoints and text.strip():
        raise ValueError(f"pactl list {flow}s: no endpoint in the whole output")
    return endpoints


def _field(row: Tree, name: str, value: str) -> None:
    if name in ("State", "Name", "Description"):
        row[name.lower()] = value
    elif name == "Active Port":
        row["active_port"] = value
    elif name == "Flags":
        row["flags"] = value.split()
    elif name == "Mute":
        row["mute"] = {"yes": True, "no": False}.get(value)
    elif name == "Volume":  # `front-left: 65536 / 100% / 0.00 dB,   front-right: …`
        found = re.findall(r"([\w-]{1,40}): +(\d{1,10}) /", value[:4000], re.ASCII)
        row["volume"] = {channel: {"value": int(number)} for channel, number in found}


def _below(row: Tree, above: str, line: str) -> None:
    if above == "Properties":
        name, equals, value = line.partition(" = ")
        if equals:
            row["properties"][name] = value.removeprefix('"').removesuffix('"')
    elif above == "Ports":  # `analog-output-lineout: Line Out (type: Line, priority: 9000, not available)`
        words = line.rstrip(")").rpartition(", ")[2]
        row["ports"].append({"name": line.partition(": ")[0], "availability": words})


def parse_wpctl_status(text: str) -> list[Listed]:
    """The sinks and sources below `Audio`. Newer versions call the sections `Sinks:` too, and add `Filters:`."""
    lines = text.splitlines()
    if "Audio" not in lines:
        raise ValueError("wpctl status: no part `Audio`")
    listed: list[Listed] = []
    flow: str | None = None
    for line in lines[lines.index("Audio") + 1 :]:
        if not line.strip():
            break  # the next part is video
        if heading := re.match(r"^\s*[├└]─ (.+):$", line):
            flow = {"Sinks": "sink", "Sources": "source"}.get(heading[1])
        elif flow and (row := _WPCTL_ROW.match(line[:400].rstrip())):
            volume = row["volume"]
            listed.append(
                Listed(
                    id=int(row["id"]),
                    flow=flow,
                    description=row["name"],
                    is_default=row["default"] is not None,
                    volume_ratio=float(volume) if volume else None,
                    is_muted=row["muted"] is not None,
                )
            )
    return listed


def parse_dump(text: str) -> tuple[Server, list[Endpoint]]:
    """`pw-dump`: the graph's nodes and its `default` metadata. Monitors are ports there, not nodes."""
    objects = _load(text, "pw-dump")
    if not isinstance(objects, list):
        raise ValueError("pw-dump: no JSON list")
    endpoints: list[Endpoint] = []
    defaults: dict[str, str | None] = {}
    for entry in objects:
        if not isinstance(entry, dict):
            continue
        kind = _text(entry, "type")
        if kind == "PipeWire:Interface:Node":
            endpoints += _nodes(_part(entry, "info"))
        elif (
            kind == "PipeWire:Interface:Metadata"
            and _text(_part(entry, "props"), "metadata.name") == "default"
        ):
            rows = entry.get("metadata")
            for row in rows if isinstance(rows, list) else []:
                if isinstance(row, dict) and (key := _text(row, "key")):
                    defaults[key] = _text(_part(row, "value"), "name")
    server = Server(
        name="PipeWire",
        default_sink=defaults.get("default.audio.sink"),
        default_source=defaults.get("default.audio.source"),
    )
    return server, endpoints


def _nodes(info: Tree) -> list[Endpoint]:
    properties = _part(info, "props")
    media, name = _text(properties, "media.class"), _text(properties, "node.name")
    flow = _FLOWS.get((media or "").removesuffix("/Virtual"))
    if flow is None or name is None:
        return []
    params = _part(info, "params").get("Props")
    first = params[0] if isinstance(params, list) and params and isinstance(params[0], dict) else {}
    volumes = first.get("channelVolumes")
    loud = [
        float(v)
        for v in (volumes if isinstance(volumes, list) else [])
        if isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v <= 1000
    ]
    return [
        Endpoint(
            name=name,
            flow=flow,
            description=_text(properties, "node.description"),
            state=(_text(info, "state") or "").upper() or None,
            card=_digits(properties, "alsa.card", "api.alsa.pcm.card", "api.alsa.card"),
            device=_digits(properties, "alsa.device", "api.alsa.pcm.device"),
            bus=_bus({}, properties, name),
            is_muted=_truth(first, "mute"),
            # PipeWire keeps the amplitude; what people and pactl call the volume is its cube root.
            volume_ratio=round(max(loud) ** (1 / 3), 4) if loud else None,
        )
    ]


def _load(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{where}: no JSON") from None


def _part(tree: Tree, name: str) -> Tree:
    value = tree.get(name)
    return value if isinstance(value, dict) else {}


def _text(tree: Tree, name: str) -> str | None:
    value = tree.get(name)
    if not isinstance(value, str) or value == NOT_WRITTEN:
        return None
    return value.strip() or None


def _digits(tree: Tree, *names: str) -> str | None:
    """The first of them that is there: a number here, text there."""
    found = (str(tree[name]).strip() for name in names if isinstance(tree.get(name), (str, int)))
    return next((value for value in found if re.fullmatch(r"\d{1,3}", value, re.ASCII)), None)


def _truth(tree: Tree, name: str) -> bool | None:
    value = tree.get(name)
    return value if isinstance(value, bool) else None
