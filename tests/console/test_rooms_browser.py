"""A real chromium in the rooms: pages fit, the sheet is one page of paper, buttons work, nothing runs."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from collector.rooms import checks
from collector.store.rooms import Room
from tests.console import courthouse, world
from tests.console.conftest import database, make_app
from tests.console.courthouse import BARE, COURT, OFFICE, RECORDER
from tests.console.hostile import KINDS, STRINGS
from tests.console.test_browser import SHOTS, Watched, address, browser, reports, sign_in
from tests.console.test_rooms import called

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
__all__ = ["address", "browser"]  # fixtures

ROOM = f"/rooms/{quote(COURT)}/Courtroom%203"
SILENT = f"/rooms/{quote(OFFICE)}/Hearing%20room%205~2FB"
JURY = f"/rooms/{quote(COURT)}/Jury%20room"
PAGES = {
    "rooms": "/rooms", "room": ROOM, "baseline": f"{ROOM}/baseline", "sheet": f"{ROOM}/sheet", "silent-room": SILENT,
    "silent-baseline": f"{SILENT}/baseline", "silent-sheet": f"{SILENT}/sheet", "first-baseline": f"{JURY}/baseline",
    "bare-room": f"/rooms/{quote(OFFICE)}/Training%20room", "morning": "/rooms/morning", "today-rooms": "/",
    "placed": f"/devices/{RECORDER}",
}  # fmt: skip


@pytest.fixture
def app(tmp_path: Path, now: datetime) -> Iterator[Flask]:
    made = make_app(tmp_path)
    with database(made).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        courthouse.build(session, now)
    yield made
    database(made).engine.dispose()


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_sheet_is_one_page_of_paper(
    paper: str, app: Flask, address: str, browser: Browser, now: datetime
) -> None:
    """Also that of a room with more parts than fit, and a long way in."""
    SHOTS.mkdir(exist_ok=True)
    with database(app).writer() as session, session.begin():
        told = {"displays": {f"d{n}": {"maker": "NEC", "model": f"Wall {n}", "connector": f"DP-{n}", "serial": f"84105523N{n:03}"} for n in range(70)}}  # fmt: skip
        courthouse.baseline(session, BARE, told, now)
        session.get_one(Room, (COURT, "Courtroom 3")).note = (
            "The key hangs at the counter of the clerk. " * 60
        )
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, address)
    for path in (ROOM, SILENT, JURY):
        page.goto(f"{address}{path}/sheet")
        pdf = page.pdf(format=paper)
        (SHOTS / f"print-sheet-{paper}-{path[-4:]}.pdf").write_bytes(pdf)
        assert pages_of(pdf) == 1, path
    context.close()


def test_a_lead_accepts_a_first_baseline_without_a_script(app: Flask, address: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, address, "lead.one")
    page.goto(f"{address}/rooms?q=jury")
    page.click("a.name:has-text('Jury room')")
    page.click("text=Look at the baseline and accept it")
    page.fill("input[name=why]", "As the installer handed it over")
    page.click("button:has-text('Accept as the baseline')")
    expect(page.locator("text=Accepted: 11 added")).to_have_count(1)
    expect(page.locator(".tally", has_text="11 as accepted")).to_have_count(1)
    page.click(".crumb a:has-text('Jury room')")
    expect(page.locator(".verdict .lead .mark", has_text="ready")).to_have_count(1)
    assert reports(app) == 0
    context.close()


def test_check_now_follows_without_a_reload(app: Flask, address: str, browser: Browser) -> None:
    context = browser.new_context()
    watched = Watched(context)
    page = watched.page
    sign_in(page, address, "technician.one")
    page.goto(f"{address}{ROOM}")
    page.click("button:has-text('Check now')")
    page.wait_for_selector("text=asked for fresh data")
    page.wait_for_selector(".asked >> text=reads now", timeout=5000)
    with database(app).writer() as session, session.begin():
        checks.finish(session, datetime.now(UTC) + timedelta(seconds=90))
    page.wait_for_selector("#check .mark.bad", timeout=5000)
    assert watched.complaints == []
    assert reports(app) == 0
    context.close()


def test_a_browser_runs_nothing_that_a_room_is_called(app: Flask, address: str, browser: Browser) -> None:
    context = browser.new_context()
    watched = Watched(context)
    page = watched.page
    sign_in(page, address)
    paths = called(app, STRINGS)
    walked = [kind[0] for kind in KINDS.values()]
    for path in (*(f"{paths[text]}{more}" for text in walked for more in ("", "/baseline", "/sheet")), "/rooms/morning", "/rooms"):  # fmt: skip
        answer = page.goto(f"{address}{path}")
        assert answer is not None and answer.status == 200, path
        assert page.evaluate("window.hacked") is None
    page.click("tr.risk a.name, td.main a.name >> nth=0")
    assert watched.complaints == []
    assert reports(app) == 0
    context.close()
