"""The registry, as 64-bit and as 32-bit programs see it. Only ever opened for reading."""

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from agent.probe import Unavailable
from agent.windows import Value

T = TypeVar("T")

_NO_MORE_ITEMS: Final = 259
_KEY_DELETED: Final = 1018
_BIG_ENDIAN: Final = 5  # REG_DWORD_BIG_ENDIAN, which winreg hands over as bytes


def values(path: str, view: int = 64) -> dict[str, Value] | None:
    """Names as written; None: there is no such key."""
    found = _each("EnumValue", path, view)
    return None if found is None else {name: _value(data, kind) for name, data, kind in found}


def subkeys(path: str, view: int = 64) -> list[str] | None:
    return _each("EnumKey", path, view)


def written_at(path: str, view: int = 64) -> datetime | None:
    return _opened(path, view, lambda key: moment(_winreg().QueryInfoKey(key)[2]))


def moment(ticks: int) -> datetime | None:
    """A FILETIME: tenths of a microsecond since 1601. 0 is no time."""
    return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10) if ticks else None


def _each(function: str, path: str, view: int) -> list[Any] | None:
    """What `function` gives of the key, one by one to the end: a count taken before may be wrong by then."""

    def all_of(key: Any) -> list[Any]:
        found: list[Any] = []
        try:
            while True:
                found.append(getattr(_winreg(), function)(key, len(found)))
        except OSError as error:
            if getattr(error, "winerror", None) == _NO_MORE_ITEMS:
                return found
            raise

    return _opened(path, view, all_of)


def _winreg() -> Any:
    if sys.platform != "win32":
        raise Unavailable("the registry is there on Windows only")
    import winreg

    return winreg


def _opened(path: str, view: int, work: Callable[[Any], T]) -> T | None:
    winreg = _winreg()
    roots = {"HKLM": winreg.HKEY_LOCAL_MACHINE, "HKU": winreg.HKEY_USERS}
    views = {64: winreg.KEY_WOW64_64KEY, 32: winreg.KEY_WOW64_32KEY}
    root, _, below = path.partition("\\")
    try:
        with winreg.OpenKey(roots[root.upper()], below, 0, winreg.KEY_READ | views[view]) as key:
            return work(key)
    except FileNotFoundError:
        return None
    except PermissionError:
        raise Unavailable(f"the registry key {path} may not be read") from None
    except OSError as error:
        if getattr(error, "winerror", None) == _KEY_DELETED:
            return None
        raise


def _value(data: Any, kind: int) -> Value:
    if kind == _BIG_ENDIAN and isinstance(data, bytes):
        return int.from_bytes(data, "big")
    if isinstance(data, (str, int, bytes, list)):
        return data
    return None
