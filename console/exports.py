"""Lists as CSV whose pages have no file of their own for it: people, places, decisions, what happened.

One more is a query, its columns and a row of `_LISTS` (and one of console/access.py). Secrets and their hashes are in
none of them.
"""

from collections.abc import Callable
from typing import Any, Final

from flask import Flask
from sqlalchemy import func, select
from werkzeug.wrappers import Response

from collector.store.devices import Device, Site
from collector.store.enrolment import EnrolmentToken
from collector.store.overrides import Acceptance, Override
from collector.store.people import SignInSession, User
from collector.store.rooms import Booking, ReadinessCheck
from console import database as db
from console import guard, hours, lists, maintenance, room_facts, rules, situations


def register(app: Flask) -> None:
    for path, endpoint, made in _LISTS:
        app.add_url_rule(path, endpoint, made)


def people() -> Response:
    seen = func.max(SignInSession.seen_at).label("seen_at")
    rows = db.session().execute(
        select(User.name, User.role, User.created_at, User.disabled_at, seen)
        .outerjoin(SignInSession, SignInSession.user == User.name)
        .group_by(User.name, User.role, User.created_at, User.disabled_at)
        .order_by(User.name)
    )
    return lists.export("people", ("name", "role", "created_at", "disabled_at", "seen_at"), rows)


def tokens() -> Response:
    rows = db.session().scalars(
        select(EnrolmentToken)
        .order_by(EnrolmentToken.created_at.desc(), EnrolmentToken.id)
        .limit(lists.CSV_ROWS)
    )
    columns = (
        "id", "site", "room", "group", "device_class", "uses", "uses_left", "created_at", "created_by", "expires_at",
        "revoked_at",
    )  # fmt: skip
    return lists.export("enrolment-tokens", columns, rows)


def sites() -> Response:
    devices = (
        select(Device.site, func.count().label("devices"))
        .where(Device.revoked_at.is_(None))
        .group_by(Device.site)
        .subquery()
    )
    rows = db.session().execute(
        select(Site, devices.c.devices).outerjoin(devices, devices.c.site == Site.name).order_by(Site.name)
    )
    columns: lists.Columns[Any] = (
        ("site", lambda row: row.Site.name),
        ("time_zone", lambda row: row.Site.time_zone),
        ("hours", lambda row: hours.summary(row.Site.hours)),
        ("expected_hours", lambda row: hours.summary(row.Site.expected_hours)),
        ("holidays", lambda row: "; ".join(row.Site.holidays)),
        ("devices", lambda row: row.devices or 0),
        ("created_at", lambda row: row.Site.created_at),
    )
    return lists.export("sites", columns, rows)


def events() -> Response:
    columns: lists.Columns[situations.Shown] = (
        ("number", lambda one: one.row.number),
        ("kind", lambda one: one.row.kind),
        ("scope", lambda one: one.row.scope),
        ("state", lambda one: one.row.state),
        ("title", lambda one: one.row.title),
        ("opened_at", lambda one: one.row.opened_at),
        ("resolved_at", lambda one: one.row.resolved_at),
        ("ended", lambda one: one.ended),
        ("looked_after_by", lambda one: one.row.seen_by),
    )
    session = db.session()
    every = [*situations.open_ones(session), *situations.past_ones(session, guard.now())]
    return lists.export("situations", columns, every)


def planned_work() -> Response:
    now = guard.now()
    columns: lists.Columns[maintenance.Shown] = (
        ("site", lambda one: one.row.site),
        ("room", lambda one: one.row.room),
        ("device", lambda one: one.device.host_name if one.device else one.row.device_id),
        ("rule", lambda one: one.row.rule),
        ("begins_at", lambda one: one.begins),
        ("ends_at", lambda one: one.ends),
        ("weekly", lambda one: "yes" if one.row.weekly else "no"),
        ("until_at", lambda one: one.row.until_at),
        ("time_zone", lambda one: one.row.time_zone),
        ("why", lambda one: one.row.why),
        ("who", lambda one: one.row.who),
        ("created_at", lambda one: one.row.created_at),
        ("called_off_at", lambda one: one.row.ended_at),
        ("id", lambda one: one.row.id),
    )
    return lists.export("planned-work", columns, maintenance.listed(db.session(), now))


