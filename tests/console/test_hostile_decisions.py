"""Texts of devices and of people in everything that was decided: shown, inert."""

from flask import Flask
from sqlalchemy import update

from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.overrides import Acceptance, Override
from collector.store.situations import Maintenance, Situation
from collector.store.tickets import Ticket
from tests.console import world
from tests.console.conftest import database, signed_in
from tests.console.decided import DISK, RECORDER
from tests.console.hostile import STRINGS
from tests.console.test_hostile import ALLOWED_TAGS, Reader

PAGES = (
    "/", "/situations", "/situations/1050", "/situations/1051", "/situations/1031", "/planned-work", "/rules/filesystem_nearly_full",
    f"/devices/{DISK}", f"/devices/{RECORDER}", "/tickets/1041",
)  # fmt: skip


def plant(app: Flask, text: str) -> None:
    with database(app).writer() as session, session.begin():
        session.execute(update(Device).values(host_name=text, room=text))
        session.execute(update(Acceptance).values(component=text, why=text, who=text[:100]))
        session.execute(
            update(Override).values(component=text, why=text, who=text[:100], changes={text: text})
        )
        session.execute(update(Maintenance).values(why=text, who=text[:100], site="", room=""))
        session.execute(update(Situation).values(title=text, body=text, seen_by=text[:100]))
        session.execute(
            update(Ticket).values(
                proof=text, part_used=text[:100], priority_why=text, priority_by=text[:100], body=text
            )
        )
        for finding in session.query(Finding):
            finding.summary = text
            finding.suppressed = text[:64] if finding.suppressed == "maintenance" else finding.suppressed
        for row in session.query(Situation):
            row.data = row.data | {"ended": text}


def test_every_text_is_shown_and_none_is_alive(county: Flask) -> None:
    client, wrong = signed_in(county), []
    for text in STRINGS:
        plant(county, text)
        for page in PAGES:
            answer = client.get(page)
            read = Reader(answer.text)
            bad = [one for one in read.wrong if one != "<datalist>"]
            if answer.status_code != 200 or bad or any(script.strip() for script in read.scripts):
                wrong.append((page, text, answer.status_code, bad))
            if text.split("\n")[0][:40] not in "".join(read.text):
                wrong.append((page, text, answer.status_code, ["not shown"]))
    assert wrong == []


def test_what_people_type_comes_back_inert(county: Flask) -> None:
    """A form that is refused is shown again with what was typed."""
    client, wrong = signed_in(county), []
    names = ("site", "room", "device", "component", "scope", "raise_above", "hold", "why", "starts", "time_zone", "hours_0", "holidays")  # fmt: skip
    for text in STRINGS:
        typed = dict.fromkeys(names, text)
        for page, more in (
            ("/planned-work", {}), ("/rules/filesystem_nearly_full/overrides", {}), ("/sites", {"site": world.COURT}),
        ):  # fmt: skip
            answer = client.post(page, data=typed | more)
            read = Reader(answer.text)
            wrong_tags = [one for one in read.wrong if one != "<datalist>"]
            if answer.status_code != 400 or wrong_tags or any(script.strip() for script in read.scripts):
                wrong.append((page, text, answer.status_code, wrong_tags))
    assert wrong == []
    assert "datalist" not in ALLOWED_TAGS, "only where it is ours"
