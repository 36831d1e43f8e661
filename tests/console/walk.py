"""Every address that the console answers, with something on it: what the browser walks, what pictures are taken of.

A page that is added to the console and not to this table fails tests/console/test_walk.py.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, unquote, urlsplit

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from collector.store.devices import Device, Site
from collector.store.enrolment import EnrolmentToken
from collector.store.installation import RefreshRequest
from collector.store.overrides import Acceptance, Override
from collector.store.people import AuditEntry, User
from collector.store.rooms import ASKED, ReadinessCheck
from collector.store.situations import Maintenance
from collector.store.tickets import FAILED, WAITING, OutboxRow
from console.api.problem import PATH
from tests.console import courthouse, decided, spares, world
from tests.console.api import keys
from tests.console.conftest import database, make_app
from tests.console.courthouse import COURT, OFFICE, RECORDER

DISK: Final = "0c7be3a9d4f15862"
TWIN: Final = "5f" * 8
REFRESH, CHECK = "e1" * 16, "e2" * 16
ROOM: Final = f"/rooms/{quote(COURT)}/Courtroom%203"
_SILENT: Final = f"/rooms/{quote(OFFICE)}/Hearing%20room%205~2FB"
_JURY: Final = f"/rooms/{quote(COURT)}/Jury%20room"

# Pages of people: a name (of its picture) and an address of the county that `build` makes.
PAGES: Final[dict[str, str]] = {
    "sign-in": "/sign-in",
    "today": "/",
    "devices": "/devices",
    "devices-found": "/devices?q=S4EVNF0M712345",
    "device": f"/devices/{DISK}",
    "device-new": "/devices/77a0c1d2e3f40516",
    "device-half-seen": "/devices/5a6b93f1c07d2e48",
    "device-silent": "/devices/3d40a6e2f8b7159c",
    "device-av": f"/devices/{RECORDER}",
    "pictures": f"/devices/{DISK}/pictures",
    "software": f"/devices/{DISK}/inventory/software",
    "device-brief": f"/devices/{DISK}/brief",
    "device-brief-away": "/devices/61c4e8a2b90f3d75/brief",
    "device-brief-half-seen": "/devices/5a6b93f1c07d2e48/brief",
    "labels": "/devices/labels",
    "site-brief": f"/sites/{quote(COURT)}/brief",
    "rooms": "/rooms",
    "rooms-morning": "/rooms/morning",
    "room": ROOM,
    "room-silent": _SILENT,
    "room-bare": f"/rooms/{quote(OFFICE)}/Training%20room",
    "room-baseline": f"{ROOM}/baseline",
    "room-baseline-silent": f"{_SILENT}/baseline",
    "room-baseline-first": f"{_JURY}/baseline",
    "room-sheet": f"{ROOM}/sheet",
    "room-brief": f"{ROOM}/brief",
    "room-brief-silent": f"{_SILENT}/brief",
    "tickets": "/tickets?state=any",
    "ticket": "/tickets/1041",
    "ticket-new": "/tickets/1042",
    "ticket-resolved": "/tickets/1039",
    "situations": "/situations",
    "situation": "/situations/1050",
    "planned-work": "/planned-work",
    "parts": "/parts",
    "parts-map": "/parts/parts",
    "parts-stock": "/parts/stock",
    "parts-depots": "/parts/depots",
    "parts-contracts": "/parts/contracts",
    "parts-warranty": "/parts/warranty",
    "rules": "/rules",
    "rule": "/rules/filesystem_nearly_full?scope=room",
    "rule-held": "/rules/restart_pending",
    "coverage": "/coverage",
    "coverage-site": f"/coverage?site={quote(COURT)}",
    "sites": "/sites",
    "site": f"/sites?site={quote(COURT)}",
    "enrolment": "/enrolment",
    "duplicates": "/duplicates",
    "outbox": "/outbox",
    "people": "/people",
    "audit": "/audit",
    "account": "/account",
    "keys": "/keys",
    "api": "/api",
}
# Pieces of pages, and files of one's own to keep or to read by machine.
PIECES: Final = (f"/devices/{DISK}/refresh/{REFRESH}", f"{ROOM}/check/{CHECK}")
FILES: Final = (
    "/devices.csv", f"/devices/{DISK}/inventory/disks.csv", "/rooms.csv", "/rooms/morning.txt", "/tickets.csv?state=any",
    "/tickets/1041/evidence.html", "/coverage.csv", "/coverage/without-agent.csv", "/audit.csv", "/parts/stock.csv?low=1", "/parts/warranty/sample.csv", "/duplicates.csv", "/outbox.csv", "/keys.csv",
    "/people.csv", "/sites.csv", "/enrolment.csv", "/situations.csv", "/planned-work.csv", "/rules.csv", "/overrides.csv",
    "/accepted-values.csv", f"{ROOM}/bookings.csv", f"{ROOM}/checks.csv", "/healthz", "/readyz", "/metrics", "/static/console.css",
    f"/devices/{DISK}/brief?save=1", f"/sites/{quote(COURT)}/brief?save=1", f"{ROOM}/sheet?save=1",
)  # fmt: skip
LEADS_ON: Final = (f"/d/{DISK[:12]}",)
# Answer only where an identity provider is set: tests/console/test_oidc.py has one.
ELSEWHERE: Final = {"oidc.begin", "oidc.back", "oidc.leave"}


def endpoint(app: Flask, path: str) -> str:
    found: tuple[str, object] = app.url_map.bind("localhost").match(
        unquote(urlsplit(path).path), method="GET"
    )
    return found[0]


def readable(app: Flask) -> Iterator[str]:
    """Every endpoint that answers GET."""
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()):
            yield rule.endpoint


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Iterator[Flask]:
    """The whole county, for tests that change nothing."""
    app = make_app(tmp_path_factory.mktemp("county"))
    with database(app).writer() as session, session.begin():
        build(session, now)
    yield app
    database(app).engine.dispose()


def for_programs(app: Flask) -> dict[str, str]:
    """{endpoint: address} of everything that the API answers, about things there are."""
    with database(app).reader() as session:
        first = {
            name: session.scalars(select(column).limit(1)).one()
            for name, column in (
                ("acceptance_id", Acceptance.id), ("override_id", Override.id), ("work_id", Maintenance.id), ("token_id", EnrolmentToken.id),
            )
        }  # fmt: skip
    known = first | {
        "device_id": DISK, "section": "disks", "site": COURT, "name": "Courtroom 3", "check_id": CHECK, "rule": "filesystem_nearly_full",
    }  # fmt: skip
    adapter, found = app.url_map.bind("localhost"), {}
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.rule.startswith(PATH):
            told = known | {"number": 1050 if "situations" in rule.rule else 1041}
            found[rule.endpoint] = adapter.build(rule.endpoint, {name: told[name] for name in rule.arguments})
    return found


def build(session: Session, now: datetime) -> None:
    """The whole county: devices, rooms in every state, what people decided, and the rows of the administration."""
    world.build(session, now)
    session.flush()
    courthouse.build(session, now)
    session.flush()
    decided.build(session, now)
    session.flush()
    spares.build(session, now)
    session.get_one(Site, COURT).hours = decided.WEEK
    _enrolled_again(session, now)
    _asked_for(session, now)
    keys.build(session, now)
    _undelivered(session, now)
    for n, (uses_left, for_, revoked) in enumerate(
        ((12, 7, False), (0, 2, False), (5, -1, False), (3, 6, True))
    ):
        session.add(
            EnrolmentToken(
                id=f"{n:032x}", secret_hash=f"{n:064x}", site=COURT if n % 2 else OFFICE, room="Courtroom 1" if n else "",
                group="av" if n else "desktop", device_class="av_host" if n else "", uses_left=uses_left, uses=12,
                created_at=now - timedelta(days=3), expires_at=now + timedelta(days=for_), created_by="lead.one",
                revoked_at=now - timedelta(hours=3) if revoked else None,
            )
        )  # fmt: skip
    gone = session.get_one(User, "viewer.one")
    session.add(
        User(name="maria.lopez", role="technician", password_hash=gone.password_hash, created_at=now - timedelta(days=400), disabled_at=now - timedelta(days=20))
    )  # fmt: skip
    for n, (who, action, subject, data) in enumerate(
        (
            ("admin.one", "add_user", "maria.lopez", {"role": "technician"}),
            ("lead.one", "create_token", COURT, {"uses": 12, "valid_for": "7d"}),
            ("technician.one", "note", "1041", None),
            ("admin.one", "disable_user", "maria.lopez", None),
        )
    ):
        session.add(AuditEntry(id=f"{n:032x}", at=now - timedelta(hours=7 * n + 1), who=who, action=action, subject=subject, data=data))  # fmt: skip


def _enrolled_again(session: Session, now: datetime) -> None:
    old = session.get_one(Device, DISK)
    world.device(
        session, TWIN, "tul-clerk-014b", now, system_serial=old.system_serial, asset_tag="", possible_duplicate_of=DISK,
        enrolled_at=now - timedelta(hours=1),
    )  # fmt: skip


def _asked_for(session: Session, now: datetime) -> None:
    """A Refresh now and a check that are under way."""
    asked = now - timedelta(seconds=8)
    session.add(
        RefreshRequest(id=REFRESH, device_id=DISK, number=1, asked_by="technician.one", asked_at=asked, sent_at=None, answered_at=None)
    )  # fmt: skip
    session.add(
        ReadinessCheck(id=CHECK, site=COURT, room="Courtroom 3", trigger=ASKED, for_at=asked, who="technician.one", asked_at=asked, ended_at=None, items=[], bring=[])
    )  # fmt: skip


def _undelivered(session: Session, now: datetime) -> None:
    for n, (state, error) in enumerate(((FAILED, "550 no such user here"), (WAITING, "the server did not answer in time"))):  # fmt: skip
        session.add(
            OutboxRow(
                id=f"{n:032x}", key=f"{DISK}:{'7' * 32}", seq=n, verb="update", body={"number": 1041, "title": "A disk", "text": ""},
                created_at=now - timedelta(hours=2 - n), state=state, attempts=n + 1, error=error,
            )
        )  # fmt: skip
