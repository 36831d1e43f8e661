"""A real chromium with the briefs: they fit a telephone, a device is one page of paper, a room at most two, a
site at most three."""

from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from playwright.sync_api import Browser

from tests.console import rows, spares, world
from tests.console.conftest import database
from tests.console.test_browser import SHOTS, address, browser, sign_in
from tests.console.test_rooms_browser import app, pages_of

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
__all__ = ["address", "app", "browser"]  # fixtures

DISK = "0c7be3a9d4f15862"
SITE = f"/sites/{quote(world.COURT)}/brief"
PAGES = {
    "brief": f"/devices/{DISK}/brief", "away-brief": "/devices/61c4e8a2b90f3d75/brief", "site-brief": SITE,
    "half-brief": "/devices/5a6b93f1c07d2e48/brief", "room-brief": f"/rooms/{quote(world.COURT)}/Courtroom%203/brief",
}  # fmt: skip


def _many(app: Flask, now: datetime) -> None:
    """More of everything than fits a page, on one device; and thirty devices with something open."""
    long = (
        "A sentence of the length that rules really have, about what it means and about what to do next. " * 3
    )
    with database(app).writer() as session, session.begin():
        spares.build(session, now)
        disks = {f"d{n}": {"model": f"Drive {n} PM983a of a long name", "serial": f"S4EVNF0M7123{n:02}", "form_factor": "2.5 inch", "interface": "SATA", "capacity_bytes": "250059350016", "location": f"bay {n}"} for n in range(14)}  # fmt: skip
        for number in range(30):
            id = f"{0xB0 + number:016x}"
            rows.device(session, id, f"tul-desk-{number:03}", now, room=f"Office {number}", worst_severity="critical", open_findings=9)  # fmt: skip
            rows.section(session, id, "disks", disks if not number else {"d1": disks["d1"]}, now)
            for each in range(9 if not number else 2):
                rows.finding(session, id, f"m{each}", f"rule_{each}", now, component=f"d{each}", severity="critical", summary=f"Disk {each} cannot read 40 of its sectors", texts={"meaning": long, "advice": long, "bring": f"A replacement drive number {each}; a cable of {each} metres"})  # fmt: skip
            for each in range(12 if not number else 1):
                rows.probe(session, id, f"probe_{each}", now, [], "failed", long)
            rows.ticket(session, id, f"{number:032x}", 2000 + number, "Disks fail", now)


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_device_is_one_page_of_paper_and_a_site_of_thirty_at_most_three(
    paper: str, app: Flask, address: str, browser: Browser, now: datetime, tmp_path: Path
) -> None:
    SHOTS.mkdir(exist_ok=True)
    _many(app, now)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, address)
    for name, path, most in (
        ("brief", PAGES["brief"], 1),
        ("half-brief", PAGES["half-brief"], 1),
        ("full-brief", f"/devices/{0xB0:016x}/brief", 1),
        ("site-brief", SITE, 3),
        ("room-brief", PAGES["room-brief"], 2),
    ):
        page.goto(f"{address}{path}")
        pdf = page.pdf(format=paper)
        (SHOTS / f"print-{name}-{paper}.pdf").write_bytes(pdf)
        assert pages_of(pdf) <= most, name
    saved = page.request.get(f"{address}{SITE}?save=1").body()
    assert len(saved) < 300_000
    (tmp_path / "brief.html").write_bytes(saved)
    page.goto((tmp_path / "brief.html").as_uri())
    assert pages_of(page.pdf(format=paper)) <= 3, "saved it prints the same"
    context.close()
