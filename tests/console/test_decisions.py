"""What people decide in the console reaches the store as the collector reads it, with who and why."""

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from collector import decide
from collector.store.findings import Finding
from collector.store.overrides import Acceptance
from collector.store.people import AuditEntry
from collector.store.situations import Maintenance, Situation
from collector.store.tickets import Ticket, TicketEvent
from tests.console import world
from tests.console.conftest import database, signed_in
from tests.console.decided import DISK, FULL, RECORDER, audited, every, told

# accepted values


def test_a_technician_accepts_a_value_with_a_reason(app: Flask) -> None:
    before = told(app)
    answer = signed_in(app, "technician").post(
        f"/devices/{RECORDER}/findings/{FULL}/accept",
        data={"why": "It is kept so full", "back": "/tickets/1042"},
    )
    assert answer.headers["Location"] == "/tickets/1042"
    (row,) = every(app, Acceptance)
    assert (row.value, row.why, row.who, row.component) == (
        0.93,
        "It is kept so full",
        "technician.one",
        "d4e5",
    )
    assert told(app) != before
    assert audited(app, "accept").who == "technician.one"
    text = signed_in(app).get("/tickets/1042").text
    assert "Accepted on this device" in text and "93 %" in text and "It is kept so full" in text


@pytest.mark.parametrize(("path", "why", "said"), [(FULL, "  ", "Say why"), ("nothing", "x", "There is no such open finding")])  # fmt: skip
def test_nothing_is_accepted_without_a_reason_or_a_finding(
    app: Flask, path: str, why: str, said: str
) -> None:
    client = signed_in(app)
    client.post(f"/devices/{RECORDER}/findings/{path}/accept", data={"why": why})
    assert every(app, Acceptance) == []
    assert said in client.get(f"/devices/{RECORDER}").text


def test_an_accepted_value_is_ended_on_the_devices_page(county: Flask) -> None:
    client = signed_in(county, "technician")
    path = re.search(rf'action="(/devices/{DISK}/accepted/\w+/end)"', client.get(f"/devices/{DISK}").text)
    assert path is not None
    client.post(path[1])
    (row,) = every(county, Acceptance)
    assert (row.ended_by, row.ended_at is None) == ("technician.one", False)
    assert "Accepted as they are" not in client.get(f"/devices/{DISK}").text
    client.post(path[1])
    assert "There is no such accepted value" in client.get(f"/devices/{DISK}").text


@pytest.mark.parametrize(
    "back", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:x"]
)
def test_the_way_back_stays_in_this_console(app: Flask, back: str) -> None:
    answer = signed_in(app).post(
        f"/devices/{RECORDER}/findings/{FULL}/accept", data={"why": "x", "back": back}
    )
    assert answer.headers["Location"] == "/"


def test_an_accepted_finding_that_is_still_there_says_when_it_ends(county: Flask) -> None:
    client = signed_in(county)
    for page in (f"/devices/{DISK}", "/tickets/1041"):
        text = client.get(page).text
        assert text.count("accepted as it is: ends with the device") == 1
        assert text.count('/accept"') == 1, "only the other one can be accepted"


def test_a_finding_without_a_ticket_says_why(county: Flask) -> None:
    text = signed_in(county).get(f"/devices/{RECORDER}").text
    for said in (
        "too many tickets within an hour",
        "planned work is under way",
        "New projector in courtroom 3",
    ):
        assert said in text, said


# situations


def test_open_situations_stand_at_the_top_of_today_with_their_devices(county: Flask) -> None:
    text = signed_in(county).get("/").text
    top = text[text.index("2 situations open") : text.index('<ul class="tiles">')]
    for said in (
        "Site Norman Field Office is silent",
        "6 devices",
        "1 finding waits",
        "nobody yet",
        "technician.one",
    ):
        assert said in top, said
    assert "8 of 8 devices" not in top


def test_today_says_nothing_of_situations_when_there_are_none(app: Flask) -> None:
    text = re.sub(r"<nav.*?</nav>", "", signed_in(app).get("/").text, flags=re.S)
    assert "situation" not in text[: text.index('<ul class="tiles">')]


