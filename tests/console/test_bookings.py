"""A calendar handed in on the rooms' page becomes bookings, and nothing else of it is kept."""

import io
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from collector.store.rooms import Booking
from console.bookings import BYTES
from tests.console import courthouse, world
from tests.console.conftest import database, signed_in


@pytest.fixture
def court(app: Flask, now: datetime) -> Flask:
    with database(app).writer() as session, session.begin():
        courthouse.build(session, now)
    return app


def calendar(now: datetime, *entries: tuple[str, str, int]) -> bytes:
    """UID, location and the day from now on which it takes two hours."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//tests//EN"]
    for uid, location, day in entries:
        begins = now + timedelta(days=day)
        lines += [
            "BEGIN:VEVENT", f"UID:{uid}", "SUMMARY:State v. Somebody", f"LOCATION:{location}",
            f"DTSTART:{begins:%Y%m%dT%H%M%SZ}", f"DTEND:{begins + timedelta(hours=2):%Y%m%dT%H%M%SZ}", "END:VEVENT",
        ]  # fmt: skip
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def hand_in(app: Flask, body: bytes, role: str = "lead", **form: str) -> str:
    data = {"site": world.COURT, "calendar": "court", "file": (io.BytesIO(body), "court.ics")} | form
    return signed_in(app, role).post("/rooms/bookings", data=data, follow_redirects=True).text


def booked(app: Flask) -> list[Booking]:
    with database(app).reader() as session:
        rows = session.scalars(
            select(Booking).where(Booking.source.startswith("court"), Booking.cancelled_at.is_(None))
        )
        return list(rows)


def test_the_rooms_of_a_calendar_are_booked_and_a_second_reading_cancels_what_vanished(
    court: Flask, now: datetime
) -> None:
    page = hand_in(
        court, calendar(now, ("a", "Courtroom 3", 3), ("b", "Courtroom 1", 4), ("c", "Cafeteria", 4))
    )
    assert "2 booked, 0 moved, 0 cancelled, 0 as before." in page
    assert "Not taken:" in page and "Cafeteria" in page
    assert {row.room for row in booked(court)} == {"Courtroom 1", "Courtroom 3"}
    assert "Somebody" not in page
    page = hand_in(court, calendar(now, ("a", "Courtroom 3", 5)))
    assert "0 booked, 1 moved, 1 cancelled" in page
    assert [row.room for row in booked(court)] == ["Courtroom 3"]


def test_what_is_no_calendar_or_too_large_books_nothing(court: Flask, now: datetime) -> None:
    assert "Nothing was booked." in hand_in(court, b"\x00 not a calendar")
    assert "Nothing was booked. Choose the site" in hand_in(court, calendar(now), site="Atlantis")
    answer = signed_in(court, "lead").post(
        "/rooms/bookings", data={"site": world.COURT}, environ_overrides={"CONTENT_LENGTH": str(BYTES + 1)}
    )
    assert answer.status_code == 413
    assert booked(court) == []


def test_a_whole_year_of_a_court_fits_although_other_forms_are_small(court: Flask, now: datetime) -> None:
    many = calendar(now, *((f"u{n}", "Courtroom 3", n % 50 + 1) for n in range(900)))
    assert len(many) > 100_000
    assert "900 booked" in hand_in(court, many)
