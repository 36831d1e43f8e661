"""The brief before a visit: must somebody go, what to bring, what is due, what nobody knows; on paper and saved."""

import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import update

from collector.spares import replacing
from collector.spares.kinds import KINDS
from collector.store.devices import Device, Site
from collector.store.enrolment import Credential
from collector.store.findings import Finding
from collector.store.inventory import InventorySection
from collector.store.tickets import Evidence
from console import brief_bring, brief_facts, brief_known
from tests.console import courthouse, rows, spares, world
from tests.console.conftest import database, signed_in
from tests.console.test_lists import counted

DISK, SILENT, HALF, AWAY, NEVER = (
    "0c7be3a9d4f15862", "3d40a6e2f8b7159c", "5a6b93f1c07d2e48", "61c4e8a2b90f3d75", "77a0c1d2e3f40516",
)  # fmt: skip
HEALTHY, LAPTOP = "2e91d0b7c3a84f65", "4fa5170be92c6d83"
COURT, OFFICE = f"/sites/{quote(world.COURT)}/brief", f"/sites/{quote(world.OFFICE)}/brief"
DRIVE = {
    "model": "Samsung SSD 860 EVO", "serial": "S4EVNF0M712345", "form_factor": "2.5 inch", "interface": "SATA",
    "capacity_bytes": "250059350016", "rotation_rate": "0", "location": "bay 2",
}  # fmt: skip
REPLACE = "A replacement drive of the same form factor, interface and size."


def of(id: str) -> str:
    return f"/devices/{id}/brief"


