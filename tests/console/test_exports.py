"""Every list can be taken along as CSV: the same rows as the page, nothing that a spreadsheet would run, no secret."""

import csv
import io
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from collector.store.enrolment import EnrolmentToken
from collector.store.people import User
from collector.store.rooms import Booking
from console import access
from tests.console import world
from tests.console.conftest import database, signed_in

# Pages whose tables are no list of things to take along, with the reason.
_NO_LIST = {
    "account.page": "one's own browsers, to sign out",
    "today.page": "the worst of other lists, each a link away",
    "labels.page": "for paper",
    "spares.page": "each of its lists is a page with a CSV of its own",
    "rooms.morning_page": "for paper; as text too, and the rooms as CSV",
}
ROOM = "/rooms/Tulsa%20County%20Courthouse/Courtroom%203"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def _lists(app: Flask) -> dict[str, str]:
    """Endpoint → address of each page without arguments."""
    found = {}
    for rule in app.url_map.iter_rules():
        page = rule.endpoint.endswith(".page") or rule.endpoint.endswith("_page")
        if page and not rule.arguments and "GET" in (rule.methods or ()):
            found[rule.endpoint] = rule.rule
    return found


def test_a_page_with_a_list_has_it_as_csv(county: Flask) -> None:
    client = signed_in(county)
    without = []
    for endpoint, path in _lists(county).items():
        text = client.get(path).text
        if "<thead" not in text or endpoint in _NO_LIST:
            continue
        csv_endpoint = f"{endpoint.split('.')[0]}.csv"
        if csv_endpoint not in access.ROUTE or f'href="{path}.csv' not in text:
            without.append(endpoint)
    assert without == []


def test_whoever_may_see_a_list_may_take_it_along_and_nobody_else() -> None:
    for endpoint, role in access.ROUTE.items():
        page = f"{endpoint.split('.')[0]}.page"
        if endpoint.endswith(".csv") and page in access.ROUTE:
            assert access.ROUTE[page] == role, endpoint


@pytest.mark.parametrize(
    ("path", "heading", "among"),
    [
        ("/people.csv", "name", "lead.one"),
        ("/sites.csv", "site", world.COURT),
        ("/situations.csv", "number", "1050"),
        ("/planned-work.csv", "site", world.COURT),
        ("/rules.csv", "rule", "filesystem_nearly_full"),
        ("/overrides.csv", "rule", "filesystem_nearly_full"),
        ("/accepted-values.csv", "device", "tul-clerk-014"),
    ],
)
def test_the_rows_are_those_of_the_page(county: Flask, path: str, heading: str, among: str) -> None:
    answer = signed_in(county).get(path)
    assert answer.mimetype == "text/csv" and "attachment" in answer.headers["Content-Disposition"]
    assert among in {row[heading] for row in rows(answer.text)}


def test_the_filter_of_the_page_applies(county: Flask) -> None:
    client = signed_in(county, "viewer")
    link = 'href="/rules.csv?q=disk"'
    assert link in client.get("/rules?q=disk").text
    some, every = rows(client.get("/rules.csv?q=disk").text), rows(client.get("/rules.csv").text)
    assert 0 < len(some) < len(every)


def test_a_share_is_left_out_where_too_few_have_spoken(county: Flask) -> None:
    for row in rows(signed_in(county).get("/rules.csv").text):
        assert int(row["judged"]) >= 10 or row["right_ratio"] == ""


def test_no_secret_is_in_the_lists_of_tokens_and_people(county: Flask, now: datetime) -> None:
    with database(county).writer() as session, session.begin():
        session.add(
            EnrolmentToken(
                id="t" * 32, secret_hash="5ec2e7" * 10, site=None, room="=cmd()", uses=3, uses_left=2, created_at=now,
                expires_at=now + timedelta(days=1), created_by="lead.one",
            )
        )  # fmt: skip
    client = signed_in(county)
    text = client.get("/enrolment.csv").text
    assert "5ec2e7" not in text
    assert rows(text)[0] | {"uses_left": "2", "room": "'=cmd()"} == rows(text)[0]
    with database(county).reader() as session:
        hashes = session.scalars(select(User.password_hash)).all()
    people = client.get("/people.csv").text
    assert not any(one in people for one in hashes if one)


def test_a_room_s_bookings_and_checks(county: Flask, now: datetime) -> None:
    with database(county).writer() as session, session.begin():
        for number, cancelled in ((1, None), (2, now)):
            session.add(
                Booking(
                    id=f"{number}" * 32, site=world.COURT, room="Courtroom 3", starts_at=now + timedelta(hours=number),
                    ends_at=now + timedelta(hours=number + 1), source="court#u1", created_at=now, cancelled_at=cancelled,
                )
            )  # fmt: skip
    client = signed_in(county, "viewer")
    found = rows(client.get(f"{ROOM}/bookings.csv").text)
    assert [bool(row["cancelled_at"]) for row in found] == [True, False]
    assert f'href="{ROOM}/bookings.csv"' in client.get(ROOM).text
    assert client.get(f"{ROOM}/checks.csv").status_code == 200
    assert client.get("/rooms/Nowhere/None/bookings.csv").status_code == 404


def test_times_are_written_in_utc(county: Flask) -> None:
    row = next(row for row in rows(signed_in(county).get("/accepted-values.csv").text) if row["device"])
    assert row["created_at"].endswith("Z")
