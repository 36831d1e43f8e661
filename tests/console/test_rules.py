"""The rules' pages: what they tell, other numbers for parts of the fleet, versions held back."""

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from collector.store.findings import Finding
from collector.store.overrides import Override, RuleHold
from collector.store.tickets import Ticket
from tests.collector.world import Collector, filesystem
from tests.console import world
from tests.console.conftest import database, signed_in
from tests.console.decided import DISK, every, told


def test_the_rules_page_tells_limits_findings_overrides_and_what_is_held(county: Flask) -> None:
    text = signed_in(county).get("/rules").text
    for words in (
        "Filesystem used above 90 % and filesystem free below 10 GB", "3 overrides", "would open tickets on 312 devices of 2040",
        "Let it open 312 tickets", "(1 held)",
    ):  # fmt: skip
        assert words in text, words
    assert "Let it open" not in signed_in(county, "technician").get("/rules").text


def test_a_rules_page_tells_its_texts_and_overrides(county: Flask) -> None:
    text = signed_in(county, "viewer").get("/rules/filesystem_nearly_full").text
    for words in ("bad when filesystem used is above 95 %", "it must last 2 hours", "switched off", "severity critical", "Recordings are moved at night", "/tickets/1042"):  # fmt: skip
        assert words in text, words
    assert "Put it in force" not in text and '<form method="post"' not in text.split("<main")[1]
    assert "{label}" not in text


OVERRIDE = {
    "scope": "site",
    "site": world.COURT,
    "raise_above": "95 %",
    "hold": "2 h",
    "why": "Moved at night",
    "until": "",
}


def test_a_lead_gives_a_part_of_the_fleet_other_numbers(app: Flask) -> None:
    before = told(app)
    answer = signed_in(app, "lead").post(
        "/rules/filesystem_nearly_full/overrides", data=OVERRIDE | {"until": "2199-01-31"}
    )
    assert answer.status_code == 302
    (row,) = every(app, Override)
    assert (row.scope, row.site, row.name, row.changes) == (
        "site",
        world.COURT,
        "",
        {"raise_above": 0.95, "hold": "2h"},
    )
    assert (row.who, row.until_at.isoformat()) == ("lead.one", "2199-02-01T00:00:00+00:00")
    assert told(app) != before


@pytest.mark.parametrize(
    ("form", "row"),
    [
        ({"scope": "all"}, ("", "", "")),
        ({"scope": "device_class", "device_class": "laptop"}, ("", "laptop", "")),
        ({"scope": "room", "room": "Courtroom 3"}, (world.COURT, "Courtroom 3", "")),
        ({"scope": "device", "device": "tul-clerk-014"}, ("", DISK, "")),
        ({"scope": "component", "device": DISK, "component": "a1b2"}, ("", DISK, "a1b2")),
    ],
)
def test_each_scope_takes_its_own_fields_and_leaves_the_others(
    app: Flask, form: dict[str, str], row: tuple[str, str, str]
) -> None:
    given = {
        "device_class": "server",
        "room": "x",
        "device": "nor-front-01",
        "component": "y",
        "enabled": "off",
    }
    signed_in(app).post("/rules/filesystem_nearly_full/overrides", data=OVERRIDE | given | form)
    (made,) = every(app, Override)
    assert (made.site, made.name, made.component) == row


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scope": ""}, "Choose for which devices"), ({"why": ""}, "Say why"), ({"raise_above": "", "hold": ""}, "Nothing would be different"),
        ({"raise_above": "lots"}, "is not a number"), ({"raise_above": "95"}, "write 95 %"), ({"raise_above": "80 %"}, "wrong side"),
        ({"hold": "a while"}, "no length of time"), ({"until": "2001-01-01"}, "lies in the past"), ({"scope": "device", "device": "nobody"}, "No device answers to"),
        ({"scope": "device", "device": ""}, "needs its name"), ({"site": ""}, "There is no site"), ({"scope": "device_class"}, "Choose a kind"),
        ({"and_below": "3 dozen"}, "no unit that fits"), ({"and_below": "nan"}, "is not a number"),
    ],
)  # fmt: skip
def test_an_override_that_does_not_fit_is_shown_again_with_the_reason(
    app: Flask, change: dict[str, str], words: str
) -> None:
    answer = signed_in(app).post("/rules/filesystem_nearly_full/overrides", data=OVERRIDE | change)
    assert answer.status_code == 400
    assert words in answer.text
    assert "line 0" not in answer.text
    assert every(app, Override) == []


