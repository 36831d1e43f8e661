"""Planned work out of a calendar file (ICS): what the court or the caterer of rooms keeps, read again and again.

An entry that repeats plainly each week becomes weekly work; any other repetition is written out, as far ahead
as the reading goes. Times without a zone, and whole days, are those of the site. A second reading of the same
calendar changes what changed, by UID, and ends what has vanished.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector import decide
from collector.problem import Problem
from collector.store.situations import Maintenance

AHEAD: Final = timedelta(days=400)
_MOST: Final = 2_000  # occurrences of one entry; more is a mistake in its rule
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_DAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_SOURCE_LIMIT: Final = 255
_Event = Any  # the library's own types say of each property that it may be any of thirty


class CalendarError(Problem):
    """The file is no calendar, or an entry cannot be read; the text names it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One planned work that follows from the file."""

    uid: str  # of the calendar, with what tells its occurrences apart
    title: str
    starts_at: datetime
    ends_at: datetime
    weekly: bool = False
    until_at: datetime | None = None
    time_zone: str = "UTC"
    location: str = ""
    takes_time: bool = True  # false: a note in the calendar, during which everybody is free


@dataclass(slots=True)
class Difference:
    added: int = 0
    changed: int = 0
    ended: int = 0
    unchanged: int = 0
    skipped: list[str] = field(default_factory=list)  # entries that could not be taken, in words


def read(
    body: bytes, zone: ZoneInfo, now: datetime, ahead: timedelta = AHEAD, *, weekly: bool = True
) -> tuple[list[Entry], list[str]]:
    """The entries that are not over, and in words what could not be taken. Raises CalendarError.

    `weekly` false: what repeats plainly each week is written out too.
    """
    try:
        calendars = Calendar.from_ical(body, multiple=True)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise CalendarError(f"this is no calendar file: {error}") from None
    if not calendars or not all(isinstance(one, Calendar) for one in calendars):
        raise CalendarError("this is no calendar file: it does not begin with BEGIN:VCALENDAR")
    events: list[_Event] = [event for one in calendars for event in one.walk("VEVENT")]
    moved: dict[str, set[datetime]] = {}  # by UID the occurrences that an entry of their own replaces
    for event in events:
        instead = getattr(event.get("RECURRENCE-ID"), "dt", None)
        if instead is not None:
            moved.setdefault(str(event.get("UID", "")), set()).add(_local(instead, zone))
    found: dict[str, Entry] = {}
    skipped: list[str] = []
    for number, event in enumerate(events, 1):
        try:
            for entry in _entries(event, zone, now, ahead, moved, weekly):
                found[entry.uid] = entry
        except (CalendarError, AttributeError, TypeError, ValueError, OverflowError) as error:
            # Others than our own: a value of a kind that the library keeps as it came.
            skipped.append(f"entry {number} ({str(event.get('UID', 'without UID'))[:60]}): {error}")
    return sorted(found.values(), key=lambda entry: (entry.starts_at, entry.uid)), skipped


def _entries(
    event: _Event,
    zone: ZoneInfo,
    now: datetime,
    ahead: timedelta,
    moved: dict[str, set[datetime]],
    weekly: bool,
) -> Iterator[Entry]:
    uid, title = str(event.get("UID", "")), str(event.get("SUMMARY", ""))
    if not uid:
        raise CalendarError("it has no UID")
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    begins, length, own = _times(event, zone)
    name = own.key
    location = " ".join(str(event.get("LOCATION", "")).split())
    takes_time = str(event.get("TRANSP", "")).upper() != "TRANSPARENT"

    def entry(uid: str, at: datetime, **more: Any) -> Entry:
        """`at` by the clock on the wall; a window of two hours is two hours also when the clocks change in it."""
        start = at.replace(tzinfo=own).astimezone(UTC)
        return Entry(
            uid=uid, title=title, starts_at=start, ends_at=start + length, time_zone=name, location=location,
            takes_time=takes_time, **more,
        )  # fmt: skip

    recurrence = event.get("RECURRENCE-ID")
    rule = event.get("RRULE")
    if recurrence is not None or (rule is None and event.get("RDATE") is None):
        key = uid if recurrence is None else f"{uid}#{_local(recurrence.dt, zone):%Y%m%dT%H%M}"
        one = entry(key, begins)
        if one.ends_at > now:
            yield one
        return
    gone = set(_dates(event.get("EXDATE"), own)) | moved.get(uid, set())
    rules = rule if isinstance(rule, list) else [rule] if rule is not None else []
    days = _plain_week(rules, event, begins) if weekly and not gone else ()
    if days and length < _WEEK:
        until = _until(rules[0], own)
        if until is None or until > now:
            for day in days:
                ahead_by = timedelta(days=(_DAYS.index(day) - begins.weekday()) % 7)
                key = uid if len(days) == 1 else f"{uid}#{day}"
                yield entry(key, begins + ahead_by, weekly=True, until_at=until)
        return
    for count, at in enumerate(
        sorted(_occurrences(rules, event, begins, own, now - length - _DAY, now + ahead) - gone)
    ):
        if count >= _MOST:
            raise CalendarError(f"it repeats more than {_MOST} times")
        one = entry(f"{uid}#{at:%Y%m%dT%H%M}", at)
        if one.ends_at > now:
            yield one


def _times(event: _Event, zone: ZoneInfo) -> tuple[datetime, timedelta, ZoneInfo]:
    """(beginning by its own clock, length, that clock's zone)."""
    if event.get("DTSTART") is None:
        raise CalendarError("it has no readable DTSTART")
    start = event["DTSTART"].dt
    own = _zone(start.tzinfo, event["DTSTART"], zone) if isinstance(start, datetime) else zone
    begins = _local(start, own)
    if event.get("DTEND") is not None:
        end = event["DTEND"].dt
        length = _utc(_local(end, own), own) - _utc(begins, own)
    elif event.get("DURATION") is not None:
        length = event["DURATION"].dt
    else:
        length = _DAY if not isinstance(start, datetime) else timedelta(0)
    if length <= timedelta(0):
        raise CalendarError("it ends before it begins, or lasts no time")
    return begins, length, own


def _zone(found: tzinfo | None, value: Any, zone: ZoneInfo) -> ZoneInfo:
    told = value.params.get("TZID")
    if found is None:
        if told:
            raise CalendarError(f"there is no time zone {told!r}")
        return zone
    key = getattr(found, "key", None) or (told and getattr(found, "zone", None))
    if isinstance(key, str):
        try:
            return ZoneInfo(key)
        except (KeyError, ValueError, OSError):
            raise CalendarError(f"there is no time zone {key!r}") from None
    if found.utcoffset(None) == timedelta(0):
        return ZoneInfo("UTC")
    raise CalendarError(f"its time zone {told!r} is none of the known ones")


def _local(value: date | datetime, zone: ZoneInfo) -> datetime:
    """By the clock on the wall of the zone, without saying so: repetitions are counted there."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(0))
    return value if value.tzinfo is None else value.astimezone(zone).replace(tzinfo=None)


def _utc(at: datetime, zone: ZoneInfo) -> datetime:
    return at.replace(tzinfo=zone).astimezone(UTC)


def _dates(value: Any, zone: ZoneInfo) -> Iterator[datetime]:
    """EXDATE and RDATE: none, one list or several."""
    for dates in value if isinstance(value, list) else [value] if value is not None else []:
        for one in dates.dts:
            told = one.dt[0] if isinstance(one.dt, tuple) else one.dt
            yield _local(told, zone)


def _plain_week(rules: Sequence[Any], event: _Event, begins: datetime) -> tuple[str, ...]:
    """The days of a rule that says no more than each week on these days; empty: it says more."""
    if len(rules) != 1 or event.get("RDATE") is not None:
        return ()
    rule = rules[0]
    if rule.get("FREQ") != ["WEEKLY"] or set(rule) - {"FREQ", "INTERVAL", "BYDAY", "UNTIL", "WKST"}:
        return ()
    days = tuple(str(day) for day in rule.get("BYDAY", [_DAYS[begins.weekday()]]))
    return days if rule.get("INTERVAL", [1]) == [1] and all(day in _DAYS for day in days) else ()


def _until(rule: Any, zone: ZoneInfo) -> datetime | None:
    told = rule.get("UNTIL")
    if not told:
        return None
    if not isinstance(told[0], datetime):  # a day, and that day is in it
        return _utc(datetime.combine(told[0], time(23, 59, 59)), zone)
    return _utc(_local(told[0], zone), zone)


def _occurrences(
    rules: Sequence[Any], event: _Event, begins: datetime, zone: ZoneInfo, since: datetime, until: datetime
) -> set[datetime]:
    first, last = _local(since, zone), _local(until, zone)
    found = {begins} | set(_dates(event.get("RDATE"), zone))
    for rule in rules:
        plain = {name: value for name, value in rule.items() if name != "UNTIL"}
        text = ";".join(f"{name}={','.join(map(str, value))}" for name, value in plain.items())
        if plain.get("FREQ", [""])[0] not in ("DAILY", "WEEKLY", "MONTHLY", "YEARLY"):
            raise CalendarError(f"its rule {text!r} repeats by neither days, weeks, months nor years")
        try:
            repeated = rrulestr(text, dtstart=begins)
        except (ValueError, TypeError) as error:
            raise CalendarError(f"its rule {text!r} cannot be read: {error}") from None
        end = _until(rule, zone)
        final = min(last, _local(end, zone)) if end is not None else last
        for count, at in enumerate(repeated.xafter(first, inc=True)):
            if at > final or count > _MOST:
                break
            found.add(at)
    return {at for at in found if first <= at <= last}


def take(
    session: Session, entries: Iterable[Entry], *, calendar: str, site: str, room: str, rule: str, who: str,
    now: datetime, titles: bool = False,
) -> Difference:  # fmt: skip
    """Plan what is new, plan anew what changed, end what has vanished. Raises decide.Refused."""
    start = f"{calendar}#"
    known = {
        row.source: row
        for row in session.scalars(
            select(Maintenance).where(
                Maintenance.source.startswith(start, autoescape=True), Maintenance.site == site, Maintenance.room == room,
                Maintenance.ended_at.is_(None),
            )
        )
    }  # fmt: skip
    told = Difference()
    seen: set[str] = set()
    for entry in entries:
        source = (start + entry.uid)[:_SOURCE_LIMIT]
        # Titles of a court's calendar are names of people: kept only where somebody wants that.
        why = entry.title if titles and entry.title else f"calendar {calendar}"
        seen.add(source)
        row = known.get(source)
        if row is not None and _same(row, entry, why, rule):
            told.unchanged += 1
            continue
        if row is not None:
            decide.call_off(session, row.id, who=who, now=now)
            told.changed += 1
        else:
            told.added += 1
        decide.plan(
            session, starts_at=entry.starts_at, ends_at=entry.ends_at, why=why, who=who, now=now, site=site, room=room,
            rule=rule, weekly=entry.weekly, time_zone=entry.time_zone, until_at=entry.until_at, source=source,
        )  # fmt: skip
    for source, row in known.items():
        if source not in seen and (row.weekly or row.ends_at > now):
            decide.call_off(session, row.id, who=who, now=now)
            told.ended += 1
    return told


def _same(row: Maintenance, entry: Entry, why: str, rule: str) -> bool:
    return (
        row.starts_at == entry.starts_at
        and row.ends_at == entry.ends_at
        and row.weekly == entry.weekly
        and row.until_at == entry.until_at
        and row.time_zone == entry.time_zone
        and row.why == why
        and row.rule == rule
    )
