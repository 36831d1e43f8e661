"""A real chromium walks through the pages: nothing is blocked, nothing is logged, nothing runs."""

import os
import shutil
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright
from sqlalchemy import update
from werkzeug.serving import make_server

from collector.store.installation import RefreshRequest
from tests.console import world
from tests.console.conftest import database

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SHOTS = Path(__file__).resolve().parents[2] / "shots"
DISK = "0c7be3a9d4f15862"
# What a browser does of its own accord is none of a test's business.
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = os.environ.get("TOCSIN_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, headless=True, args=list(QUIET))
        yield launched
        launched.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class Watched:
    """A page, and everything its browser complained of."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self._heard(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: self._dialog(dialog))

    def _heard(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(f"{kind}: {text}")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def sign_in(page: Page, address: str, name: str = "admin.one") -> None:
    page.goto(f"{address}/sign-in")
    page.fill("input[name=name]", name)
    page.fill("input[name=password]", world.PASSWORD)
    page.click("button.main")
    page.wait_for_url(f"{address}/")


def reports(app: Flask) -> float:
    counter: Any = app.extensions["meters"].csp_reports
    return float(counter._value.get())


def test_the_browser_would_report_an_inline_script(app: Flask, address: str, browser: Browser) -> None:
    """The counter of reports is worth something only if it can count."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.evaluate("() => { const s = document.createElement('script'); s.textContent = 'window.hacked = 1'; document.body.append(s); }")  # fmt: skip
    page.wait_for_timeout(1500)
    assert page.evaluate("window.hacked") is None
    assert reports(app) > 0
    context.close()


def test_a_technician_takes_waits_resolves_and_closes(app: Flask, address: str, browser: Browser) -> None:
    context = browser.new_context()
    watched = Watched(context)
    page = watched.page
    sign_in(page, address, "technician.one")
    page.click("a.name:has-text('recordings is 93')")
    page.click("text=Acknowledge: I take it")
    expect(page.locator(".subline .mark", has_text="in progress")).to_have_count(1)
    page.click("summary:has-text('Wait for')")
    page.click("button:has-text('Wait')")
    expect(page.locator(".subline .mark", has_text="pending")).to_have_count(1)
    page.click("summary:has-text('Resolve')")
    page.fill("textarea[name=note]", "Moved last month's recordings to the archive.")
    page.click("form button:has-text('Resolve')")
    expect(page.locator(".subline .mark", has_text="resolved")).to_have_count(1)
    page.click("button[value=real]")
    expect(page.locator(".subline .mark", has_text="closed")).to_have_count(1)
    expect(page.locator("text=nothing more can be done")).to_have_count(1)
    assert watched.complaints == []
    assert reports(app) == 0
    context.close()


def test_a_lead_gives_a_room_other_numbers_and_ends_it(app: Flask, address: str, browser: Browser) -> None:
    """The form shows only the fields of the scope that was chosen, without a script."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, address, "lead.one")
    page.goto(f"{address}/rules/filesystem_nearly_full")
    page.click("summary:has-text('Add an override')")
    assert not page.is_visible("input[name=room]") and not page.is_visible("input[name=device]")
    page.select_option("select[name=scope]", "room")
    assert page.is_visible("input[name=room]") and not page.is_visible("input[name=device]")
    page.select_option("select[name=site]", world.COURT)
    page.fill("input[name=room]", "Courtroom 3")
    page.fill("input[name=raise_above]", "95 %")
    page.fill("input[name=why]", "Recordings are moved at night")
    page.click("button:has-text('Put it in force')")
    expect(page.locator("td", has_text="bad when filesystem used is above 95 %")).to_have_count(1)
    page.click("#overrides button:has-text('End')")
    expect(page.locator("text=the rule holds everywhere as written")).to_have_count(1)
    assert reports(app) == 0
    context.close()


def test_a_technician_plans_work_and_calls_it_off(app: Flask, address: str, browser: Browser) -> None:
    context = browser.new_context()
    watched = Watched(context)
    page = watched.page
    sign_in(page, address, "technician.one")
    page.goto(f"{address}/devices/{DISK}")
    page.click("text=Plan work on this device")
    page.fill("input[name=starts]", "2199-03-31T18:00")
    page.fill("input[name=ends]", "2199-03-31T20:00")
    page.fill("input[name=why]", "The disk is replaced")
    page.click("button:has-text('Plan it')")
    expect(page.locator("td", has_text="Sun 31 Mar 2199 18:00 – 20:00")).to_have_count(1)
    page.click("button:has-text('Call off')")
    expect(page.locator("text=called off just now")).to_have_count(1)
    assert watched.complaints == []
    assert reports(app) == 0
    context.close()


def test_refresh_now_follows_without_a_reload(
    app: Flask, address: str, browser: Browser, now: datetime
) -> None:
    context = browser.new_context()
    watched = Watched(context)
    page = watched.page
    sign_in(page, address)
    page.goto(f"{address}/devices/{DISK}")
    page.click("text=Refresh now")
    page.wait_for_selector("text=Waiting for the device's next call")
    with database(app).writer() as session, session.begin():
        session.execute(update(RefreshRequest).values(sent_at=now))
    page.wait_for_selector("text=is reading now", timeout=5000)
    with database(app).writer() as session, session.begin():
        session.execute(update(RefreshRequest).values(answered_at=RefreshRequest.asked_at))
    page.wait_for_selector("text=new data", timeout=5000)
    assert watched.complaints == []
    context.close()


def keep_picture(page: Page, path: Path, *, whole: bool) -> None:
    """For people to look at. Chromium without a screen now and then cannot take one on a busy machine; it can the
    next moment. What the test asserts is not in the picture."""
    for tries_left in (2, 1, 0):
        try:
            page.screenshot(path=path, full_page=whole)
        except Error as error:
            if not tries_left or "Unable to capture screenshot" not in str(error):
                raise
            page.wait_for_timeout(500)
        else:
            return


def test_pages_work_without_scripts(app: Flask, address: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, address)
    page.goto(f"{address}/devices/{DISK}")
    page.click("text=Refresh now")
    expect(page.locator("text=Waiting for the device's next call")).to_have_count(1)
    context.close()
