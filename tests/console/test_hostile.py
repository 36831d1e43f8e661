"""Every text a device sends, in every page and CSV: shown, inert."""

import csv
import io
import json
import zlib
from html.parser import HTMLParser

import pytest
from flask import Flask
from sqlalchemy import update

from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.inventory import InventoryChange, InventorySection
from collector.store.reports import ProbeResult
from collector.store.tickets import Evidence, Ticket, TicketEvent
from console.lists import cell
from tests.console.conftest import database, signed_in
from tests.console.hostile import STRINGS

DISK = "0c7be3a9d4f15862"
PAGES = (
    "/", "/devices", f"/devices/{DISK}", f"/devices/{DISK}/pictures", f"/devices/{DISK}/inventory/disks", "/tickets?state=any",
    "/tickets/1041", "/tickets/1041/evidence.html", "/coverage", f"/devices/{DISK}/brief", f"/devices/{DISK}/brief?save=1",
    "/sites/Tulsa%20County%20Courthouse/brief", "/devices/labels", "/duplicates",
)  # fmt: skip
CSVS = ("/devices.csv", "/tickets.csv?state=any", "/coverage.csv", f"/devices/{DISK}/inventory/disks.csv")
ALLOWED_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "link",
    "script",
    "style",
    "body",
    "a",
    "header",
    "div",
    "svg",
    "path",
    "nav",
    "main",
    "p",
    "h1",
    "h2",
    "h3",
    "section",
    "span",
    "form",
    "input",
    "button",
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "bdi",
    "b",
    "br",
    "ol",
    "ul",
    "li",
    "dl",
    "dt",
    "dd",
    "time",
    "figure",
    "figcaption",
    "line",
    "rect",
    "text",
    "polyline",
    "polygon",
    "circle",
    "details",
    "summary",
    "fieldset",
    "legend",
    "label",
    "select",
    "option",
    "textarea",
    "aside",
}


class Reader(HTMLParser):
    """What a browser would see: elements, attributes, and the text between."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text: list[str] = []
        self.scripts: list[str] = []
        self._within = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        if tag not in ALLOWED_TAGS:
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("style", "srcdoc", "formaction"):
                self.wrong.append(f"{tag} {name}={value}")
            if name in ("href", "src", "action") and not str(value).startswith(("/", "#", "?")):
                self.wrong.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self._within == "script" else self.text).append(data)


def plant(app: Flask, text: str) -> None:
    """The same text everywhere an agent can put one."""
    with database(app).writer() as session, session.begin():
        session.execute(
            update(Device).values(
                host_name=text, room=text, maker=text, model=text, os_name=text, system_serial=text, asset_tag=text,
                smbios_uuid=text[:64], agent_version=text[:64], address=text[:64], patch_reason=text, wired_macs=[text],
            )
        )  # fmt: skip
        session.execute(
            update(Device).where(Device.id == "1b22c8f04e6a9d31").values(possible_duplicate_of=DISK)
        )
        for finding in session.query(Finding):
            finding.summary, finding.component = text, text
        for result in session.query(ProbeResult):
            result.reason = text if result.outcome != "ok" else ""
            result.readings = [[row[0], text, row[2], text] for row in result.readings]
        items = zlib.compress(
            json.dumps({text: {text[:64]: text, "size_bytes": text, "model": text}}).encode()
        )
        session.execute(update(InventorySection).values(items=items, items_count=1))
        session.execute(
            update(InventoryChange).values(key=text, after={text: text}, before={text: "x"}, kind="changed")
        )
        session.execute(update(Ticket).values(title=text, body=text, proposal=text))
        session.execute(update(TicketEvent).values(text=text))
        for evidence in session.query(Evidence):
            evidence.body = evidence.body | {"facts": {text: text}, "clauses": [{"text": text, "metric": text, "value": 1.0, "limit": 1.0, "at": text}]}  # fmt: skip


def test_there_are_enough_of_them() -> None:
    assert len(set(STRINGS)) >= 60


def test_every_text_is_shown_and_none_is_alive_in_any_page(app: Flask) -> None:
    client = signed_in(app)
    wrong = []
    for text in STRINGS:
        plant(app, text)
        for page in PAGES:
            answer = client.get(page)
            read = Reader(answer.text)
            bad = [
                one for one in read.wrong if one not in ("<datalist>", "<g>")
            ]  # rooms to choose from; codes
            if answer.status_code != 200 or bad or any(script.strip() for script in read.scripts):
                wrong.append((page, text, answer.status_code, bad, read.scripts))
            if page == f"/devices/{DISK}":
                shown = "".join(read.text)
                assert text.split("\n")[0][:40] in shown, text
    assert wrong == []


def test_no_cell_of_a_csv_is_a_formula(app: Flask) -> None:
    client = signed_in(app)
    for text in STRINGS:
        plant(app, text)
        for path in CSVS:
            answer = client.get(path)
            assert answer.mimetype == "text/csv"
            rows = list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff"))))
            assert len(rows) > 1
            widths = {len(row) for row in rows}
            assert len(widths) == 1, (path, text)
            for row in rows[1:]:
                for one in row:
                    assert not one.startswith(("=", "+", "-", "@", "\t", "\r", "|", "＝")), (path, one)


@pytest.mark.parametrize("number", [-5, 3.5, 0])
def test_a_number_in_a_csv_stays_a_number(number: float) -> None:
    assert cell(number) == number


def test_a_csv_keeps_the_text_behind_the_apostrophe() -> None:
    assert cell("=1+1") == "'=1+1"
    assert cell("plain") == "plain"
