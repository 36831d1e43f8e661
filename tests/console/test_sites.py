"""Hours, holidays and time zones of sites: as typed, as kept, as refused."""

from datetime import date

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from collector.store.devices import Site
from collector.store.people import AuditEntry
from collector.tickets.calendar import calendar_of
from console import forms, hours
from tests.console import world
from tests.console.conftest import database, signed_in
from tests.console.decided import audited, every, told


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("08:00–17:00", [["08:00", "17:00"]]), ("8-12, 13:30 to 17", [["08:00", "12:00"], ["13:30", "17:00"]]),
        ("0-24", [["00:00", "24:00"]]), ("", []), ("closed", []), ("–", []), ("7.30-16.15; 18-20", [["07:30", "16:15"], ["18:00", "20:00"]]),
    ],
)  # fmt: skip
def test_hours_are_typed_as_people_write_them(typed: str, kept: list[list[str]]) -> None:
    assert hours.week({"0": typed}, "People work") == ({"0": kept} if kept else {})


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("9", "'9' is not from – to"), ("17-8", "17:00 is not before 08:00"), ("8-25", "25:00 is no time of day"), ("8:75-9", "08:75 is no time"),
        ("8-12, 11-17", "11:00–17:00 begins before 12:00"), ("morning", "'morning' is not from – to"), ("8-8", "is not before"), ("24:01-24:02", "no time of day"),
    ],
)  # fmt: skip
def test_wrong_hours_are_named_by_list_day_and_value(typed: str, said: str) -> None:
    with pytest.raises(forms.Mistake, match="People work, Wednesday: ") as caught:
        hours.week({"2": typed}, "People work")
    assert said in str(caught.value)


@given(st.text(max_size=40))
def test_whatever_is_typed_is_a_calendar_or_a_mistake(typed: str) -> None:
    try:
        week = hours.week({"6": typed}, "x")
    except forms.Mistake:
        return
    calendar_of("UTC", week, [])
    assert hours.week({"6": hours.said(week.get("6", []))}, "x") == week


def test_days_with_the_same_hours_are_told_as_one() -> None:
    week = {str(day): [["08:00", "17:00"]] for day in range(5)} | {
        "5": [["09:00", "12:00"], ["13:00", "15:00"]]
    }
    assert hours.summary(week) == "Mon–Fri 08:00–17:00; Sat 09:00–12:00, 13:00–15:00"
    assert hours.summary({}) == ""


def test_holidays_are_pasted_from_a_list_or_a_csv() -> None:
    text = '\ufeffdate,name\r\n2026-11-26, Thanksgiving\r\n"2026-12-25";Christmas\n\n2026-11-26\n2027-01-01\tNew Year'
    assert hours.holidays(text) == ["2026-11-26", "2026-12-25", "2027-01-01"]


@pytest.mark.parametrize(
    ("text", "said"),
    [("2026-11-26\n26.12.2026", "line 2: '26.12.2026' is no day"), ("2026-02-30", "line 1: there is no 2026-02-30"), ("x\ny", "line 2: 'y'")],
)  # fmt: skip
def test_a_wrong_holiday_is_named_by_its_line(text: str, said: str) -> None:
    with pytest.raises(forms.Mistake, match=said):
        hours.holidays(text)


@given(st.dates(date(1000, 1, 1)))
def test_every_day_there_is_can_be_a_holiday(day: date) -> None:
    assert hours.holidays(f"{day},whatever") == [day.isoformat()]


FORM = {
    "site": world.COURT,
    "time_zone": "America/New_York",
    "hours_0": "8-17",
    "expected_0": "7-19",
    "holidays": "2199-12-25, Christmas",
}


def test_an_admin_sets_the_hours_and_the_collectors_are_told(app: Flask) -> None:
    before, client = told(app), signed_in(app)
    assert client.post("/sites", data=FORM).status_code == 302
    (site,) = every(app, Site, Site.name == world.COURT)
    assert (site.time_zone, site.hours, site.expected_hours, site.holidays) == (
        "America/New_York", {"0": [["08:00", "17:00"]]}, {"0": [["07:00", "19:00"]]}, ["2199-12-25"],
    )  # fmt: skip
    assert told(app) != before
    assert audited(app, "site changed").subject == world.COURT
    text = client.get("/sites").text
    assert "Mon 08:00–17:00" in text and "Mon 07:00–19:00" in text
    assert 'value="08:00–17:00"' in client.get("/sites", query_string={"site": world.COURT}).text


def test_saving_what_is_so_already_tells_nobody(app: Flask) -> None:
    client = signed_in(app)
    client.post("/sites", data=FORM)
    before = told(app)
    client.post("/sites", data=FORM)
    assert told(app) == before
    assert len(every(app, AuditEntry, AuditEntry.action == "site changed")) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_zone": "Tulsa"}, "Time zone &#39;Tulsa&#39;: there is none of this name"), ({"time_zone": "../etc/passwd"}, "there is none of this name"),
        ({"hours_4": "8 til 5"}, "People work, Friday: &#39;8 til 5&#39;"), ({"expected_6": "9-8"}, "Computers are up, Sunday: 09:00 is not before"),
        ({"holidays": "Christmas\nEaster"}, "Holidays, line 2"), ({"time_zone": "x" * 300}, "there is none of this name"),
    ],
)  # fmt: skip
def test_a_mistake_keeps_what_was_typed_and_changes_nothing(
    app: Flask, change: dict[str, str], words: str
) -> None:
    answer = signed_in(app).post("/sites", data=FORM | {"hours_1": "10-11"} | change)
    assert answer.status_code == 400
    assert words in answer.text and 'value="10-11"' in answer.text
    (site,) = every(app, Site, Site.name == world.COURT)
    assert (site.time_zone, site.hours) == ("America/Chicago", {})


def test_a_lead_looks_and_cannot_save(app: Flask) -> None:
    client = signed_in(app, "lead")
    assert "An administrator can change this" in client.get("/sites", query_string={"site": world.COURT}).text
    assert client.post("/sites", data=FORM).status_code == 403


def test_a_site_with_any_name_can_be_opened_from_the_list(app: Flask, now: object) -> None:
    name = 'Clerk\'s & "Annex" <1>/2?#%'
    with database(app).writer() as session, session.begin():
        session.add(Site(name=name, created_at=now))
    client = signed_in(app)
    client.post("/sites", data=FORM | {"site": name})
    (site,) = every(app, Site, Site.name == name)
    assert site.hours == {"0": [["08:00", "17:00"]]}
    assert (
        client.get("/sites").status_code
        == client.get("/sites", query_string={"site": name}).status_code
        == 200
    )
