"""Every page and list on SQLite and on PostgreSQL."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from collector.store.devices import Device
from console import create_app, devices, tickets
from console.config import Config
from tests.console import courthouse, decided, world
from tests.console.conftest import TEMPLATES, database, signed_in
from tests.console.decided import FULL, RECORDER
from tests.console.test_room_baseline import form

DISK = "0c7be3a9d4f15862"
ROOM, SILENT = (
    "/rooms/Tulsa%20County%20Courthouse/Courtroom%203",
    "/rooms/Norman%20Field%20Office/Hearing%20room%205~2FB",
)
PAGES = (
    "/", "/devices", f"/devices/{DISK}", f"/devices/{DISK}/pictures?span=30d", f"/devices/{DISK}/inventory/software?q=package-1",
    "/tickets", "/tickets?state=any&q=1041", "/tickets/1041", "/tickets/1041/evidence.html", "/coverage", "/enrolment", "/people",
    "/audit", "/account", "/keys", "/keys?state=any&maker=me&q=x&sort=-used", "/keys.csv", "/api", "/devices.csv", "/tickets.csv", "/coverage.csv", "/audit.csv", "/readyz", "/metrics",
    "/situations", "/situations/1050", "/situations/1051", "/planned-work", "/rules", "/rules?q=disk", "/rules/filesystem_nearly_full",
    "/sites", "/sites?site=Tulsa+County+Courthouse", "/devices/1b22c8f04e6a9d31",
    "/devices?q=COURT&site=x&presence=silent&patch=unknown&severity=none&newly=1&probe=patches&reason=x",
    "/rooms", "/rooms?q=x&site=y&risk=1&verdict=ready&sort=-since", "/rooms.csv", "/rooms/morning", "/rooms/morning.txt?site=x%00",
    f"/devices/{DISK}/brief", f"/devices/{DISK}/brief?save=1", "/sites/Tulsa%20County%20Courthouse/brief", "/sites/Norman%20Field%20Office/brief",
    ROOM, f"{ROOM}/baseline", f"{ROOM}/sheet", f"{ROOM}/sheet?save=1", SILENT, f"{SILENT}/baseline",
    "/duplicates", "/devices/labels?paper=a4&site=x", "/devices/labels?sort=-age", "/devices?q=S4EV",
    "/outbox", "/outbox?q=1041&state=paused&sort=-attempts", "/outbox.csv?state=any", "/tickets?due=over", "/tickets.csv?due=soon", "/devices?blind=1",
    "/duplicates.csv", "/people.csv", "/sites.csv", "/enrolment.csv", "/situations.csv", "/planned-work.csv", "/rules.csv?q=disk",
    "/overrides.csv", "/accepted-values.csv", f"{ROOM}/bookings.csv", f"{ROOM}/checks.csv",
    "/devices?q=%00&after=WyJ2IiwiXHUwMDAwIiwieCJd&sort=name",
)  # fmt: skip
CHANGES = (
    (f"/devices/{DISK}/refresh", {}),
    ("/tickets/1042/acknowledge", {"version": "1"}),
    ("/tickets/1042/note", {"text": "noted\x00 down"}),
    ("/situations/1050/look-after", {}),
    (f"/devices/{RECORDER}/findings/{FULL}/accept", {"why": "known\x00"}),
    (
        "/planned-work",
        {
            "site": world.COURT,
            "starts": "2199-01-01T00:00",
            "ends": "2199-01-01T04:00",
            "why": "x",
            "weekly": "1",
        },
    ),
    (
        "/rules/filesystem_nearly_full/overrides",
        {"scope": "device", "device": DISK, "hold": "3 h", "why": "x"},
    ),
    ("/rules/restart_pending/versions/9a0b1c2d3e4f5061/release", {}),
    ("/sites", {"site": world.OFFICE, "time_zone": "UTC", "hours_0": "8-17", "holidays": "2199-12-25"}),
    ("/tickets/1041/priority", {"priority": "2", "why": "x", "version": "3"}),
    ("/tickets/1039/move", {"to": "closed", "outcome": "real", "part_used": "A battery", "version": "1"}),
    ("/enrolment/tokens", {"group": "desktop", "uses": "1", "valid": "1h", "new_site": "A new one"}),
    ("/keys", {"title": "Wall\x00 display", "role": "viewer", "until": ""}),
    ("/people", {"name": "new.user", "role": "viewer", "password": "twelve is enough"}),
    ("/people/lead.one/disable", {}),
    (f"{ROOM}/check", {}),
    (ROOM, {"hours_0": "8-17", "note": "key\x00"}),
    (f"{SILENT}/check", {}),
    (f"/devices/{RECORDER}/place", {"site": world.COURT, "room": "Courtroom 3\x00", "group": "av"}),
    ("/duplicates", {"device": RECORDER, "other": DISK, "decision": "two"}),
    ("/sign-in", {"name": "viewer.one", "password": world.PASSWORD}),
)


def test_every_page_list_and_change_works(engine: Engine, tmp_path: Path, now: datetime) -> None:
    url = engine.url.render_as_string(hide_password=False)
    app = create_app(Config(state_dir=tmp_path, database=url))
    app.config.update(WTF_CSRF_ENABLED=False)
    app.jinja_env.bytecode_cache = TEMPLATES
    with database(app).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        courthouse.build(session, now)
        session.flush()
        decided.build(session, now)
        session.get_one(Device, RECORDER).possible_duplicate_of = DISK
    client = signed_in(app)
    paths = [
        *PAGES,
        *(f"/devices?sort=-{key}" for key in devices.SORTS),
        *(f"/tickets?sort={key}" for key in tickets.SORTS),
    ]
    assert {path: status for path in paths if (status := client.get(path).status_code) != 200} == {}
    assert {
        path: status
        for path, typed in CHANGES
        if (status := client.post(path, data=typed).status_code) >= 400
    } == {}
    lead = signed_in(app)  # the last change signed in as somebody else
    accepted = lead.post(f"{ROOM}/baseline", data=form(lead.get(f"{ROOM}/baseline").text, "all"), follow_redirects=True).text  # fmt: skip
    assert "Accepted: 1 added, 2 changed, 3 no longer expected, 6 as before." in accepted
    assert "noted down" in client.get("/tickets/1042").text
    database(app).engine.dispose()
