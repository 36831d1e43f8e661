"""WMI through its own interfaces (IWbemLocator, IWbemServices), not through the scripting layer above them.

The scripting layer leaks handles and keeps names half known; these interfaces are the same on every Windows.
"""

import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final, TypeVar

from agent.probe import Unavailable
from agent.windows import Row, com

T = TypeVar("T")

LIMIT_SECONDS: Final = 60.0
_one_at_a_time: Final = threading.Lock()

_LOCATOR: Final = "{4590F811-1D3A-11D0-891F-00AA004B2E24}"
_FORWARD_ONLY_AND_AT_ONCE: Final = 0x20 | 0x10
_MAX_WAIT: Final = 0x80  # a connection is given up after two minutes
_NO_SYSTEM_PROPERTIES: Final = 0x40
_TIMED_OUT: Final = 0x40004
_NO_MORE_DATA: Final = 0x40005

# CoSetProxyBlanket: encryption, because BitLocker's classes answer nothing less, and impersonation, because
# providers look as the caller does.
_AUTHN_DEFAULT: Final = 0xFFFFFFFF
_PACKET_PRIVACY: Final = 6
_IMPERSONATE: Final = 3

_UINT32, _ARRAY, _OBJECT = 19, 0x2000, 13  # CIM types

_WORDS: Final = {
    0x80041002: "there is no such object",
    0x80041003: "access is denied",
    0x8004100C: "it is not supported here",
    0x8004100E: "there is no such namespace",
    0x80041010: "there is no such class",
    0x80041013: "its provider could not be loaded",
    0x80041014: "its provider did not start",
    0x8004102E: "there is no such method",
    0x80041033: "WMI is shutting down",
    0x80041055: "the method is not implemented here",
}
_LATE: Final = 0x80041069


def query(
    namespace: str, class_name: str, where: str = "", limit_seconds: float = LIMIT_SECONDS
) -> list[Row]:
    """All instances. Raises TimeoutError when they did not all come within the limit."""
    wanted = f"SELECT * FROM {class_name}" + (f" WHERE {where}" if where else "")  # noqa: S608 (literals of the probes)
    what = f"{class_name} in {namespace}"
    return _ask(what, lambda: _select(namespace, wanted, what, limit_seconds))


def execute(namespace: str, path: str, method: str) -> Row:
    """Run a method without arguments; what it gives, `returnvalue` among it."""
    what = f"{method} of {path} in {namespace}"
    return _ask(what, lambda: _execute(namespace, path, method))


def _ask(what: str, work: Callable[[], T]) -> T:
    if sys.platform != "win32":
        raise Unavailable("WMI is there on Windows only")
    # One question at a time: nothing is gained by two, and a provider that is not safe for threads (wine's
    # is not: it read where nothing was, once in some hundred times) takes the process with it.
    with _one_at_a_time, com.apartment():
        from comtypes import COMError

        problem: Exception
        try:
            return work()
        # The exception goes before the apartment does: its traceback holds COM objects.
        except COMError as error:
            problem = _failure(what, error.hresult)
        except TimeoutError as error:
            problem = TimeoutError(str(error))
        except OSError as error:
            problem = _failure(what, error.winerror) if error.winerror else OSError(str(error))
    raise problem


def _failure(what: str, code: int) -> Exception:
    code = com.unsigned(code)
    if code == _LATE:
        return TimeoutError(f"WMI did not answer for {what} ({com.named(code)})")
    if code in _WORDS:
        return Unavailable(f"{what}: {_WORDS[code]} ({com.named(code)})")
    return com.failure(f"WMI, {what}", code)


def _select(namespace: str, wanted: str, what: str, limit_seconds: float) -> list[Row]:
    from ctypes import byref

    faces = interfaces()
    ends_at = time.monotonic() + limit_seconds
    services = _connect(namespace)
    found = faces.pointer(faces.enumerator)
    services.ExecQuery("WQL", wanted, _FORWARD_ONLY_AND_AT_ONCE, None, byref(found))
    _secure(found)
    return fetch(found, what, ends_at)


def fetch(found: Any, what: str, ends_at: float) -> list[Row]:
    """Every row an enumerator gives until a moment of the monotonic clock."""
    from ctypes import byref

    faces = interfaces()
    rows: list[Row] = []
    while True:
        one, count = faces.pointer(faces.instance), faces.count()
        left = max(0, round((ends_at - time.monotonic()) * 1000))
        status = com.unsigned(found.Next(left, 1, byref(one), byref(count)))
        if status == _TIMED_OUT:
            raise TimeoutError(f"WMI did not answer in time for {what}")
        if not count.value:
            return rows
        rows.append(_row(one))


def _execute(namespace: str, path: str, method: str) -> Row:
    from ctypes import byref

    faces = interfaces()
    services = _connect(namespace)
    given = faces.pointer(faces.instance)
    services.ExecMethod(path, method, 0, None, None, byref(given), None)
    return _row(given) if given else {}


