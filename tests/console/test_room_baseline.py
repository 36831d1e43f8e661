"""The difference between a room and its accepted baseline, and accepting it: who, why, and only what was seen."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from collector.decisions import FACT
from collector.store.installation import Fact
from collector.store.people import AuditEntry
from collector.store.reports import ProbeResult
from collector.store.rooms import BaselinePart
from tests.console import courthouse, world
from tests.console.conftest import database, make_app, signed_in
from tests.console.courthouse import BARE, COURT, OFFICE, RECORDER

ROOM = f"/rooms/{quote(COURT)}/Courtroom%203/baseline"
JURY = f"/rooms/{quote(COURT)}/Jury%20room/baseline"
SILENT = f"/rooms/{quote(OFFICE)}/Hearing%20room%205~2FB/baseline"


@pytest.fixture(scope="module")
def court_file(tmp_path_factory: pytest.TempPathFactory, now: datetime) -> Path:
    folder = tmp_path_factory.mktemp("baseline")
    app = make_app(folder)
    with database(app).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        courthouse.build(session, now)
    database(app).engine.dispose()
    return folder / "t.db"


@pytest.fixture
def court(tmp_path: Path, court_file: Path) -> Iterator[Flask]:
    (tmp_path / "t.db").write_bytes(court_file.read_bytes())
    app = make_app(tmp_path)
    yield app
    database(app).engine.dispose()


def form(
    text: str, do: str, why: str = "Rebuilt", *, tick: str = "", optional: str = ""
) -> dict[str, object]:
    """What a browser would send, with the rows ticked whose text has `tick` in it."""
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.S)
    data: dict[str, list[str]] = {"shown": [], "row": [], "mandatory": []}
    for row in rows:
        seen = re.search(r'name="shown" value="(\w+)"', row)
        if seen is None:
            continue
        data["shown"].append(seen[1])
        if tick and tick in row and 'name="row"' in row:
            data["row"].append(seen[1])
        if 'name="mandatory"' in row and " checked" in row and not (optional and optional in row):
            data["mandatory"].append(seen[1])
    return {"do": do, "why": why, **data}


def in_force(app: Flask, device_id: str) -> dict[tuple[str, str], BaselinePart]:
    with database(app).reader() as session:
        rows = session.scalars(
            select(BaselinePart).where(BaselinePart.device_id == device_id, BaselinePart.ended_at.is_(None))
        )
        return {(row.section, row.key): row for row in rows}


def accept(client: FlaskClient, path: str, do: str, **more: str) -> str:
    return client.post(path, data=form(client.get(path).text, do, **more), follow_redirects=True).text


def test_the_page_shows_each_row_as_same_missing_changed_or_new(court: Flask) -> None:
    text = signed_in(court).get(ROOM).text
    plain = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
    assert (
        "3 missing" in plain
        and "2 changed" in plain
        and "1 not accepted" in plain
        and "6 as accepted" in plain
    )
    assert "Height pixels: 1080 → 720" in plain
    assert "As installed and signed off" in plain, "who accepted it before, and why"
    assert text.index("missing") < text.index("as accepted</span>")


def test_one_click_makes_the_baseline_what_is_there_now(court: Flask) -> None:
    client = signed_in(court, "lead")
    text = accept(client, ROOM, "all", why="New camera comes in May")
    assert "Accepted: 1 added, 2 changed, 3 no longer expected, 6 as before." in text
    assert "New camera comes in May" in text
    parts = in_force(court, RECORDER)
    assert len(parts) == 9 and ("cameras", "cam:ptz") not in parts
    assert parts["audio_defaults", "microphone"].facts["endpoint"] == "mic:webcam"
    assert not parts["usb_links", "2-1"].mandatory, "what was optional stays optional"
    with database(court).reader() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "baseline accepted")).one()
        assert (entry.who, (entry.data or {})["why"]) == ("lead.one", "New camera comes in May")
        assert session.get(Fact, FACT) is not None, "the judge hears of it"


def test_the_first_baseline_of_a_room(court: Flask) -> None:
    client = signed_in(court, "lead")
    assert "Accept as the baseline" in client.get(JURY).text
    accept(client, JURY, "all", optional="HDMI Audio")
    parts = in_force(court, BARE)
    assert len(parts) == 11
    assert not parts["audio_endpoints", "spk:hdmi"].mandatory and parts["cameras", "cam:ptz"].mandatory
    assert {part.who for part in parts.values()} == {"lead.one"}


def test_a_single_row_can_be_accepted_and_the_rest_stays_different(court: Flask) -> None:
    client = signed_in(court, "lead")
    text = accept(client, ROOM, "chosen", tick="Capture input")
    assert "Accepted: 1 added, 0 changed, 0 no longer expected, 0 as before." in text
    parts = in_force(court, RECORDER)
    assert ("capture_inputs", "capture:0") in parts and ("cameras", "cam:ptz") in parts


def test_a_tick_makes_a_part_mandatory_that_was_not(court: Flask) -> None:
    client = signed_in(court, "lead")
    data = form(client.get(ROOM).text, "chosen", tick="USB3.0 Hub")
    data["mandatory"] = [*data["mandatory"], *data["row"]]  # type: ignore[misc]
    client.post(ROOM, data=data)
    assert in_force(court, RECORDER)["usb_links", "2-1"].mandatory
    accept(client, ROOM, "chosen", tick="USB3.0 Hub", optional="USB3.0 Hub")
    assert not in_force(court, RECORDER)["usb_links", "2-1"].mandatory


def test_without_a_reason_nothing_is_accepted_and_the_ticks_stay(court: Flask) -> None:
    client = signed_in(court, "lead")
    data = form(client.get(ROOM).text, "chosen", why=" ", tick="Capture input")
    answer = client.post(ROOM, data=data)
    assert answer.status_code == 400 and "Nothing was accepted. Say why" in answer.text
    assert len(re.findall(r'name="row" value="\w+" checked', answer.text)) == 1
    assert ("capture_inputs", "capture:0") not in in_force(court, RECORDER)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"do": "chosen", "why": "x"}, "Tick the rows first"), ({"do": "dance", "why": "x"}, "Press one of the buttons"),
        ({"do": "chosen", "why": "x", "row": ["0" * 20]}, "The room has changed since this page was made"),
        ({"do": "all", "why": "x"}, "The room has changed"), ({"do": "end", "why": "x", "row": ["'; --"]}, "has changed"),
    ],
)  # fmt: skip
def test_a_form_that_does_not_fit_is_refused_in_words(
    court: Flask, data: dict[str, object], said: str
) -> None:
    before = in_force(court, RECORDER)
    answer = signed_in(court, "lead").post(ROOM, data=data)
    assert answer.status_code == 400 and said in answer.text
    assert in_force(court, RECORDER).keys() == before.keys()


def test_what_changed_behind_the_page_is_not_accepted_unseen(court: Flask, now: datetime) -> None:
    client = signed_in(court, "lead")
    data = form(client.get(ROOM).text, "all")
    accept(signed_in(court, "admin"), ROOM, "chosen", tick="Capture input")
    answer = client.post(ROOM, data=data)
    assert answer.status_code == 400 and "look at the rows again" in answer.text
    assert ("cameras", "cam:ptz") in in_force(court, RECORDER)


def test_of_a_silent_host_nothing_is_accepted_and_the_page_says_why(court: Flask) -> None:
    client = signed_in(court, "lead")
    text = client.get(SILENT).text
    assert "cannot be accepted now" in text and "nor-hearing-av is silent since" in text
    answer = client.post(SILENT, data=form(text, "all"))
    assert answer.status_code == 400 and "nothing to accept" in answer.text
    answer = client.post(SILENT, data=form(text, "chosen", tick="Camera"))
    assert answer.status_code == 400 and "only what was told lately can be accepted" in answer.text.lower()


def test_a_part_taken_away_for_good_is_no_longer_expected_though_its_host_is_silent(court: Flask) -> None:
    client = signed_in(court, "lead")
    text = accept(client, SILENT, "end", tick="Camera", why="The camera was sold")
    assert "1 part no longer expected." in text
    assert ("cameras", "cam:ptz") not in in_force(court, courthouse.GONE)
    assert "The camera was sold" in text and "no longer expected <bdi>PTZ Pro 2</bdi>" in text


def test_sections_of_which_nothing_fresh_is_known_stay_as_they_were(court: Flask, now: datetime) -> None:
    with database(court).writer() as session, session.begin():
        session.execute(
            update(ProbeResult)
            .where(ProbeResult.device_id == RECORDER, ProbeResult.probe == "cameras")
            .values(ok_at=now - timedelta(days=3), outcome="failed", reason="the bus did not answer")
        )
    client = signed_in(court, "lead")
    assert ", without the 2 not known" in client.get(ROOM).text
    text = accept(client, ROOM, "all")
    assert "Accepted: 0 added, 2 changed, 2 no longer expected, 6 as before." in text
    assert ("cameras", "cam:ptz") in in_force(court, RECORDER)


def test_others_than_leads_see_the_difference_without_buttons(court: Flask) -> None:
    for role in ("viewer", "technician"):
        text = signed_in(court, role).get(ROOM).text
        assert "3 missing" in text and "A lead can accept this." in text
        assert '<button class="main"' not in text and 'name="row"' not in text


def test_a_room_without_parts_says_where_they_come_from(court: Flask) -> None:
    text = signed_in(court).get(f"/rooms/{quote(OFFICE)}/Training%20room/baseline").text
    assert "No part is known yet" in text and "put it here" in text