def test_a_situation_shows_which_devices_are_back(county: Flask) -> None:
    text = signed_in(county).get("/situations/1050").text
    assert "2 of 6 are heard again" in text
    assert (text.count("still silent"), len(re.findall(r"</span>back", text))) == (4, 2)
    assert text.index("still silent") < text.index("</span>back")


def test_a_storm_shows_what_waits(county: Flask) -> None:
    text = signed_in(county).get("/situations/1051").text
    assert "Held back 0" in text and "Held back 1" not in text


def test_somebody_looks_after_a_situation_and_another_takes_it_over(county: Flask) -> None:
    signed_in(county, "technician").post("/situations/1050/look-after")
    assert "technician.one looks after it" in signed_in(county, "viewer").get("/situations/1050").text
    client = signed_in(county, "lead")
    assert "I take it over" in client.get("/situations/1050").text
    client.post("/situations/1050/look-after")
    (row,) = every(county, Situation, Situation.number == 1050)
    assert row.seen_by == "lead.one"
    assert len(every(county, AuditEntry, AuditEntry.action == "situation taken")) == 2


def test_nobody_needs_to_look_after_a_situation_that_is_over(county: Flask) -> None:
    client = signed_in(county)
    assert client.post("/situations/1031/look-after").status_code == 409
    assert "6 of 6 devices are heard again" in client.get("/situations").text
    assert "look-after" not in client.get("/situations/1031").text


# planned work

WORK = {"site": world.COURT, "room": "Courtroom 3", "starts": "2199-03-31T18:00", "ends": "2199-03-31T20:00", "why": "New switch"}  # fmt: skip


def test_planned_work_is_kept_in_the_sites_own_time_zone(app: Flask) -> None:
    before = told(app)
    assert signed_in(app, "technician").post("/planned-work", data=WORK).status_code == 302
    (row,) = every(app, Maintenance)
    assert (row.site, row.room, row.time_zone, row.who) == (world.COURT, "Courtroom 3", "America/Chicago", "technician.one")  # fmt: skip
    assert row.starts_at.isoformat() == "2199-03-31T23:00:00+00:00"
    assert told(app) != before
    assert "Sun 31 Mar 2199 18:00" in signed_in(app).get("/planned-work").text


def test_weekly_work_on_one_device_ends_with_its_last_day(app: Flask) -> None:
    form = WORK | {"site": "", "room": "", "device": "tul-clerk-014", "rule": "disk_hot", "weekly": "1", "until": "2199-06-30", "zone": "UTC"}  # fmt: skip
    signed_in(app, "technician").post("/planned-work", data=form)
    (row,) = every(app, Maintenance)
    assert (row.device_id, row.rule, row.weekly) == (DISK, "disk_hot", True)
    assert row.until_at.isoformat() == "2199-07-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"starts": "tomorrow"}, "From: &#39;tomorrow&#39; is no day and time"), ({"ends": ""}, "To: &#39;&#39; is no day and time"),
        ({"ends": "2199-03-31T17:00"}, "It ends before it begins"), ({"why": ""}, "Say why"), ({"site": "Nowhere"}, "There is no site"),
        ({"site": ""}, "A room needs its site"), ({"device": "nobody"}, "No device answers to"), ({"rule": "none"}, "There is no rule"),
        ({"zone": "Mars/Base"}, "There is no time zone"), ({"zone": "../etc/passwd"}, "There is no time zone"),
        ({"weekly": "1", "until": "soon"}, "Until: &#39;soon&#39; is no day"), ({"starts": "0001-01-01T00:00"}, "is no day and time"),
        ({"weekly": "1", "ends": "2199-04-30T18:00"}, "shorter than a week"),
    ],
)  # fmt: skip
def test_a_plan_that_does_not_hold_together_is_shown_again_with_the_reason(
    app: Flask, change: dict[str, str], words: str
) -> None:
    answer = signed_in(app).post("/planned-work", data=WORK | change)
    assert answer.status_code == 400
    assert words in answer.text
    assert f'value="{(WORK | change)["why"]}"' in answer.text
    assert every(app, Maintenance) == []