def test_an_override_is_ended_once(county: Flask) -> None:
    client = signed_in(county, "lead")
    path = re.search(r'action="(/rules/filesystem_nearly_full/overrides/\w+/end)"', client.get("/rules/filesystem_nearly_full").text)  # fmt: skip
    assert path is not None
    client.post(path[1])
    assert "1 past override" in client.get("/rules/filesystem_nearly_full").text
    client.post(path[1])
    assert "There is no such override in force" in client.get("/rules/filesystem_nearly_full").text


def test_an_override_that_no_longer_fits_its_rule_says_so(county: Flask, now: datetime) -> None:
    with database(county).writer() as session, session.begin():
        session.scalars(select(Override).where(Override.scope == "site")).one().changes = {
            "raise_above": 0.2,
            "gone": 1,
        }
    assert "no longer fits the rule" in signed_in(county).get("/rules/filesystem_nearly_full").text


def test_a_lead_lets_a_held_version_go(county: Flask) -> None:
    client = signed_in(county, "lead")
    client.post("/rules/restart_pending/versions/9a0b1c2d3e4f5061/release")
    (row,) = every(county, RuleHold)
    assert (row.released_by, row.released_at is None) == ("lead.one", False)
    assert "Let it open" not in client.get("/rules").text
    client.post("/rules/restart_pending/versions/9a0b1c2d3e4f5061/release")
    assert "is held" in client.get("/rules").text


def test_a_rule_shows_how_often_it_was_right_and_says_so_where_nobody_knows(
    county: Flask, now: datetime
) -> None:
    with database(county).writer() as session, session.begin():
        for number in range(12):
            what = {
                "rule": "battery_worn",
                "component": f"B{number}",
                "state": "cleared",
                "severity": "warning",
            }
            ticket = Ticket(
                device_id=DISK, id=f"right{number}", number=5000 + number, group="desktop", state="closed", severity="warning",
                title="worn", opened_at=now, closed_at=now, outcome="real" if number < 9 else "nothing_found",
            )  # fmt: skip
            session.add(ticket)
            session.add(
                Finding(
                    device_id=DISK,
                    id=f"found{number}",
                    rule_hash="0",
                    summary="worn",
                    since_at=now,
                    opened_at=now,
                    ticket_id=ticket.id,
                    texts={},
                    **what,
                )
            )
    client = signed_in(county)
    assert "75 %" in client.get("/rules?q=battery_worn").text
    page = client.get("/rules/battery_worn").text
    assert "9 (75 %)" in page and "all of them" in page
    assert "nobody has said yet whether it is right" in client.get("/rules/memory_module_gone").text


def test_before_an_override_applies_its_difference_is_shown_and_nothing_is_in_force(
    empty: Flask, now: datetime
) -> None:
    collector = Collector(database(empty).engine)
    full = collector.enrol("full")
    quiet = collector.enrol("quiet")
    for minute in range(0, 120, 10):
        at = now - timedelta(hours=3) + timedelta(minutes=minute)
        full.send(filesystem(0.93, size=50e9), at)
        quiet.send(filesystem(0.5), at)
        collector.sweep(at)
    client = signed_in(empty, "lead")
    form = {"scope": "all", "raise_above": "95 %", "why": "recordings are moved at night", "preview": "1"}
    text = client.post("/rules/filesystem_nearly_full/overrides", data=form).text
    assert "2 devices, 24 reports of the last 3 days judged again" in " ".join(text.split())
    assert "the rule opened 1 finding, with these numbers it would have opened 0" in text
    assert "would not have opened" in text and ">full<" in text
    assert 'value="95 %"' in text, "the form keeps what was typed"
    with database(empty).reader() as session:
        assert session.scalars(select(Override)).all() == []
    assert (
        client.post("/rules/filesystem_nearly_full/overrides", data=form | {"raise_above": "x"}).status_code
        == 400
    )
    lower = client.post(
        "/rules/filesystem_nearly_full/overrides", data=form | {"scope": "device", "device": "quiet"}
    ).text
    assert "1 device, 12 reports" in " ".join(lower.split())
