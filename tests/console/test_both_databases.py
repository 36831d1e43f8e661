"""Every page and list on SQLite and on PostgreSQL."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from console import create_app, devices, tickets
from console.config import Config
from tests.console import decided, world
from tests.console.conftest import database, signed_in
from tests.console.decided import FULL, RECORDER

DISK = "0c7be3a9d4f15862"
PAGES = (
    "/", "/devices", f"/devices/{DISK}", f"/devices/{DISK}/pictures?span=30d", f"/devices/{DISK}/inventory/software?q=package-1",
    "/tickets", "/tickets?state=any&q=1041", "/tickets/1041", "/tickets/1041/evidence.html", "/coverage", "/enrolment", "/people",
    "/audit", "/account", "/devices.csv", "/tickets.csv", "/coverage.csv", "/audit.csv", "/readyz", "/metrics",
    "/situations", "/situations/1050", "/situations/1051", "/planned-work", "/rules", "/rules?q=disk", "/rules/filesystem_nearly_full",
    "/sites", "/sites?site=Tulsa+County+Courthouse", "/devices/1b22c8f04e6a9d31",
    "/devices?q=COURT&site=x&presence=silent&patch=unknown&severity=none&newly=1&probe=patches&reason=x",
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
    ("/people", {"name": "new.user", "role": "viewer", "password": "twelve is enough"}),
    ("/people/lead.one/disable", {}),
    ("/sign-in", {"name": "viewer.one", "password": world.PASSWORD}),
)


def test_every_page_list_and_change_works(engine: Engine, tmp_path: Path, now: datetime) -> None:
    url = engine.url.render_as_string(hide_password=False)
    app = create_app(Config(state_dir=tmp_path, database=url))
    app.config.update(WTF_CSRF_ENABLED=False)
    with database(app).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        decided.build(session, now)
    client = signed_in(app)
    paths = [
        *PAGES,
        *(f"/devices?sort=-{key}" for key in devices.SORTS),
        *(f"/tickets?sort={key}" for key in tickets.SORTS),
    ]
    assert {path: status for path in paths if (status := client.get(path).status_code) != 200} == {}
    assert {
        path: status for path, form in CHANGES if (status := client.post(path, data=form).status_code) >= 400
    } == {}
    assert "noted down" in client.get("/tickets/1042").text
    database(app).engine.dispose()
