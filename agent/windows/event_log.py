"""The event log: asked by provider, id and time, read as XML, and of that only what a probe named.

Messages are never rendered: they may hold names of people and files, and under wine the call for them ends the
process.
"""

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from agent.probe import Unavailable
from agent.windows import Event

_AT_MOST: Final = 20_000
_BATCH: Final = 100
_WAIT_MILLISECONDS: Final = 20_000
_XML_AT_MOST: Final = 256 * 1024  # WHEA events carry their raw record, some 10 kB
_TEXT_AT_MOST: Final = 512
_SPACE: Final = "{http://schemas.microsoft.com/win/2004/08/events/event}"
_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_WORDS: Final = {
    0: "this system does not implement it",  # wine
    120: "this system does not implement it",
    5: "access is denied",
    1460: "it did not answer in time",
    1722: "the event log service does not run",
    15001: "it does not know the query",
    15007: "there is no such log",
}


def events(
    log: str, wanted: Mapping[str, Sequence[int]], since: datetime, names: Sequence[str] = ()
) -> list[Event]:
    """Oldest first; where there are too many, the newest of them."""
    found = [parse(text, names) for text in _rendered(log, query(log, wanted, since))]
    return sorted((event for event in found if event is not None), key=lambda event: event.at)


def query(log: str, wanted: Mapping[str, Sequence[int]], since: datetime) -> str:
    """One Select for each provider: a single expression takes some twenty terms at most."""
    moment = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    path = escape(log, {'"': "&quot;"})
    selects = [
        f'<Select Path="{path}">'
        + escape(
            f"*[System[Provider[@Name='{provider}'] and ({' or '.join(f'EventID={number}' for number in ids)})"
            f" and TimeCreated[@SystemTime>='{moment}']]]"
        )
        + "</Select>"
        for provider, ids in wanted.items()
        if ids
    ]
    return f'<QueryList><Query Id="0" Path="{path}">{"".join(selects)}</Query></QueryList>'


def parse(text: str, names: Sequence[str] = ()) -> Event | None:
    """One event out of its XML; None when it is none. Values without a name are called by their place: `1`."""
    # Windows writes no document type; an entity in one could grow without end.
    if len(text) > _XML_AT_MOST or "<!" in text:
        return None
    try:
        root = ElementTree.fromstring(text.strip("\0 \r\n\t"))  # noqa: S314 (guarded above)
    except (ElementTree.ParseError, ValueError):
        return None
    system = root.find(f"{_SPACE}System")
    if system is None:
        return None
    provider, created = system.find(f"{_SPACE}Provider"), system.find(f"{_SPACE}TimeCreated")
    number = _whole(system.findtext(f"{_SPACE}EventID"))
    at = _moment(created.get("SystemTime", "")) if created is not None else None
    if provider is None or number is None or at is None:
        return None
    name = provider.get("EventSourceName") if not provider.get("Name") else provider.get("Name")
    return Event(
        provider=(name or "")[:_TEXT_AT_MOST],
        id=number,
        at=at,
        level=_whole(system.findtext(f"{_SPACE}Level")) or 0,
        data=_data(root.find(f"{_SPACE}EventData"), names),
    )


def _data(parent: ElementTree.Element | None, names: Sequence[str]) -> dict[str, str]:
    data: dict[str, str] = {}
    place = 0
    for element in parent.findall(f"{_SPACE}Data") if parent is not None else ():
        name = element.get("Name")
        if name is None:
            place += 1
            name = str(place)
        if name in names and element.text:
            data[name] = element.text.strip()[:_TEXT_AT_MOST]
    return data


def _whole(text: str | None) -> int | None:
    found = re.fullmatch(r"\s*(\d{1,9})\s*", text or "", re.ASCII)
    return int(found[1]) if found else None


def _moment(text: str) -> datetime | None:
    """`2026-01-05T08:00:01.1234567Z`: in tenths of microseconds, one digit more than Python takes."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    try:
        at = datetime.strptime(found[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    return at.replace(microsecond=int((found[2] or "0").ljust(6, "0")[:6]))


def _rendered(log: str, structured: str) -> list[str]:
    if sys.platform != "win32":
        raise Unavailable("the event log is there on Windows only")
    import pywintypes
    import win32evtlog

    try:
        return _read(win32evtlog, log, structured)
    except pywintypes.error as error:
        code = error.winerror
        words = _WORDS.get(code, f"it could not be asked (error {code})")
        raise Unavailable(f"event log {log}: {words}") from None


def _read(source: Any, log: str, structured: str) -> list[str]:
    flags = source.EvtQueryChannelPath | source.EvtQueryReverseDirection
    result = source.EvtQuery(log, flags, structured)
    found: list[str] = []
    while len(found) < _AT_MOST:
        handles = source.EvtNext(result, _BATCH, _WAIT_MILLISECONDS, 0)
        if not handles:
            break
        found += [source.EvtRender(handle, source.EvtRenderEventXml) for handle in handles]
    return found
