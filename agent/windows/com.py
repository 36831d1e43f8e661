"""COM for one piece of work: entered on the thread that works, left when its objects are gone."""

import contextlib
import sys
from collections.abc import Iterator
from typing import Final

from agent.probe import Unavailable

_MULTITHREADED: Final = 0
_CHANGED_MODE: Final = (
    0x80010106  # somebody entered this thread's COM in the other way: it works all the same
)

# The reasons that can stand behind any COM source. What is not here is a failure and not a missing source.
_ABSENT: Final = {
    0x80004001: "this system does not implement it",
    0x80040154: "it is not installed",
    0x800401F3: "it is not installed",
    0x80070005: "access is denied",
    0x80070422: "its service is disabled",
    0x800706BA: "its service does not answer",
}


@contextlib.contextmanager
def apartment() -> Iterator[None]:
    """COM on this thread. Every COM object made inside must be gone before the end: keep none in a name outside.

    An exception that passes may hold some in its traceback: then COM is not left, and ends with the thread.
    """
    if sys.platform != "win32":
        raise Unavailable("this is not Windows")
    import ctypes

    # comtypes and pywin32 enter COM when they are loaded; they read this to know how.
    sys.__dict__.setdefault("coinit_flags", _MULTITHREADED)
    ole32 = ctypes.windll.ole32
    entered = unsigned(ole32.CoInitializeEx(None, _MULTITHREADED))
    if entered & 0x80000000 and entered != _CHANGED_MODE:
        raise OSError(f"COM could not be entered ({named(entered)})")
    yield
    if entered != _CHANGED_MODE:
        ole32.CoUninitialize()


def unsigned(code: int) -> int:
    """An HRESULT as documents write it."""
    return code & 0xFFFFFFFF


def named(code: int) -> str:
    return f"0x{unsigned(code):08X}"


def failure(what: str, code: int) -> Exception:
    """The exception for a call to `what` that ended with the HRESULT `code`."""
    words = _ABSENT.get(unsigned(code))
    if words is None:
        return OSError(f"{what} failed ({named(code)})")
    return Unavailable(f"{what}: {words} ({named(code)})")
