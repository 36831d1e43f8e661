"""What people decided, as the judge needs it: read when it changed, asked for every report.

Whoever writes a decision (collector/decide.py) renames the fact `decisions`; the sweep looks at that one row
each second and reads the rest anew only then.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from collector.rooms.in_force import Anew, RoomsInForce
from collector.rules.override import Change, adapted
from collector.rules.rule import Rules
from collector.store.devices import Device, Site
from collector.store.installation import Fact
from collector.store.overrides import SCOPES, Acceptance, Override, RuleHold
from collector.store.situations import Maintenance, Situation
from collector.tickets.calendar import Calendar, calendar_of

logger = logging.getLogger(__name__)

FACT: Final = "decisions"
Accepted = Mapping[tuple[str, str], float]
_NOTHING: Final[Accepted] = {}
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_Row = TypeVar("_Row")


class Decisions:
    """A copy of the store's rows. Only the pipeline's one thread touches it."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._version: str | None = None
        self._since: datetime | None = None  # when these rules came into force here
        self._overrides: list[Override] = []
        self._accepted: dict[str, dict[tuple[str, str], float]] = {}
        self._windows: list[Maintenance] = []
        self._held: set[tuple[str, str]] = set()  # (rule, version)
        self._situations: dict[tuple[str, str], Situation] = {}
        self._calendars: dict[str, Calendar] = {}
        self._adapted: dict[tuple[str, ...], Rules] = {}
        self.rooms = RoomsInForce()
        self._bookings_at: datetime | None = None

    def refresh(self, session: Session, now: datetime) -> Anew:
        """Read what changed, and say for which devices."""
        fact = session.get(Fact, FACT, populate_existing=True)
        version = fact.value if fact is not None else ""
        if version == self._version:
            if self._bookings_at is None or now - self._bookings_at > _DAY:
                self._bookings_at = now
                self.rooms.read_bookings(session, now)  # those of the day after tomorrow decide nothing yet
            return Anew(set(), set())
        self._bookings_at = now
        first, before, self._version = self._version is None, self._accepted, version
        self._since = self._since or now
        self._overrides = _rows(session, Override, Override.ended_at.is_(None))
        self._windows = _rows(session, Maintenance, Maintenance.ended_at.is_(None))
        self._held = {
            (row.rule, row.rule_hash) for row in _rows(session, RuleHold, RuleHold.released_at.is_(None))
        }
        self._situations = {
            (row.kind, row.scope): row for row in _rows(session, Situation, Situation.state == "open")
        }
        self._accepted = {}
        for row in _rows(session, Acceptance, Acceptance.ended_at.is_(None)):
            self._accepted.setdefault(row.device_id, {})[row.rule, row.component] = row.value
        self._calendars = {
            site.name: calendar for site in _rows(session, Site) if (calendar := expected(site)) is not None
        }
        self._adapted.clear()
        anew = self.rooms.read(session, now)
        if first:
            return Anew(set(), set())
        return anew._replace(
            accepted=anew.accepted
            | {
                device_id
                for device_id in before.keys() | self._accepted.keys()
                if before.get(device_id) != self._accepted.get(device_id)
            }
        )

    @property
    def loaded(self) -> bool:
        return self._version is not None

    def accepted(self, device_id: str) -> Accepted:
        return self._accepted.get(device_id, _NOTHING)

    def rules_for(self, device: Device, now: datetime) -> Rules:
        """The rules with the overrides that fit the device, the narrowest last."""
        if not self._overrides:
            return self.rules
        fitting = [row for row in self._overrides if override_fits(row, device, now)]
        if not fitting:
            return self.rules
        fitting.sort(key=lambda row: (SCOPES.index(row.scope), row.created_at, row.id))
        key = tuple(row.id for row in fitting)
        made = self._adapted.get(key)
        if made is None:
            made = self._adapted[key] = adapted(self.rules, map(change_of, fitting))
        return made

    def expected_from(self, device: Device, now: datetime) -> datetime | None:
        """When the hours begin, or began, in which the site's desktops are up; None: at all times."""
        calendar = self._calendars.get(device.site or "")
        if calendar is None:
            return None
        for begins, ends in calendar.spans(now - timedelta(days=1), now + timedelta(days=14)):
            if ends > now:
                return begins
        return now + timedelta(days=14)

    def planned(self, device: Device, rule: str, now: datetime) -> Maintenance | None:
        """The planned work that is under way on this device, for this rule."""
        for window in self._windows:
            if window_fits(window, device, rule) and under_way(window, now):
                return window
        return None

    def is_held(
        self, device: Device, rule: str, component: str, version: str, was: bool, now: datetime
    ) -> bool:
        """Whether this finding waits for a person's word on its rule. `was`: it has waited until now.

        A finding of a former version that waited goes on waiting until the version in force has seen a report:
        perhaps that one finds nothing wrong.
        """
        base = self.rules.by_name.get(rule)
        if base is None:  # no rule in force judges it any more: it is about to end
            return was
        here = self.rules_for(device, now).of(rule, component)
        if (rule, base.hash) in self._held:
            return was or version == here.hash
        heard_at = device.reported_at
        return (
            was
            and version != here.hash
            and (heard_at is None or self._since is None or heard_at < self._since)
        )

    def situation(self, kind: str, scope: str = "") -> Situation | None:
        """The open one of this kind."""
        return self._situations.get((kind, scope))

    def situations(self) -> Iterable[Situation]:
        return self._situations.values()


