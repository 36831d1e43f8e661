"""The Windows Update Agent (Microsoft.Update.*), by late binding: the same calls on every version of it.

It is only asked. Nothing is downloaded, installed, hidden or accepted. The objects are called by their bare
IDispatch: win32com's wrappers around it keep a cache of generated code in a directory of their own.
"""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from agent.probe import Unavailable
from agent.windows import Installation, Searched, Update, com
from agent.windows.update_codes import explained

T = TypeVar("T")

_DRIVER: Final = 2  # UpdateType
_EXCEPTION: Final = 0x80020009  # DISP_E_EXCEPTION: the object's own code stands in the details
_UNKNOWN_NAMES: Final = (0x80020003, 0x80020006)  # DISP_E_MEMBERNOTFOUND, DISP_E_UNKNOWNNAME
_NEVER: Final = 1980  # a date before it is OLE's zero


def search(criteria: str) -> Searched:
    """Takes minutes: the agent asks its server and compares what it got with the whole system."""
    return _ask("the search for updates", "Microsoft.Update.Session", lambda it: _search(it, criteria))


def history(most: int) -> list[Installation]:
    return _ask("the update history", "Microsoft.Update.Session", lambda it: _history(it, most))


def last_search() -> datetime | None:
    return _ask(
        "Automatic Updates",
        "Microsoft.Update.AutoUpdate",
        lambda it: _moment(_get(_get(it, "Results"), "LastSearchSuccessDate")),
    )


def needs_restart() -> bool:
    return _ask(
        "the update agent", "Microsoft.Update.SystemInfo", lambda it: bool(_get(it, "RebootRequired"))
    )


def _ask(what: str, program: str, work: Callable[[Any], T]) -> T:
    if sys.platform != "win32":
        raise Unavailable("the Windows Update Agent is there on Windows only")
    with com.apartment():
        import pythoncom
        import pywintypes

        problem: Exception
        try:
            return work(
                pythoncom.CoCreateInstance(program, None, pythoncom.CLSCTX_SERVER, pythoncom.IID_IDispatch)
            )
        # The exception goes before the apartment does: its traceback holds COM objects.
        except pywintypes.com_error as error:
            problem = _failure(what, _code(error))
    raise problem


def _code(error: Any) -> int:
    details = error.excepinfo
    if com.unsigned(error.hresult) == _EXCEPTION and details and details[5]:
        return com.unsigned(details[5])
    return com.unsigned(error.hresult)


def _failure(what: str, code: int) -> Exception:
    """Every refusal is a reason and not a fault of ours: a server that cannot be reached, a service that is
    disabled. So its code is always told."""
    usual = com.failure(what, code)
    return usual if isinstance(usual, Unavailable) else Unavailable(f"{what} failed: {explained(code)}")


def _search(session: Any, criteria: str) -> Searched:
    _put(session, "ClientApplicationID", "Tocsin")
    found = _get(_get(session, "CreateUpdateSearcher"), "Search", criteria)
    warnings = _newer(found, "Warnings")
    return Searched(
        result=int(_get(found, "ResultCode")),
        updates=tuple(_update(each) for each in _items(_get(found, "Updates"))),
        warnings=int(_get(warnings, "Count")) if warnings is not None else 0,
    )


def _update(update: Any) -> Update:
    return Update(
        title=str(_get(update, "Title")),
        identity=str(_get(_get(update, "Identity"), "UpdateID")).lower(),
        categories=_categories(_get(update, "Categories")),
        severity=_get(update, "MsrcSeverity") or None,
        is_driver=_get(update, "Type") == _DRIVER,
        is_optional=bool(_newer(update, "BrowseOnly")),  # IUpdate3
        is_downloaded=bool(_get(update, "IsDownloaded")),
        needs_restart=bool(_newer(update, "RebootRequired")),  # IUpdate2
        knowledge_base=tuple(str(each) for each in _items(_get(update, "KBArticleIDs"))),
        published_at=_moment(_get(update, "LastDeploymentChangeTime")),
    )


def _history(session: Any, most: int) -> list[Installation]:
    searcher = _get(session, "CreateUpdateSearcher")
    count = min(int(_get(searcher, "GetTotalHistoryCount")), most)
    # Asked for none it raises WU_E_INVALIDINDEX.
    entries = _items(_get(searcher, "QueryHistory", 0, count)) if count > 0 else ()
    return [told for entry in entries if (told := _installation(entry)) is not None]


def _installation(entry: Any) -> Installation | None:
    """None for one without a date: it cannot be placed."""
    at = _moment(_get(entry, "Date"))
    if at is None:
        return None
    identity = _get(entry, "UpdateIdentity")
    return Installation(
        title=str(_get(entry, "Title") or ""),
        at=at,
        operation=int(_get(entry, "Operation")),
        result=int(_get(entry, "ResultCode")),
        code=com.unsigned(int(_get(entry, "HResult"))),
        identity=str(_get(identity, "UpdateID")).lower() if identity is not None else None,
        client=_get(entry, "ClientApplicationID") or None,
        categories=_categories(_newer(entry, "Categories")),  # IUpdateHistoryEntry2
    )


def _categories(collection: Any) -> tuple[str, ...]:
    return tuple(str(_get(each, "CategoryID")).lower() for each in _items(collection))


def _items(collection: Any) -> Iterator[Any]:
    if collection is not None:
        for number in range(int(_get(collection, "Count"))):
            yield _get(collection, "Item", number)


def _get(owner: Any, name: str, *arguments: object) -> Any:
    """A property, or what a method gives."""
    import pythoncom

    how = pythoncom.DISPATCH_METHOD | pythoncom.DISPATCH_PROPERTYGET
    return owner.Invoke(owner.GetIDsOfNames(0, name), 0, how, True, *arguments)


def _newer(owner: Any, name: str) -> Any:
    """A property that older agents do not have: then None."""
    import pywintypes

    try:
        return _get(owner, name)
    except pywintypes.com_error as error:
        if com.unsigned(error.hresult) in _UNKNOWN_NAMES:
            return None
        raise


def _put(owner: Any, name: str, value: object) -> None:
    import pythoncom

    owner.Invoke(owner.GetIDsOfNames(0, name), 0, pythoncom.DISPATCH_PROPERTYPUT, False, value)


def _moment(value: Any) -> datetime | None:
    """WUA's dates are UTC, whatever time zone the date object was given."""
    if not isinstance(value, datetime) or value.year < _NEVER:
        return None
    return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, tzinfo=UTC)
