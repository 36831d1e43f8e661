"""Whether a time service keeps this device's clock, and how far off it thinks it is.

Source: Linux the kernel's own clock discipline (adjtimex with nothing to set); which service and server by the service's files, `chronyc -n -c tracking` or `timedatectl show-timesync`, once an hour. Windows: `w32tm /query /status /verbose` and the settings of W32Time in the registry, each hour; no packet is sent.
Rights: none.
Cost: Linux under 1 ms; Windows 50 ms.
Unavailable: the kernel cannot be asked and no time service is seen. Of a captured tree the service is told, not the clock. Windows' time service does not run at the moment, as outside a domain between two looks at the time; switched off is not called unsynchronised, because another program may keep the clock.

The kernel's flag needs no program and is right whichever service runs: chrony, ntpd and systemd-timesyncd all
clear it when they are in step, and the kernel sets it again when nobody steered the clock for long enough.
"""

import ctypes
import os
import sys

from agent.probe import Pace, Place, Probe, Taken, Unavailable, reading
from agent.probes import clock_linux, clock_windows

_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000
_TIME_ERROR = 5


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>, with room at the end: it grew before."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("max_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    ]


def read(place: Place) -> Taken:
    if place.is_windows:
        return clock_windows.read(place)
    source = clock_linux.WATCH.source(place)
    try:
        if not place.is_live:
            raise Unavailable("a captured tree is read: the kernel would tell of another machine")
        result = taken(*ask_kernel())
    except Unavailable as reason:
        if source is None:
            raise
        result = Taken(reason=str(reason))
    if source is not None:
        result.sections["time_service"] = [source.item()]
    return result


def ask_kernel() -> tuple[int, int, int, int]:
    """(return value, status, offset, estimated error); modes stays 0, so nothing is changed."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        answer = _Timex()
        state = library.adjtimex(ctypes.byref(answer))
    except (AttributeError, OSError, TypeError) as error:
        raise Unavailable("this system has no adjtimex") from error
    if state < 0:
        raise Unavailable(f"the kernel does not tell of its clock: {os.strerror(ctypes.get_errno())}")
    return state, answer.status, answer.offset, answer.estimated_error


def taken(state: int, status: int, offset: int, estimated_error: int) -> Taken:
    synchronised = state != _TIME_ERROR and not status & _STA_UNSYNC
    result = Taken(readings=[reading("clock_synchronised_state", synchronised)])
    if synchronised:
        # What is left to correct; without synchronisation it is an old number that means nothing.
        seconds = offset / (1e9 if status & _STA_NANO else 1e6)
        # chrony steers by frequency and leaves offset 0; its estimate of the error then says more.
        result.readings.append(reading("clock_offset_seconds", seconds or estimated_error / 1e6))
    return result


PROBE = Probe(
    name="clock",
    read=read,
    # A program to be started weighs too much for each minute.
    pace=Pace.INVENTORY if sys.platform == "win32" else Pace.SAMPLE,
    limit_seconds=15 if sys.platform == "win32" else 5,
    platforms=("linux", "win32"),
)