def test_planned_work_stands_under_way_coming_or_past(county: Flask) -> None:
    text = signed_in(county).get("/planned-work").text
    places = [text.index(words) for words in ("Under way", "New projector", "Coming", "The disk is replaced", "Past 90 days", "The electrician")]  # fmt: skip
    assert places == sorted(places)
    assert text.index("Under way") < text.index("Updates of the servers") < text.index("Coming")


def test_planned_work_is_called_off_once(county: Flask) -> None:
    client = signed_in(county, "technician")
    path = re.search(r'action="(/planned-work/\w+/call-off)"', client.get("/planned-work").text)
    assert path is not None
    assert client.post(path[1]).status_code == 302
    assert audited(county, "maintenance called off").who == "technician.one"
    client.post(path[1])
    assert "There is no such planned work" in client.get("/planned-work").text


# all of them


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/situations", "None. When several devices of a place fall silent together"),
        ("/planned-work", "Before you switch a room or a site off, plan it here"),
        ("/sites", "Make an enrolment token"),
        ("/rules?q=nothing-like-it", "No rule matches"),
        ("/rules/disk_hot", "None: the rule holds everywhere as written"),
    ],
)
def test_an_empty_page_says_what_to_do_next(empty: Flask, path: str, words: str) -> None:
    assert words in signed_in(empty).get(path).text


@pytest.mark.parametrize("path", ["/rules/none", "/situations/9", "/sites?site=Nowhere", "/sites?site=%00"])
def test_what_is_not_there_is_said_in_words(app: Flask, path: str) -> None:
    answer = signed_in(app).get(path)
    assert (answer.status_code == 404 and "There is no" in answer.text) or "No situation" in answer.text


def test_decisions_cost_a_page_no_more_statements(county: Flask, now: datetime) -> None:
    from tests.console.test_lists import counted

    client, costs = signed_in(county), {}
    pages = ("/", "/situations", "/situations/1050", "/planned-work", "/rules", "/rules/filesystem_nearly_full", "/sites", f"/devices/{DISK}", "/tickets/1041")  # fmt: skip
    for attempt in range(2):
        for path in pages:
            with counted(database(county).engine) as statements:
                assert client.get(path).status_code == 200
            costs.setdefault(path, []).append(len(statements))
        if not attempt:
            _more(county, now)
    assert all(len(set(counts)) == 1 for counts in costs.values()), costs
    assert max(counts[0] for counts in costs.values()) <= 28, costs


def _more(app: Flask, now: datetime) -> None:
    """Thirty of everything."""
    from console import rule_words

    with database(app).writer() as session, session.begin():
        count = session.scalar(select(func.count()).select_from(Finding)) or 0
        for n in range(30):
            decide.plan(session, starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1), why="x", who="x", now=now)  # fmt: skip
            decide.override(
                session, rule_words.all_rules(), rule="filesystem_nearly_full", scope="device", name=DISK,
                changes={"hold": f"{n + 1}h"}, why="x", who="x", now=now,
            )  # fmt: skip
            session.add(
                Finding(
                    device_id=DISK, id=f"m{count + n}", rule="filesystem_nearly_full", rule_hash="h", component=f"c{n}", state="open",
                    severity="warning", summary="x", value=0.95, since_at=now, opened_at=now, suppressed="storm",
                )
            )  # fmt: skip
            session.flush()
            decide.accept(session, device_id=DISK, finding_id=f"m{count + n}", why="x", who="x", now=now)
            session.add(Situation(id=f"x{n}", number=2000 + n, kind="storm", scope=f"rule r{n}", state="open", title="x", opened_at=now, data={}))  # fmt: skip
            (ticket,) = session.scalars(select(Ticket).where(Ticket.number == 1041))
            session.add(TicketEvent(device_id=DISK, id=f"e{n}", ticket_id=ticket.id, at=now, who="tocsin", kind="escalated", text="x"))  # fmt: skip
