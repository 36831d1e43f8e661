"""A stand-in for the Windows Update Agent: a COM server in process, with data of ours, registered in the prefix.

Wine's own agent implements no search. The agent's code and all of COM between are the real ones; only what is
said is ours, after the maker's documentation. What it says is chosen by the environment, for child processes too.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SCENARIO = "TOCSIN_TEST_UPDATES"

SECURITY = "0FA1201D-4330-4FA8-8AE9-B877473B6441"
CRITICAL = "E6CF1350-C01B-414D-A61F-263D14D133B4"
ROLLUP = "28BC880E-0592-4CBF-8F95-C79B17911D5F"
DEFINITION = "E0789628-CE08-4437-BE74-2495B842F43B"
DRIVER = "EBFC1FC5-71A4-4F7B-9ACA-3B9A503104A0"
UPGRADE = "3689BDC8-B205-4AF4-8D4A-A63924C5E9D5"
UPDATE = "CD5FFD1E-E932-4E3A-BF74-18BF0B1BBD83"
WINDOWS_11 = "72E7624A-5B00-45D2-B92F-E561C0A6A160"  # a product: a category too, and no classification

NO_SERVER = 0x8024402C
STORE_DAMAGED = 0x80073712


def _signed(code: int) -> int:
    return code - (1 << 32) if code & 0x80000000 else code


class _Shown:
    """An object with these attributes, as late-bound clients see it."""

    _public_methods_: list[str] = []

    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)
        self._public_attrs_ = list(attributes)


class _Collection:
    _public_methods_ = ["Item"]
    _public_attrs_ = ["Count"]

    def __init__(self, items: list[object]) -> None:
        self._items = items
        self.Count = len(items)

    def Item(self, number: int) -> object:
        return self._items[number]


def _shown(**attributes: object) -> Any:
    from win32com.server.util import wrap

    return wrap(_Shown(**attributes))


def _collection(items: list[Any]) -> Any:
    from win32com.server.util import wrap

    return wrap(_Collection(items))


def _categories(*ids: str) -> Any:
    return _collection([_shown(CategoryID=each, Name="localised", Type="") for each in ids])


def _update(
    title: str, *categories: str, kb: str = "", kind: int = 1, severity: str = "", optional: bool = False
) -> Any:
    return _shown(
        Title=title,
        Identity=_shown(UpdateID=f"0000ABCD-{len(title):04}-4000-8000-0000{kb or '0':0>8}", RevisionNumber=200),
        Categories=_categories(*categories),
        MsrcSeverity=severity or None,
        Type=kind,
        BrowseOnly=optional,
        IsDownloaded=kb == "5068861",
        RebootRequired=False,
        KBArticleIDs=_collection([kb] if kb else []),
        LastDeploymentChangeTime=datetime(2025, 11, 11, tzinfo=UTC),
    )  # fmt: skip


def _entry(
    days_ago: float, title: str, result: int, *categories: str, code: int = 0, operation: int = 1
) -> Any:
    return _shown(
        Title=title,
        Date=datetime.now(UTC) - timedelta(days=days_ago),
        Operation=operation,
        ResultCode=result,
        HResult=_signed(code),
        UpdateIdentity=_shown(UpdateID="1111ABCD-0000-4000-8000-000000000000", RevisionNumber=1),
        ClientApplicationID="CcmExec",
        Categories=_categories(*categories),
    )


def _offers() -> list[Any]:
    return [
        _update(
            "2025-11 Kumulatives Update für Windows 11 (KB5068861)",
            SECURITY,
            WINDOWS_11,
            kb="5068861",
            severity="Critical",
        ),
        _update("2025-11 Aggiornamento critico (KB5050001)", CRITICAL, kb="5050001"),
        _update("2025-10 .NET Framework (KB5066128)", ROLLUP, kb="5066128"),
        _update("Security Intelligence-Update (KB2267602)", DEFINITION, kb="2267602"),
        _update("Contoso - Display - 31.0.101.5382", DRIVER, kind=2),
        _update("2025-11 Vorschau (KB5070000)", UPDATE, kb="5070000", optional=True),
        _update("Windows 11, version 25H2", UPGRADE),
    ]


def _history() -> list[Any]:
    cumulative = "Kumulatives Update für Windows 11 (KB5044033)"
    return [
        _entry(0.2, "Security Intelligence-Update (KB2267602)", 2, DEFINITION),
        *(_entry(days, f"2025-11 {cumulative}", 4, SECURITY, code=STORE_DAMAGED) for days in (1, 2, 3)),
        _entry(20, "2025-10 Kumulatives Update für Windows 11 (KB5031356)", 2, SECURITY, WINDOWS_11),
        _entry(90, "2025-08 Kumulatives Update für Windows 11 (KB5029351)", 4, SECURITY, code=STORE_DAMAGED),
    ]


class Session:
    _public_methods_ = ["CreateUpdateSearcher"]
    _public_attrs_ = ["ClientApplicationID"]

    def __init__(self) -> None:
        self.ClientApplicationID = ""

    def CreateUpdateSearcher(self) -> Any:
        from win32com.server.util import wrap

        return wrap(Searcher())


class Searcher:
    _public_methods_ = ["Search", "GetTotalHistoryCount", "QueryHistory"]
    _public_attrs_ = ["Online"]
    Online = True

    def Search(self, criteria: str) -> Any:
        _fail_if_wanted()
        if "IsInstalled=0" not in criteria:
            _raise(0x80240032)
        scenario = os.environ.get(SCENARIO)
        return _shown(
            ResultCode=3 if scenario == "with_errors" else 2,
            Updates=_collection(_offers() if scenario in ("offers", "with_errors") else []),
            Warnings=_collection([_shown(Message="")] if scenario == "with_errors" else []),
        )

    def GetTotalHistoryCount(self) -> int:
        return len(_history()) if os.environ.get(SCENARIO) in ("offers", "with_errors") else 0

    def QueryHistory(self, start: int, count: int) -> Any:
        if count <= 0:
            _raise(0x80240002)  # WU_E_INVALIDINDEX, as the real one
        return _collection(_history()[start : start + count])


class SystemInfo:
    _public_methods_: list[str] = []
    _public_attrs_ = ["RebootRequired"]

    def __init__(self) -> None:
        self.RebootRequired = os.environ.get(SCENARIO) == "offers"


class AutoUpdate:
    _public_methods_: list[str] = []
    _public_attrs_ = ["Results"]

    def __init__(self) -> None:
        never = os.environ.get(SCENARIO) == "nothing"
        at = None if never else datetime.now(UTC) - timedelta(hours=5)
        self.Results = _shown(LastSearchSuccessDate=at, LastInstallationSuccessDate=at)


def _fail_if_wanted() -> None:
    if os.environ.get(SCENARIO) == "no_server":
        _raise(NO_SERVER)


def _raise(code: int) -> None:
    from win32com.server.exception import COMException

    raise COMException(description="", scode=_signed(code))


_CLASSES = {
    "Microsoft.Update.Session": ("{8B1A6B5C-57E0-4F1B-9F9A-0E4F2F5C1AA1}", "Session"),
    "Microsoft.Update.SystemInfo": ("{8B1A6B5C-57E0-4F1B-9F9A-0E4F2F5C1AA2}", "SystemInfo"),
    "Microsoft.Update.AutoUpdate": ("{8B1A6B5C-57E0-4F1B-9F9A-0E4F2F5C1AA3}", "AutoUpdate"),
}


@contextmanager
def registered() -> Iterator[None]:
    """The names point here while it lasts, and to the system's own classes again afterwards."""
    import winreg

    import pythoncom
    from win32com.server import register

    root = Path(__file__).resolve().parents[2]
    before = {}
    for name, (ours, factory) in _CLASSES.items():
        before[name] = winreg.QueryValue(winreg.HKEY_CLASSES_ROOT, rf"{name}\CLSID")
        register.RegisterServer(
            ours,
            f"tests.windows.update_server.{factory}",
            "Tocsin's stand-in for the Windows Update Agent",
            name,
            clsctx=pythoncom.CLSCTX_INPROC_SERVER,
            addnPath=str(root),
        )
    try:
        yield
    finally:
        for name, (ours, _) in _CLASSES.items():
            register.UnregisterServer(ours, name)
            with winreg.CreateKey(winreg.HKEY_CLASSES_ROOT, rf"{name}\CLSID") as key:
                winreg.SetValueEx(key, "", 0, winreg.REG_SZ, before[name])