def all_rules() -> Response:
    """With what people said of their tickets in the last weeks; a share only of enough of them."""
    columns: lists.Columns[rules.Row] = (
        ("rule", lambda row: row.rule.name),
        ("subject", lambda row: row.subject),
        ("severity", lambda row: row.rule.severity),
        ("enabled", lambda row: "yes" if row.rule.enabled else "no"),
        ("bad_when", lambda row: row.bad),
        ("well_when", lambda row: row.well),
        ("open", lambda row: row.open),
        ("open_without_ticket", lambda row: row.suppressed),
        ("overrides", lambda row: row.overrides),
        ("judged", lambda row: row.right.judged if row.right else 0),
        ("right", lambda row: row.right.right if row.right else 0),
        ("false", lambda row: row.right.false if row.right else 0),
        ("nothing_found", lambda row: row.right.nothing_found if row.right else 0),
        ("known", lambda row: row.right.known if row.right else 0),
        ("right_ratio", lambda row: row.right.share if row.right else None),
        ("version", lambda row: row.rule.hash),
    )
    return lists.export("rules", columns, rules.listed(db.session(), guard.now(), lists.argument("q")))


def overrides() -> Response:
    """Those in force."""
    rows = db.session().execute(
        select(Override, Device.host_name)
        .outerjoin(Device, Device.id == Override.name)
        .where(rules.in_force(guard.now()))
        .order_by(Override.rule, Override.created_at, Override.id)
        .limit(lists.CSV_ROWS)
    )
    columns: lists.Columns[Any] = (
        ("rule", lambda row: row.Override.rule),
        ("scope", lambda row: row.Override.scope),
        ("site", lambda row: row.Override.site),
        ("name", lambda row: row.host_name or row.Override.name),
        ("component", lambda row: row.Override.component),
        ("changes", lambda row: ", ".join(f"{key}={text}" for key, text in sorted(row.Override.changes.items()))),
        ("why", lambda row: row.Override.why),
        ("who", lambda row: row.Override.who),
        ("created_at", lambda row: row.Override.created_at),
        ("until_at", lambda row: row.Override.until_at),
        ("id", lambda row: row.Override.id),
    )  # fmt: skip
    return lists.export("overrides", columns, rows)


def accepted_values() -> Response:
    """Those in force."""
    rows = db.session().execute(
        select(Acceptance, Device.host_name, Device.site, Device.room)
        .join(Device, Device.id == Acceptance.device_id)
        .where(Acceptance.ended_at.is_(None))
        .order_by(Acceptance.created_at.desc(), Acceptance.id)
        .limit(lists.CSV_ROWS)
    )
    columns: lists.Columns[Any] = (
        ("device", lambda row: row.host_name or row.Acceptance.device_id),
        "site",
        "room",
        ("rule", lambda row: row.Acceptance.rule),
        ("component", lambda row: row.Acceptance.component),
        ("value", lambda row: row.Acceptance.value),
        ("why", lambda row: row.Acceptance.why),
        ("who", lambda row: row.Acceptance.who),
        ("created_at", lambda row: row.Acceptance.created_at),
    )
    return lists.export("accepted-values", columns, rows)


def bookings(site: str, name: str) -> Response:
    """All that are kept, cancelled ones too. They have no titles."""
    room_facts.found(db.session(), site, name)
    rows = db.session().scalars(
        select(Booking)
        .where(Booking.site == site, Booking.room == name)
        .order_by(Booking.starts_at.desc(), Booking.id)
        .limit(lists.CSV_ROWS)
    )
    columns = ("site", "room", "starts_at", "ends_at", "created_at", "cancelled_at")
    return lists.export("bookings", columns, rows)


def room_checks(site: str, name: str) -> Response:
    room_facts.found(db.session(), site, name)
    rows = db.session().scalars(
        select(ReadinessCheck)
        .where(ReadinessCheck.site == site, ReadinessCheck.room == name)
        .order_by(ReadinessCheck.asked_at.desc(), ReadinessCheck.id)
        .limit(lists.CSV_ROWS)
    )
    columns: lists.Columns[ReadinessCheck] = (
        "site", "room", "trigger", "for_at", "who", "asked_at", "ended_at", "verdict", "reason",
        ("bring", lambda row: "; ".join(row.bring)),
    )  # fmt: skip
    return lists.export("room-checks", columns, rows)


_ROOM: Final = "/rooms/<place:site>/<place:name>"
# Address, endpoint, what makes it.
_LISTS: Final[tuple[tuple[str, str, Callable[..., Response]], ...]] = (
    ("/people.csv", "people.csv", people),
    ("/enrolment.csv", "enrolment.csv", tokens),
    ("/sites.csv", "sites.csv", sites),
    ("/situations.csv", "situations.csv", events),
    ("/planned-work.csv", "maintenance.csv", planned_work),
    ("/rules.csv", "rules.csv", all_rules),
    ("/overrides.csv", "rules.overrides_csv", overrides),
    ("/accepted-values.csv", "accepted.csv", accepted_values),
    (f"{_ROOM}/bookings.csv", "room.bookings_csv", bookings),
    (f"{_ROOM}/checks.csv", "room.checks_csv", room_checks),
)
