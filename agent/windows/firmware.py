"""The firmware's own table (SMBIOS), as the system keeps it."""

import sys
from typing import Final

from agent.probe import Unavailable

_SMBIOS: Final = int.from_bytes(b"RSMB", "big")
_HEADER: Final = 8  # version and length


def table() -> bytes:
    if sys.platform != "win32":
        raise Unavailable("Windows' firmware table is there on Windows only")
    import ctypes

    ask = ctypes.WinDLL("kernel32").GetSystemFirmwareTable
    room = ask(_SMBIOS, 0, None, 0)
    data = ctypes.create_string_buffer(max(room, 1))
    if ask(_SMBIOS, 0, data, room) != room or room <= _HEADER:
        raise Unavailable("Windows gives no table of the firmware")
    return data.raw[_HEADER:room]