def expected(site: Site) -> Calendar | None:
    """The hours in which the site's desktops should be up; None: at all times."""
    if not site.expected_hours:
        return None
    try:
        return calendar_of(site.time_zone, site.expected_hours, site.holidays)
    except ValueError as error:  # written past the checks: one site's hours must not stop the others
        logger.error("site %s: %s", site.name, error)
        return None


def _rows(session: Session, model: type[_Row], *where: ColumnElement[bool]) -> list[_Row]:
    """Read and let go: they outlive the session."""
    rows = list(session.scalars(select(model).where(*where).execution_options(populate_existing=True)))
    for row in rows:
        session.expunge(row)
    return rows


def change_of(row: Override) -> Change:
    return Change(rule=row.rule, changes=row.changes, component=row.component)


def override_fits(row: Override, device: Device, now: datetime) -> bool:
    if row.until_at is not None and row.until_at <= now:
        return False
    match row.scope:
        case "all":
            return True
        case "device_class":
            return row.name == device.device_class
        case "site":
            return row.site == device.site
        case "room":
            return row.site == (device.site or "") and row.name == device.room
    return row.name == device.id


def window_fits(window: Maintenance, device: Device, rule: str) -> bool:
    """An empty column is any."""
    return (
        window.site in ("", device.site)
        and window.room in ("", device.room)
        and window.device_id in ("", device.id)
        and window.rule in ("", rule)
    )


def under_way(window: Maintenance, now: datetime) -> bool:
    if window.ended_at is not None and window.ended_at <= now:
        return False
    begins, ends = current(window, now)
    return begins <= now < ends


def current(window: Maintenance, now: datetime) -> tuple[datetime, datetime]:
    """The occurrence that is under way or comes next; of a weekly one that is over, its last.

    A weekly one keeps its local time of day: at 22:00 it begins at 22:00 in winter and in summer.
    """
    begins, length = window.starts_at, window.ends_at - window.starts_at
    if not window.weekly or begins + length > now:
        return begins, begins + length
    zone = ZoneInfo(window.time_zone)
    local = begins.astimezone(zone)
    weeks = (now - length - begins) // _WEEK
    while True:
        at = (local + weeks * _WEEK).astimezone(now.tzinfo)
        if window.until_at is not None and at > window.until_at:
            last = (local + max(0, weeks - 1) * _WEEK).astimezone(now.tzinfo)
            return last, last + length
        if at + length > now:
            return at, at + length
        weeks += 1
