"""The Core Audio API: which endpoints programs use if nobody chooses, and how loud those are set.

It is only asked: endpoints are listed, the volume control of each is read. No audio client is made, so no stream
is opened. The service's session has no endpoints of its own: what it is told are the device's.
"""

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from agent.probe import Unavailable
from agent.windows import Sound, SoundDefault, SoundLevel, com

_ENUMERATOR: Final = "{BCDE0395-E52F-467C-8E3D-C4579291692E}"
_FLOWS: Final = {"render": 0, "capture": 1}
_CONSOLE, _COMMUNICATIONS = 0, 2
_ACTIVE: Final = 1
_EVERYWHERE: Final = 0x17  # CLSCTX_ALL
_NOT_FOUND: Final = 0x80070490  # E_NOTFOUND: there is no endpoint to choose
_WORDS: Final = {
    0x80070490: "no such endpoint",
    0x80070006: "the audio service does not run",
    0x80070426: "the audio service does not run",
    0x88890010: "the audio service does not run",
}


def ask() -> Sound:
    if sys.platform != "win32":
        raise Unavailable("the Core Audio API is there on Windows only")
    with com.apartment():
        from comtypes import COMError

        problem: Exception
        try:
            return _ask()
        # The exception goes before the apartment does: its traceback holds COM objects.
        except COMError as error:
            problem = _failure(error.hresult)
        except OSError as error:
            problem = _failure(error.winerror) if error.winerror else OSError(str(error))
    raise problem


def _failure(code: int) -> Exception:
    words = _WORDS.get(com.unsigned(code))
    if words:
        return Unavailable(f"Core Audio: {words} ({com.named(code)})")
    return com.failure("Core Audio", code)


def _ask() -> Sound:
    from comtypes import GUID, CoCreateInstance

    enumerator = CoCreateInstance(GUID(_ENUMERATOR), _interfaces().enumerator)
    return Sound(
        defaults=tuple(
            SoundDefault(
                flow=flow, is_for_calls=role == _COMMUNICATIONS, endpoint=_default(enumerator, number, role)
            )
            for flow, number in _FLOWS.items()
            for role in (_CONSOLE, _COMMUNICATIONS)
        ),
        levels=tuple(level for number in _FLOWS.values() for level in _levels(enumerator, number)),
    )


def _default(enumerator: Any, flow: int, role: int) -> str | None:
    from ctypes import byref

    from comtypes import COMError

    device = _interfaces().pointer(_interfaces().device)
    try:
        enumerator.GetDefaultAudioEndpoint(flow, role, byref(device))
    except COMError as error:
        if com.unsigned(error.hresult) == _NOT_FOUND:
            return None
        raise
    return _id(device) if device else None


def _levels(enumerator: Any, flow: int) -> Iterator[SoundLevel]:
    from ctypes import byref

    from comtypes import COMError

    faces = _interfaces()
    devices, count = faces.pointer(faces.devices), faces.unsigned()
    enumerator.EnumAudioEndpoints(flow, _ACTIVE, byref(devices))
    devices.GetCount(byref(count))
    for number in range(count.value):
        device = faces.pointer(faces.device)
        try:
            devices.Item(number, byref(device))
            yield _level(device)
        except COMError:  # pulled out meanwhile, or without a volume: it has no level then
            continue


def _level(device: Any) -> SoundLevel:
    from ctypes import POINTER, byref, c_void_p, cast

    faces = _interfaces()
    given = c_void_p()
    device.Activate(byref(faces.volume._iid_), _EVERYWHERE, None, byref(given))
    volume = cast(given, POINTER(faces.volume))
    scalar, muted = faces.scalar(), faces.truth()
    volume.GetMasterVolumeLevelScalar(byref(scalar))
    volume.GetMute(byref(muted))
    return SoundLevel(
        endpoint=_id(device),
        volume_ratio=round(min(max(scalar.value, 0.0), 1.0), 4),
        is_muted=bool(muted.value),
    )


def _id(device: Any) -> str:
    from ctypes import byref, c_void_p, wstring_at

    given = c_void_p()
    device.GetId(byref(given))
    if not given.value:
        return ""
    try:
        return wstring_at(given.value)
    finally:
        _interfaces().free(given)


class _Interfaces:
    """What comtypes needs to know of Core Audio. Made at first use: comtypes is there on Windows only."""

    def __init__(self) -> None:
        import ctypes
        from ctypes import POINTER, c_float, c_int, c_uint32, c_void_p

        from comtypes import COMMETHOD, GUID, HRESULT, IUnknown

        def interface(name: str, iid: str, *methods: tuple[Any, ...]) -> Any:
            table = [
                COMMETHOD([], HRESULT, method, *((["in"], kind, f"a{n}") for n, kind in enumerate(kinds)))
                for method, *kinds in methods
            ]
            return type(IUnknown)(name, (IUnknown,), {"_iid_": GUID(iid), "_methods_": table})

        # A method that is never called is named only for its place in the table.
        self.volume = interface(
            "IAudioEndpointVolume",
            "{5CDF2C82-841E-4546-9722-0CF74078229A}",
            *((name,) for name in ["Register", "Unregister", "Channels", "Place4", "Place5", "Decibels"]),
            ("GetMasterVolumeLevelScalar", POINTER(c_float)),
            *((name,) for name in ["Place8", "Place9", "ChannelDecibels", "ChannelScalar", "Place12"]),
            ("GetMute", POINTER(c_int)),
        )
        self.device = interface(
            "IMMDevice",
            "{D666063F-1587-4E43-81F1-B948E807363F}",
            ("Activate", c_void_p, c_uint32, c_void_p, POINTER(c_void_p)),
            ("Properties",),
            ("GetId", POINTER(c_void_p)),
        )
        one = POINTER(POINTER(self.device))
        self.devices = interface(
            "IMMDeviceCollection",
            "{0BD7A1BE-7A1A-44DB-8397-CC5392387B5E}",
            ("GetCount", POINTER(c_uint32)),
            ("Item", c_uint32, one),
        )
        self.enumerator = interface(
            "IMMDeviceEnumerator",
            "{A95664D2-9614-4F35-A746-DE8DB63617E6}",
            ("EnumAudioEndpoints", c_int, c_uint32, POINTER(POINTER(self.devices))),
            ("GetDefaultAudioEndpoint", c_int, c_int, one),
        )
        self.unsigned, self.scalar, self.truth = c_uint32, c_float, c_int
        self.free = ctypes.windll.ole32.CoTaskMemFree  # type: ignore[attr-defined,unused-ignore]

    def pointer(self, kind: Any) -> Any:
        from ctypes import POINTER

        return POINTER(kind)()


@cache
def _interfaces() -> _Interfaces:
    return _Interfaces()