def _connect(namespace: str) -> Any:
    from ctypes import byref

    from comtypes import GUID, CoCreateInstance

    faces = interfaces()
    locator = CoCreateInstance(GUID(_LOCATOR), faces.locator)
    services = faces.pointer(faces.services)
    locator.ConnectServer(namespace, None, None, None, _MAX_WAIT, None, None, byref(services))
    _secure(services)
    return services


def _secure(proxy: Any) -> None:
    """Where it cannot be set the object is in this process, or the next call says that access is denied."""
    if sys.platform == "win32":
        import ctypes

        ctypes.windll.ole32.CoSetProxyBlanket(
            proxy, ctypes.c_uint32(_AUTHN_DEFAULT), 0, None, _PACKET_PRIVACY, _IMPERSONATE, None, 0
        )


def _row(instance: Any) -> Row:
    """Its properties by lower-case names; those without a value are left out."""
    from ctypes import byref

    faces = interfaces()
    row: dict[str, object] = {}
    instance.BeginEnumeration(_NO_SYSTEM_PROPERTIES)
    while True:
        name, value, kind = faces.text(), faces.variant(), faces.number()
        status = instance.Next(0, byref(name), byref(value), byref(kind), None)
        if com.unsigned(status) == _NO_MORE_DATA or not name.value:
            return row
        if kind.value & ~_ARRAY == _OBJECT:
            continue  # an object within the object: no probe wants one
        told = plain(value.value, kind.value)
        if told is not None:
            row[name.value.lower()] = told


def plain(value: object, kind: int) -> object:
    """COM hands unsigned numbers of 32 bits over as signed ones."""
    if isinstance(value, (list, tuple)):
        return tuple(plain(each, kind & ~_ARRAY) for each in value)
    if isinstance(value, int) and not isinstance(value, bool) and kind == _UINT32:
        return value & 0xFFFFFFFF
    return value


class _Interfaces:
    """What comtypes needs to know of WMI. Made at first use: comtypes is there on Windows only."""

    def __init__(self) -> None:
        from ctypes import POINTER, c_long, c_ulong, c_void_p, c_wchar_p

        from comtypes import BSTR, COMMETHOD, GUID, HRESULT, IUnknown
        from comtypes.automation import VARIANT

        def interface(name: str, iid: str, *methods: tuple[Any, ...]) -> Any:
            table = [
                COMMETHOD([], HRESULT, method, *((["in"], kind, f"a{n}") for n, kind in enumerate(kinds)))
                for method, *kinds in methods
            ]
            return type(IUnknown)(name, (IUnknown,), {"_iid_": GUID(iid), "_methods_": table})

        # A method that is never called is named only for its place in the table.
        self.instance = interface(
            "IWbemClassObject",
            "{DC12A681-737F-11CF-884D-00AA004B2E24}",
            ("GetQualifierSet",),
            ("Get", c_wchar_p, c_long, POINTER(VARIANT), POINTER(c_long), POINTER(c_long)),
            ("Put",),
            ("Delete",),
            ("GetNames",),
            ("BeginEnumeration", c_long),
            ("Next", c_long, POINTER(BSTR), POINTER(VARIANT), POINTER(c_long), POINTER(c_long)),
        )
        one = POINTER(POINTER(self.instance))
        self.enumerator = interface(
            "IEnumWbemClassObject",
            "{027947E1-D731-11CE-A357-000000000001}",
            ("Reset",),
            ("Next", c_long, c_ulong, one, POINTER(c_ulong)),
        )
        self.services = interface(
            "IWbemServices",
            "{9556DC99-828C-11CF-A37E-00AA003240C7}",
            *((name,) for name in _BEFORE_EXEC_QUERY.split()),
            ("ExecQuery", BSTR, BSTR, c_long, c_void_p, POINTER(POINTER(self.enumerator))),
            ("ExecQueryAsync",),
            ("ExecNotificationQuery",),
            ("ExecNotificationQueryAsync",),
            ("ExecMethod", BSTR, BSTR, c_long, c_void_p, c_void_p, one, c_void_p),
        )
        self.locator = interface(
            "IWbemLocator",
            "{DC12A687-737F-11CF-884D-00AA004B2E24}",
            (
                "ConnectServer",
                *(BSTR, BSTR, BSTR, BSTR, c_long, BSTR, c_void_p, POINTER(POINTER(self.services))),
            ),
        )
        self.text, self.variant, self.number, self.count = BSTR, VARIANT, c_long, c_ulong

    def pointer(self, kind: Any) -> Any:
        from ctypes import POINTER

        return POINTER(kind)()


_BEFORE_EXEC_QUERY: Final = """
    OpenNamespace CancelAsyncCall QueryObjectSink GetObject GetObjectAsync PutClass PutClassAsync DeleteClass
    DeleteClassAsync CreateClassEnum CreateClassEnumAsync PutInstance PutInstanceAsync DeleteInstance
    DeleteInstanceAsync CreateInstanceEnum CreateInstanceEnumAsync
"""


@cache
def interfaces() -> _Interfaces:
    return _Interfaces()
