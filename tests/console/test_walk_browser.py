"""A real chromium on every page, as every role and in every look: each opens whole, fits, and can be used by everybody."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.exceptions import HTTPException
from werkzeug.serving import make_server

from collector.roles import ROLES
from console import access
from tests.console import poison, walk
from tests.console.conftest import database, make_app, signed_in
from tests.console.hostile import STRINGS
from tests.console.test_browser import Watched, browser, reports
from tests.console.walk import PAGES, county

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300), pytest.mark.xdist_group("walk")]
__all__ = ["browser", "county"]  # fixtures

LAPTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
PAPER = {"width": 720, "height": 1000}  # A4 less its margins
_OPEN_ALL = "document.querySelectorAll('main details').forEach(part => { part.open = true })"
_TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Everything is judged once in light; in dark what has to do with colours, on a phone what has to do with width.
_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
_WIDTH = {
    "runOnly": [
        "scrollable-region-focusable",
        "aria-hidden-focus",
        "nested-interactive",
        "link-name",
        "button-name",
    ]
}
# Long rows of what is alike are judged by the first ones: axe takes half a minute for four hundred.
_FEWER = "document.querySelectorAll('tbody tr:nth-child(n + 9), details:nth-of-type(n + 9)').forEach(row => row.remove())"
_AXE = """options => axe.run(document, {resultTypes: ['violations'], preload: false, ...options}).then(found =>
    found.violations.filter(rule => ['serious', 'critical'].includes(rule.impact)).flatMap(rule =>
        rule.nodes.map(node => `${rule.id}: ${node.target.join(' ')}`)))"""
_ON_PAPER = """() => [...document.querySelectorAll('nav, button, .button, textarea, input:not([type=checkbox])')]
    .filter(part => part.checkVisibility()).map(part => part.outerHTML.slice(0, 80))"""
_SAID = """() => ({
    title: document.title.replace('· Tocsin', '').trim(), headings: document.querySelectorAll('h1').length,
    links: [...document.links].map(link => link.getAttribute('href')),
    forms: [...document.forms].filter(form => form.querySelector('button:enabled')).map(form => [form.method.toUpperCase(), form.getAttribute('action') || ''])})"""


@contextmanager
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def address(county: Flask) -> Iterator[str]:
    county.config["WTF_CSRF_ENABLED"] = True
    with served(county) as address:
        yield address


def enter(context: BrowserContext, app: Flask, address: str, role: str) -> None:
    """Signed in, without the time that the door costs: it is looked at by test_browser.py."""
    cookie = signed_in(app, role).get_cookie("tocsin")
    assert cookie is not None
    context.add_cookies([{"name": "tocsin", "value": cookie.value, "url": address}])


class Followed(Watched):
    """Also hears of what was asked for and did not come."""

    def __init__(self, context: BrowserContext) -> None:
        super().__init__(context)
        # Leaving a page ends what it was asking for: that is no failure.
        self.page.on("requestfailed", lambda asked: "ABORTED" in str(asked.failure) or self.complaints.append(f"failed: {asked.url} {asked.failure}"))  # fmt: skip
        self.page.on("response", lambda answer: answer.status < 400 or self.complaints.append(f"{answer.status}: {answer.url}"))  # fmt: skip


def leads_where(app: Flask, link: str, base: str, method: str = "GET") -> str | None:
    """The endpoint; None: to a place on the same page, or to none of ours."""
    path = unquote(urlsplit(link).path) or unquote(urlsplit(base).path)
    try:
        found: str = app.url_map.bind("localhost").match(path, method=method)[0]
    except HTTPException:
        return None
    return found


@pytest.mark.parametrize("role", ROLES)
def test_each_page_opens_whole_and_leads_only_where_its_reader_may_go(
    role: str, county: Flask, address: str, browser: Browser
) -> None:
    context = browser.new_context(viewport=LAPTOP)
    enter(context, county, address, role)
    watched, wrong, links = Followed(context), [], set()
    for name, path in PAGES.items():
        if not access.allows(role, walk.endpoint(county, path)):
            continue
        answer = watched.page.goto(f"{address}{path}")
        said = watched.page.evaluate(_SAID)
        if answer is None or answer.status != 200 or said["headings"] != 1 or not said["title"]:
            wrong.append((name, answer and answer.status, said["headings"], said["title"]))
        for method, link in [("GET", link) for link in said["links"]] + said["forms"]:
            place = leads_where(county, link, path, method)
            if place is None or not access.allows(role, place):
                wrong.append((name, method, link, place))
            elif method == "GET" and link.startswith("/"):
                links.add(link.partition("#")[0])
    context.close()
    assert not wrong, "\n".join(map(str, wrong))
    assert watched.complaints == []
    assert reports(county) == 0
    if role == ROLES[-1]:  # who sees all links there are
        client = signed_in(county, role)
        # One of those that differ in their order or in a filter's value.
        kinds = {
            (urlsplit(link).path, *sorted(parse_qs(urlsplit(link).query))): link for link in sorted(links)
        }
        dead = {link: status for link in kinds.values() if (status := client.get(link).status_code) >= 400}
        assert dead == {}


def test_a_browser_runs_nothing_that_devices_and_people_wrote(
    tmp_path: Path, now: datetime, browser: Browser
) -> None:
    """Another hostile text in every free column of the store: no script runs and the policy has nothing to report."""
    app = make_app(tmp_path)
    with database(app).writer() as session, session.begin():
        walk.build(session, now)
    poison.poison(app, STRINGS)
    context = browser.new_context(viewport=LAPTOP)
    watched = Watched(context)
    with served(app) as address:
        enter(context, app, address, ROLES[-1])
        for name, path in PAGES.items():
            answer = watched.page.goto(f"{address}{path}")
            assert answer is not None and answer.status == 200, name
            assert watched.page.evaluate("window.hacked") is None, name
        context.close()
    assert watched.complaints == []
    assert reports(app) == 0
    database(app).engine.dispose()


def test_each_page_fits_and_can_be_read_in_every_look(county: Flask, address: str, browser: Browser) -> None:
    """axe finds nothing serious or critical; nothing hangs over the side; paper has no buttons and is white."""
    context = browser.new_context(viewport=LAPTOP)
    watched, wrong = Followed(context), []
    page = watched.page
    seen: set[str] = set()
    page.goto(f"{address}/sign-in")
    wrong += [("the door", *found) for found in _looked_at(page, door=True)]
    enter(context, county, address, ROLES[-1])
    for name, path in PAGES.items():
        page.goto(f"{address}{path}")
        # A second page of one kind differs in what it says: it is judged in light.
        place = walk.endpoint(county, path)
        wrong += [(name, *found) for found in _looked_at(page, whole=place not in seen)]
        seen.add(place)
    page.goto(f"{address}/enrolment")
    page.click("text=Make the token")
    page.wait_for_selector("#line")
    wrong += [("token", *found) for found in _looked_at(page)]
    complaints = list(watched.complaints)
    page.goto(f"{address}/nothing-here")  # of which a browser complains, rightly
    wrong += [("missing", *found) for found in _looked_at(page)]
    context.close()
    assert not wrong, "\n".join(map(str, wrong))
    assert complaints == []
    assert reports(county) == 0


def _looked_at(page: Page, *, whole: bool = True, door: bool = False) -> Iterator[tuple[str, Any]]:
    page.evaluate(_OPEN_ALL)
    page.evaluate(_FEWER)
    page.evaluate(f"{AXE_SCRIPT}; 0")
    for look, size, options in (("light", LAPTOP, {}), ("phone", PHONE, _WIDTH), ("dark", LAPTOP, _COLOURS)):
        page.emulate_media(color_scheme="dark" if look == "dark" else "light")
        page.set_viewport_size(size)  # type: ignore[arg-type]
        if (over := page.evaluate(_TOO_WIDE)) > 0:
            yield look, f"{over} px too wide"
        for found in page.evaluate(_AXE, options) if whole or look == "light" else ():
            yield look, found
    page.set_viewport_size({"width": 800, "height": 900})
    if (over := page.evaluate(_TOO_WIDE)) > 0:
        yield "tablet", f"{over} px too wide"
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size(PAPER)  # type: ignore[arg-type]
    for part in page.evaluate(_ON_PAPER) if not door else ():  # nobody prints it
        yield "print", part
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    if paper != "rgb(255, 255, 255)":
        yield "print", f"paper is {paper}"
    if (over := page.evaluate(_TOO_WIDE)) > 0 and not page.query_selector(
        ".labels"
    ):  # they have paper of their own
        yield "print", f"{over} px too wide"
    page.emulate_media(media="screen", color_scheme="light")
    page.set_viewport_size(LAPTOP)  # type: ignore[arg-type]