def plain(text: str) -> str:
    """What a reader sees, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", re.sub(r"<style>.*?</style>", "", text, flags=re.S)))


def known(app: Flask, id: str) -> brief_known.Known:
    with database(app).reader() as session:
        (one,) = brief_known.read(session, Device.id == id)
        session.expunge_all()
        return one


def change(app: Flask, id: str, **values: Any) -> None:
    with database(app).writer() as session, session.begin():
        session.execute(update(Device).where(Device.id == id).values(**values))


def found(app: Flask, id: str, number: str, rule: str, now: datetime, **values: Any) -> None:
    with database(app).writer() as session, session.begin():
        rows.finding(session, id, number, rule, now, **({"texts": {}} | values))


# must somebody go


def test_a_part_that_must_be_exchanged_sends_somebody_there(app: Flask) -> None:
    text = plain(signed_in(app).get(of(DISK)).text)
    assert (
        "✕ somebody must go Hands or a part are needed: Disk Samsung SSD 860 EVO, sda cannot read 40" in text
    )
    assert "Online now" in text


def test_keyboard_work_on_a_device_that_is_online_is_tried_from_here_first(app: Flask, now: datetime) -> None:
    found(app, HEALTHY, "k1", "security_updates_missing", now, summary="Security updates are missing")
    text = plain(signed_in(app).get(of(HEALTHY)).text)
    assert "✓ try from here first Keyboard work, no part: Security updates are missing" in text
    assert "Whether remote access to it works, Tocsin does not know" in text


def test_keyboard_work_on_a_device_that_is_asleep_waits_until_it_is_up(app: Flask, now: datetime) -> None:
    found(app, LAPTOP, "k1", "restart_pending", now)
    assert "! from here, once it is up" in plain(signed_in(app).get(of(LAPTOP)).text)


def test_why_a_device_is_silent_is_not_made_up(app: Flask) -> None:
    text = plain(signed_in(app).get(of(SILENT)).text)
    assert "? not known Have somebody there look whether it is on and connected before you drive" in text
    assert "it is off, cut off or broken; which of them is not known" in text


def test_a_finding_that_does_not_tell_whether_hands_are_needed_is_not_known(
    app: Flask, now: datetime
) -> None:
    found(app, HEALTHY, "u1", "processor_hot", now, summary="The processor is hot")
    text = plain(signed_in(app).get(of(HEALTHY)).text)
    assert "? not known What is open does not tell whether hands are needed: The processor is hot" in text


@pytest.mark.parametrize(
    ("id", "words"),
    [
        (HEALTHY, "– no visit needed Nothing is open."),
        (HALF, "? not known Nothing is wrong with what could be read; not everything could be."),
        (NEVER, "? not known Nothing is open, but it has never reported."),
        (AWAY, "? not known Its ticket holds no open finding: read what was noted."),
    ],
)
def test_nothing_open_is_no_visit_only_where_everything_was_read_lately(
    app: Flask, id: str, words: str
) -> None:
    assert words in plain(signed_in(app).get(of(id)).text)


def test_an_online_device_that_was_not_heard_of_lately_is_not_called_online(
    app: Flask, now: datetime
) -> None:
    change(app, HEALTHY, seen_at=now - timedelta(hours=3))
    text = plain(signed_in(app).get(of(HEALTHY)).text)
    assert "Online now" not in text and "whether it is now is not known" in text


# what to bring


def test_two_findings_about_one_drive_want_one_drive_and_its_cable(app: Flask, now: datetime) -> None:
    with database(app).writer() as session, session.begin():
        rows.section(session, HEALTHY, "disks", {"d1": DRIVE}, now)
        for rule, words in (
            ("disk_pending_sectors", REPLACE),
            ("disk_log_errors", f"A data cable; a{REPLACE[1:]}"),
        ):
            rows.finding(session, HEALTHY, rule, rule, now, component="d1", texts={"bring": words})
    one = known(app, HEALTHY)
    for finding in one.findings:
        one.frozen[finding.id] = ("disk_health", DRIVE)
    things = brief_bring.of_devices([one], name_them=False, now=now)
    assert sorted((thing.text, thing.like, thing.count) for thing in things) == [
        ("A data cable", "", 1),
        (REPLACE.rstrip("."), "solid-state drive, 2.5 inch, SATA, 250 GB", 1),
    ]
    assert "serial S4EVNF0M712345, slot bay 2" in str(things)


def test_what_a_part_must_be_like_is_that_of_its_tickets_evidence_else_of_the_inventory(
    app: Flask, now: datetime
) -> None:
    with database(app).writer() as session, session.begin():
        rows.section(session, HEALTHY, "disks", {"d1": DRIVE}, now)
        rows.finding(
            session, HEALTHY, "b1", "disk_pending_sectors", now, component="d1", texts={"bring": REPLACE}
        )
    assert "solid-state drive, 2.5 inch, SATA, 250 GB" in plain(signed_in(app).get(of(HEALTHY)).text)
    with database(app).writer() as session, session.begin():
        body = {"part": "disk_health", "facts": DRIVE | {"form_factor": "M.2 2280"}}
        session.add(Evidence(device_id=HEALTHY, id="b1", ticket_id="t", finding_id="b1", moment="opening", at=now, body=body))  # fmt: skip
    assert "solid-state drive, M.2 2280, SATA, 250 GB" in plain(signed_in(app).get(of(HEALTHY)).text)


def test_a_site_wants_as_many_drives_as_its_devices_do_in_one_line(app: Flask, now: datetime) -> None:
    with database(app).writer() as session, session.begin():
        for id in (HEALTHY, HALF):
            rows.section(session, id, "disks", {"d1": DRIVE}, now)
            rows.finding(
                session, id, "b1", "disk_pending_sectors", now, component="d1", texts={"bring": REPLACE}
            )
    text = plain(signed_in(app).get(COURT).text)
    assert (
        "2 × A replacement drive of the same form factor, interface and size solid-state drive, 2.5 inch"
        in text
    )
    assert text.count("250 GB") == 1
    assert "tul-clerk-022: model Samsung SSD 860 EVO, serial S4EVNF0M712345" in text


def test_a_hint_behind_a_semicolon_is_no_thing_to_carry() -> None:
    one = brief_known.Known(device=Device(id="a", host_name="a"))
    one.findings = [Finding(id="f", rule="x", component="", label="", texts={"bring": "Memory modules of the type in the brief; look at the free slots first."})]  # fmt: skip
    (thing,) = brief_bring.of_devices([one], name_them=False, now=datetime.now(UTC))
    assert thing.text.endswith("look at the free slots first")


# where it comes from


def entered(app: Flask, now: datetime, **texts: str) -> None:
    with database(app).writer() as session, session.begin():
        for name, text in (spares.files(now) | texts).items():
            replacing.replace(
                session, KINDS[name], text.encode(), "a.csv", who="x", now=now - timedelta(days=2)
            )


def failing(app: Flask, id: str, now: datetime, **facts: str) -> None:
    with database(app).writer() as session, session.begin():
        rows.section(session, id, "disks", {"d1": DRIVE | facts}, now)
        rows.finding(session, id, "p1", "disk_pending_sectors", now, component="d1", texts={"bring": REPLACE})


def supplies(app: Flask, *ids: str, now: datetime) -> list[str]:
    with database(app).reader() as session:
        known = brief_known.read(session, Device.id.in_(ids))
        return [thing.supply for thing in brief_bring.of_devices(known, name_them=True, now=now)]


def test_a_spare_is_named_with_its_depot_and_the_age_of_its_count(app: Flask, now: datetime) -> None:
    entered(app, now)
    failing(app, HALF, now)
    text = plain(signed_in(app).get(of(HALF)).text)
    assert re.search(
        r"Warranty not known; part number MZ-77E250B; spare in depot Basement \(2 left, counted [34] days ago\)\.",
        text,
    )


def test_a_warranty_in_force_is_claimed_first_and_one_that_ended_says_when(app: Flask, now: datetime) -> None:
    entered(app, now)
    failing(app, HEALTHY, now)
    change(app, HEALTHY, system_serial="0c7be3a")
    (said,) = supplies(app, HEALTHY, now=now)
    assert said.startswith(
        f"Under warranty until {now + timedelta(days=100):%Y-%m-%d}: claim from Dell, +1 800 555 0100, first; part"
    )
    change(app, HEALTHY, system_serial="2E91D0B")
    (said,) = supplies(app, HEALTHY, now=now)
    assert said.startswith(f"Warranty ended on {now - timedelta(days=20):%Y-%m-%d}; part number")
    text = plain(signed_in(app).get(of(HEALTHY)).text)
    assert f"Warranty ended on {now - timedelta(days=20):%Y-%m-%d} (list of 2 days ago)" in text
    assert "Contract Pro, Dell, +1 800 555 0100; Keep your drive" in text


def test_what_one_line_takes_is_not_promised_to_another_and_the_claim_waits(
    app: Flask, now: datetime
) -> None:
    """Three drives, two in the basement: what a vendor replaces comes last."""
    stock = f"depot,part number,quantity\nBasement,{spares.DRIVE},2\n"
    entered(app, now, stock=stock)
    for id, serial in ((HEALTHY, "0C7BE3A"), (HALF, "x"), (NEVER, "y")):
        failing(app, id, now)
        change(app, id, system_serial=serial, site=world.COURT)
    claimed, others = sorted(supplies(app, HEALTHY, HALF, NEVER, now=now), key=len, reverse=True)
    assert "2 spares in depot Basement (2 left" in others and "order" not in others
    assert claimed.endswith("order: the rest goes to other lines.")


@pytest.mark.parametrize(
    ("facts", "texts", "words"),
    [
        ({"form_factor": ""}, {}, "which part number fits is not known: its form factor is not known"),
        ({"interface": "SAS"}, {}, "not in the map: see model and form factor"),
        ({"capacity_bytes": "1000204886016"}, {}, "not in the map: see model and form factor"),
        ({}, {"stock": "depot,part number,quantity\nVan 4,x,1\n"}, "part number MZ-77E250B; order: none in stock."),
        ({"model": "x"}, {"stock": "depot,part number,quantity\nVan 4,X,1\n"}, "part number x or MZ-77E250B; X spare in depot Van 4 (1 left"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_said(
    app: Flask, now: datetime, facts: dict[str, str], texts: dict[str, str], words: str
) -> None:
    entered(app, now, **texts)
    failing(app, HALF, now, **facts)
    (said,) = supplies(app, HALF, now=now)
    assert words in said


def test_without_a_list_nothing_is_said_of_it(app: Flask, now: datetime) -> None:
    failing(app, HALF, now)
    assert supplies(app, HALF, now=now) == [""]
    with database(app).writer() as session, session.begin():
        replacing.replace(session, KINDS["parts"], spares.files(now)["parts"].encode(), "a", who="x", now=now)
    assert supplies(app, HALF, now=now) == [
        "Part number MZ-77E250B; whether a spare lies anywhere is not known: no stock is entered."
    ]


def test_a_room_gets_what_lies_in_a_depot_too(app: Flask, now: datetime) -> None:
    with database(app).writer() as session, session.begin():
        courthouse.build(session, now)
    entered(app, now)
    text = plain(signed_in(app).get(COURT).text)
    assert "camera PTZ Pro 2 for Courtroom 3 Part number 960-001186; spare in depot Van 4 (1 left" in text
    assert "lamp ELPLP96 for Courtroom 2 Part number ELPLP96; order: none in stock." in text


# due and not known


def test_what_is_due_soon_is_said_and_what_is_far_away_is_not(app: Flask, now: datetime) -> None:
    day = 86400.0
    with database(app).writer() as session, session.begin():
        rows.probe(
            session,
            HEALTHY,
            "operating_system",
            now,
            [rows.row("operating_system_support_left_seconds", 40 * day)],
        )
        rows.probe(
            session, HEALTHY, "battery", now, [rows.row("battery_health_ratio", 0.66, "B1", "02DL019")]
        )
        rows.probe(session, HEALTHY, "disk_health", now, [rows.row("disk_life_used_ratio", 0.93, "d1", "PM981"), rows.row("disk_life_used_ratio", 0.2, "d2", "Fine")])  # fmt: skip
        session.add(Credential(fingerprint="c1", device_id=HEALTHY, serial_number="1", issued_at=now, expires_at=now - timedelta(days=1)))  # fmt: skip
    due = brief_facts.due(known(app, HEALTHY), now)
    assert due == [
        "Support of its operating system ends in 40 days", "Battery 02DL019 holds 66 % of what it did",
        "PM981 has used 93 % of its write life", "Its certificate has ended: it must be enrolled again to report",
    ]  # fmt: skip
    assert "Battery 02DL019 holds 66 %" in plain(signed_in(app).get(COURT).text)


def test_a_support_that_ends_in_a_year_or_is_a_finding_already_is_not_due(app: Flask, now: datetime) -> None:
    with database(app).writer() as session, session.begin():
        rows.probe(session, HEALTHY, "operating_system", now, [rows.row("operating_system_support_left_seconds", 365 * 86400.0)])  # fmt: skip
        rows.probe(session, LAPTOP, "operating_system", now, [rows.row("operating_system_support_left_seconds", 9 * 86400.0)])  # fmt: skip
        rows.finding(session, LAPTOP, "s1", "operating_system_support_ends", now)
    assert brief_facts.due(known(app, HEALTHY), now) == brief_facts.due(known(app, LAPTOP), now) == []


def test_a_forecast_waits_for_the_next_visit_and_still_says_what_to_bring(app: Flask, now: datetime) -> None:
    found(app, HEALTHY, "w1", "disk_worn_out_soon", now, kind="forecast", summary="PM981 will be worn out in about 30 days", texts={"bring": REPLACE})  # fmt: skip
    text = plain(signed_in(app).get(of(HEALTHY)).text)
    assert "no visit needed" in text
    assert "Due within 60 days PM981 will be worn out in about 30 days" in text
    assert "Bring A replacement drive" in text


def test_what_could_not_be_read_stands_there_with_its_reason(app: Flask, now: datetime) -> None:
    with database(app).writer() as session, session.begin():
        rows.section(session, HALF, "disks", {"d1": {"model": "PERC H330", "readable": "false", "unreadable_reason": "behind a RAID controller"}}, now)  # fmt: skip
    text = plain(signed_in(app).get(of(HALF)).text)
    for words in (
        "Health of disk PERC H330: behind a RAID controller", "Disk health (unavailable, last read never): no smartctl on this device",
        "Patches (timed out, last read 46 days ago): apt did not answer within 60 s", "Sensors (failed, last read never): hwmon0",
        "Which memory modules it has",
    ):  # fmt: skip
        assert words in text, words
    assert "Battery" not in plain(signed_in(app).get(of(DISK)).text), "a desktop without one lacks nothing"


def test_old_data_is_red_and_fresh_data_is_not(app: Flask) -> None:
    client = signed_in(app)
    assert 'class="too-old">Data of' in client.get(of(AWAY)).text
    assert "too old to rely on" not in client.get(of(DISK)).text
    assert "1 device told nothing for more than 24 h" in plain(client.get(COURT).text)
    assert "1 device never reported" in plain(client.get(OFFICE).text)


# the page


def test_a_device_is_told_with_its_tickets_parts_and_lines_to_tick(app: Flask) -> None:
    text = signed_in(app).get(of(DISK)).text
    for words in ("1041", "TC-10690", "0C7BE3A", "S4EVNF0M712345", "2 × 8 GB", "Clerk&#39;s counter 2", "☐", "Part used", 'class="matrix"', "tul-court3-av"):  # fmt: skip
        assert words in text, words


def test_the_worst_device_of_a_site_stands_first_and_a_healthy_one_does_not(app: Flask) -> None:
    text = signed_in(app).get(COURT).text
    names = re.findall(r'<td class="main"><b><bdi>([^<]+)', text)
    assert names == ["tul-clerk-014", "tul-court3-av", "tul-clerk-009"]


def test_a_site_brief_names_the_rooms_that_are_not_ready_and_brings_what_they_need(
    app: Flask, now: datetime
) -> None:
    with database(app).writer() as session, session.begin():
        courthouse.build(session, now)
    text = plain(signed_in(app).get(COURT).text)
    assert (
        "✕ not ready Courtroom 3" in text and "! degraded Courtroom 2" in text and "Courtroom 1 :" not in text
    )
    assert text.count("camera PTZ Pro 2 for Courtroom 3") == 1
    assert "lamp ELPLP96 for Courtroom 2" in text


@pytest.mark.parametrize("path", [of(DISK), of(NEVER), COURT, OFFICE])
def test_it_runs_no_script_and_saved_it_needs_nothing_else(app: Flask, path: str) -> None:
    client = signed_in(app)
    page, saved = client.get(path), client.get(f"{path}?save=1")
    for answer in (page, saved):
        assert "<script" not in answer.text and "csrf" not in answer.text and len(answer.data) < 300_000
    assert (
        "href=" not in saved.text
        and "src=" not in saved.text
        and "url(" not in saved.text
        and "<style>" in saved.text
    )
    assert saved.headers["Content-Disposition"].startswith("attachment")


def test_viewers_find_it_from_the_devices_page(app: Flask) -> None:
    client = signed_in(app, "viewer")
    assert f'href="{of(DISK)}"' in client.get(f"/devices/{DISK}").text
    assert f'href="{COURT}"' in client.get(of(DISK)).text
    assert client.get(COURT).status_code == 200
    lead = signed_in(app, "lead").get("/sites", query_string={"site": world.COURT}).text
    assert f'href="{COURT}"' in lead


@pytest.mark.parametrize(
    "path", ["/devices/nothing/brief", "/sites/Nowhere/brief", "/sites/a%2fb/brief", "/sites//brief"]
)
def test_what_is_not_there_has_no_brief(app: Flask, path: str) -> None:
    assert signed_in(app).get(path).status_code == 404


def test_an_inventory_nobody_can_unpack_is_not_known_and_no_error(app: Flask) -> None:
    with database(app).writer() as session, session.begin():
        session.execute(update(InventorySection).values(items=b"no zlib"))
    assert "Which disks it has" in plain(signed_in(app).get(of(DISK)).text)


def test_a_site_of_300_devices_costs_what_one_costs_and_stays_small(empty: Flask, now: datetime) -> None:
    client = signed_in(empty)
    costs: dict[str, list[int]] = {}
    sizes, done = [], 0
    for count in (1, 30, 300):
        with database(empty).writer() as session, session.begin():
            if not done:
                session.add_all(Site(name=name, created_at=now) for name in (world.COURT, world.OFFICE))
                session.flush()
                spares.build(session, now)
            for number in range(done, count):
                id = f"{number:016x}"
                av = (
                    {"group": "av", "device_class": "av_host", "room": f"Room {number}"}
                    if number % 10 == 0
                    else {}
                )
                rows.device(
                    session, id, f"desk-{number:03}", now, worst_severity="critical", open_findings=2, **av
                )
                rows.section(session, id, "disks", {"d1": DRIVE | {"model": f"Disk {number}"}}, now)
                rows.probe(session, id, "sensors", now, [], "failed", f"hwmon{number}: Input/output error")
                for rule in ("disk_pending_sectors", "security_updates_missing"):
                    rows.finding(session, id, rule, rule, now, component="d1", summary="A sentence of the usual length about what is wrong here", texts={"bring": REPLACE, "advice": "Copy the user's data first, then exchange it. " * 4, "meaning": "x " * 200})  # fmt: skip
                rows.ticket(session, id, f"{number:032x}", 1000 + number, "A title", now)
        done = count
        for path in (COURT, f"{COURT}?save=1", of("0000000000000000")):
            with counted(database(empty).engine) as statements:
                answer = client.get(path)
            assert answer.status_code == 200
            costs.setdefault(path, []).append(len(statements))
        sizes.append(len(client.get(f"{COURT}?save=1").data))
    assert all(len(set(counts)) == 1 for counts in costs.values()), costs
    assert max(counts[0] for counts in costs.values()) <= 28, costs
    assert sizes[-1] < 300_000, sizes
    assert "300 × A replacement drive" in plain(client.get(COURT).text)
    assert "2 spares in depot Basement (2 left" in plain(client.get(COURT).text)
    assert "order 289: no more in stock" in plain(client.get(COURT).text)
    assert "and 264 more devices" in plain(client.get(COURT).text)


def test_a_ticket_and_a_room_say_where_their_parts_come_from(app: Flask, now: datetime) -> None:
    with database(app).writer() as session, session.begin():
        courthouse.build(session, now)
        session.execute(
            update(Finding).where(Finding.device_id == DISK).values(texts={"bring": REPLACE}, component="d1")
        )
        session.execute(
            update(InventorySection)
            .where(InventorySection.device_id == DISK, InventorySection.section == "disks")
            .values(items=zlib.compress(json.dumps({"d1": DRIVE}).encode()))
        )
    entered(app, now)
    client = signed_in(app)
    text = plain(client.get("/tickets/1041").text)
    assert "claim from Dell, +1 800 555 0100, first; part number MZ-77E250B; spare in depot Basement" in text
    room = plain(client.get(f"/rooms/{quote(world.COURT)}/Courtroom%203").text)
    assert "camera PTZ Pro 2 : part number 960-001186; spare in depot Van 4 (1 left" in room
