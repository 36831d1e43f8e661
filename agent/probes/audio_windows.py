r"""Obtains what audio.py tells on Windows: the endpoints of HKLM\…\MMDevices\Audio, and the Core Audio API.

Traps this reader knows: the registry keeps every endpoint there ever was; newer versions put flags above the
lowest four bits of its state; for calls Windows keeps a default of its own, which conferencing programs take.
Whether a microphone is in use stands in no place that could be trusted: the ConsentStore names programs, not
endpoints, and a program that crashed stays there as recording.
"""

import re
from typing import Final

from agent.probe import Place, Taken, Unavailable
from agent.probes import audio_facts
from agent.probes.audio_facts import ACTIVE, MICROPHONE, SPEAKER, UNPLUGGED, Default, Endpoint
from agent.probes.usb import socket_of_location
from agent.windows import Sound, Sources, Value, rows
from agent.windows.live import sources

_AUDIO: Final = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\MMDevices\Audio"
_FLOWS: Final = {"Render": SPEAKER, "Capture": MICROPHONE}
_NOT_PRESENT: Final = "not_present"
_STATES: Final = {1: ACTIVE, 2: "disabled", 4: _NOT_PRESENT, 8: UNPLUGGED}

# Property keys, as value names.
_NAME: Final = "{a45c254e-df1c-4efd-8020-67d146a850e0},2"  # Speakers
_ENUMERATOR: Final = "{a45c254e-df1c-4efd-8020-67d146a850e0},24"  # USB
_ADAPTER: Final = "{b3f8fa53-0004-438e-9003-51a46e139bfc},6"  # Jabra SPEAK 510
_DEVICE: Final = r"{b3f8fa53-0004-438e-9003-51a46e139bfc},2"  # {1}.USB\VID_0B0E&PID_0422&MI_00\7&1A2B&0&0000

_BUSES: Final = {"USB": "usb", "HDAUDIO": "pci", "INTELAUDIO": "pci", "PCI": "pci", "SOUNDWIRE": "pci"}
_IDS: Final = (
    re.compile(r"VID_([0-9A-F]{4})&PID_([0-9A-F]{4})", re.ASCII),
    re.compile(r"VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})", re.ASCII),
)


def read(place: Place) -> Taken:
    source = sources(place)
    lost: list[str] = []
    try:
        sound = source.sound()
    except (Unavailable, OSError) as error:
        sound = None
        lost.append(f"no defaults and volumes: {error}")
    endpoints = _endpoints(source, place.room is not None, sound)
    return audio_facts.taken(endpoints, _defaults(sound, endpoints), "; ".join(lost))


def _endpoints(source: Sources, serves_room: bool, sound: Sound | None) -> list[Endpoint]:
    levels = {_key(level.endpoint): level for level in (sound.levels if sound else ())}
    sockets = _Sockets(source)
    found, is_there = [], False
    for branch, flow in _FLOWS.items():
        names = source.subkeys(rf"{_AUDIO}\{branch}")
        is_there = is_there or names is not None
        for name in names or ():
            state = _state((source.values(rf"{_AUDIO}\{branch}\{name}") or {}).get("DeviceState"))
            # What was pulled out stays in the registry for good. Only a room's parts are missed by it.
            if state == _NOT_PRESENT and not serves_room:
                continue
            properties = source.values(rf"{_AUDIO}\{branch}\{name}\Properties") or {}
            device = _text(properties, _DEVICE).partition(".")[2].upper()
            bus = _bus(_text(properties, _ENUMERATOR), device)
            level = levels.get(_key(name))
            found.append(
                Endpoint(
                    key=_key(name),
                    flow=flow,
                    # People give their headphones their own names.
                    name=_name(properties) if serves_room or bus != "bluetooth" else None,
                    bus=bus,
                    id=_id(device),
                    usb_path=sockets.of(device),
                    state=state,
                    muted=level.is_muted if level else None,
                    volume_ratio=level.volume_ratio if level else None,
                )
            )
    if not is_there:
        raise Unavailable("this Windows keeps no list of sound endpoints")
    return found


def _defaults(sound: Sound | None, endpoints: list[Endpoint]) -> list[Default]:
    names = {endpoint.key: endpoint.name for endpoint in endpoints}
    if sound is None:
        return [Default(role=role) for flow in _FLOWS.values() for role in (flow, f"{flow}_communications")]
    made = []
    for told in sound.defaults:
        flow = SPEAKER if told.flow == "render" else MICROPHONE
        role = f"{flow}_communications" if told.is_for_calls else flow
        if told.endpoint is None:
            made.append(audio_facts.none(role, endpoints))
        else:
            key = _key(told.endpoint)
            made.append(Default(role=role, endpoint=key, name=names.get(key)))
    return made


class _Sockets:
    """Where USB devices are plugged in. Empty where the tree says nothing; read when the first is asked for."""

    def __init__(self, source: Sources) -> None:
        self._source = source
        self._found: dict[str, str] | None = None

    def of(self, device: str) -> str | None:
        if not device.startswith("USB\\"):
            return None
        if self._found is None:
            self._found = {}
            try:
                devices = self._source.devices("USB")
            except (Unavailable, OSError):
                devices = []
            for row in devices:
                if socket := socket_of_location(rows.text(row, "location") or ""):
                    self._found[(rows.text(row, "id") or "").upper()] = socket
        return self._found.get(device)


def _key(identity: str) -> str:
    """The GUID: of `{0.0.1.00000000}.{guid}`, as the API names an endpoint, and of the registry's key."""
    return identity.rpartition(".")[2].lower()


def _state(value: Value) -> str | None:
    return _STATES.get(value & 0xF) if isinstance(value, int) else None


def _name(properties: dict[str, Value]) -> str | None:
    """As the system's own pages write it."""
    name, adapter = _text(properties, _NAME), _text(properties, _ADAPTER)
    return f"{name} ({adapter})" if name and adapter else name or adapter or None


def _bus(enumerator: str, device: str) -> str | None:
    word = (enumerator or device.partition("\\")[0]).upper()
    return "bluetooth" if word.startswith("BTH") else _BUSES.get(word)


def _id(device: str) -> str | None:
    found = next((match for pattern in _IDS if (match := pattern.search(device))), None)
    return f"{found[1]}:{found[2]}".lower() if found else None


def _text(properties: dict[str, Value], name: str) -> str:
    """Value names are written in either case."""
    value = next((value for key, value in properties.items() if key.lower() == name), "")
    return value.strip() if isinstance(value, str) else ""
