"""Volumes by the system's own calls, in the form of Win32_Volume's rows: asked each minute, and WMI would cost the
resident agent 12 MB."""

import sys

from agent.probe import Unavailable
from agent.windows import Row

_LETTERS = 32768  # a path of the longest kind
_FAIL_WITHOUT_ASKING = (
    0x8001  # SEM_FAILCRITICALERRORS, SEM_NOOPENFILEERRORBOX: no window for a drive without a disc
)


def volumes() -> list[Row]:
    if sys.platform != "win32":
        raise Unavailable("volumes are there on Windows only")
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel.FindFirstVolumeW.restype = wintypes.HANDLE
    kernel.FindNextVolumeW.argtypes = (wintypes.HANDLE, wintypes.LPWSTR, wintypes.DWORD)
    kernel.FindVolumeClose.argtypes = (wintypes.HANDLE,)
    name = ctypes.create_unicode_buffer(64)  # `\\?\Volume{…}\` has 49 letters
    former = wintypes.DWORD()
    kernel.SetThreadErrorMode(_FAIL_WITHOUT_ASKING, ctypes.byref(former))
    search = kernel.FindFirstVolumeW(name, len(name))
    if search in (None, wintypes.HANDLE(-1).value):
        raise Unavailable(f"Windows lists no volumes ({ctypes.get_last_error()})")
    try:
        rows = [_row(name.value)]
        while kernel.FindNextVolumeW(search, name, len(name)):
            rows.append(_row(name.value))
    finally:
        kernel.FindVolumeClose(search)
        kernel.SetThreadErrorMode(former, None)
    return rows


def _row(guid: str) -> Row:
    if sys.platform != "win32":
        return {}
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    path = _mount_point(guid) or guid
    row: dict[str, object] = {"deviceid": guid, "name": path, "drivetype": kernel.GetDriveTypeW(path)}
    label, kind = ctypes.create_unicode_buffer(261), ctypes.create_unicode_buffer(261)
    if kernel.GetVolumeInformationW(path, label, len(label), None, None, None, kind, len(kind)):
        row |= {"label": label.value, "filesystem": kind.value}
    available, size = wintypes.ULARGE_INTEGER(), wintypes.ULARGE_INTEGER()
    # Fails for one that BitLocker keeps locked: then it has no numbers.
    if kernel.GetDiskFreeSpaceExW(path, ctypes.byref(available), ctypes.byref(size), None):
        row |= {"capacity": size.value, "freespace": available.value}
    return row


def _mount_point(guid: str) -> str | None:
    """The shortest of its paths: the letter, where it has one beside folders."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    paths, length = ctypes.create_unicode_buffer(_LETTERS), wintypes.DWORD()
    done = ctypes.WinDLL("kernel32").GetVolumePathNamesForVolumeNameW(
        guid, paths, len(paths), ctypes.byref(length)
    )
    found = [path for path in paths[: length.value].split("\0") if path] if done else []
    return min(found, key=lambda path: (len(path), path), default=None)
