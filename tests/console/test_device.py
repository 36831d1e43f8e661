"""The device page: the truth in a sentence, ages, pictures, and Refresh now."""

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from collector.store.devices import Device
from collector.store.enrolment import Credential
from collector.store.installation import RefreshRequest
from collector.store.inventory import InventorySection
from tests.console.conftest import database, signed_in

DISK, HEALTHY, NEW, HALF, AWAY = (
    "0c7be3a9d4f15862", "2e91d0b7c3a84f65", "77a0c1d2e3f40516", "5a6b93f1c07d2e48", "61c4e8a2b90f3d75",
)  # fmt: skip


def text(app: Flask, device_id: str) -> str:
    return signed_in(app).get(f"/devices/{device_id}").text


@pytest.mark.parametrize(
    ("device_id", "sentence"),
    [
        (DISK, "2 findings open (1 critical, 1 warning), the oldest for 9 days."),
        (HEALTHY, "No finding is open. Every probe could read."),
        (NEW, "Nothing is known of this device yet"),
        (HALF, "3 probes of 4 could not read: disk health, patches, sensors."),
        (
            AWAY,
            "No finding is open, but the newest data is from 16 days ago. What has happened since is not known.",
        ),
    ],
)
def test_the_verdict_says_no_more_than_is_known(app: Flask, device_id: str, sentence: str) -> None:
    assert sentence in text(app, device_id)


@pytest.mark.parametrize("device_id", [NEW, HALF, AWAY])
def test_health_is_not_claimed_of_what_was_not_seen(app: Flask, device_id: str) -> None:
    assert "healthy" not in text(app, device_id)


def test_a_missing_battery_of_a_desktop_is_not_there_rather_than_unseen(app: Flask) -> None:
    assert "not there" in text(app, DISK)
    assert "could not read: battery" not in text(app, DISK)
    with database(app).writer() as session, session.begin():
        session.execute(update(Device).values(device_class="laptop"))
    assert "could not read: battery" in text(app, DISK)


def test_stale_data_is_grey_and_says_so(app: Flask) -> None:
    assert 'class="stale">16 days ago, stale</time>' in text(app, AWAY)


def test_what_is_not_known_is_a_question_mark(app: Flask) -> None:
    page = text(app, NEW)
    assert "<dt>Uptime</dt><dd>?</dd>" in page
    assert "No probe has reported yet." in page


def test_the_pictures_of_what_is_wrong_come_first_with_their_limits(app: Flask) -> None:
    page = text(app, DISK)
    first = page.index("<figure>")
    assert "Disk pending sectors" in page[first : first + 300]
    assert 'class="pic-limit"' in page


def test_pictures_have_a_page_with_spans(app: Flask) -> None:
    client = signed_in(app)
    for span in ("24h", "7d", "30d", "nonsense"):
        answer = client.get(f"/devices/{DISK}/pictures?span={span}")
        assert answer.status_code == 200
        assert answer.text.count("<figure>") == 7


def test_a_long_section_has_a_page_of_its_own_with_search(app: Flask) -> None:
    client = signed_in(app)
    assert "package-400" not in client.get(f"/devices/{DISK}").text
    assert "package-400" in client.get(f"/devices/{DISK}/inventory/software").text
    found = client.get(f"/devices/{DISK}/inventory/software?q=package-07").text
    assert "package-070" in found and "package-400" not in found
    assert client.get(f"/devices/{DISK}/inventory/nothing").status_code == 404


def test_a_section_that_cannot_be_unpacked_is_said_and_breaks_nothing(app: Flask) -> None:
    with database(app).writer() as session, session.begin():
        session.execute(update(InventorySection).values(items=b"\x00broken"))
    client = signed_in(app)
    assert client.get(f"/devices/{DISK}").status_code == 200
    assert "cannot be unpacked" in client.get(f"/devices/{DISK}/inventory/disks").text
    assert client.get(f"/devices/{DISK}/inventory/disks.csv").status_code == 200


def requests(app: Flask) -> list[RefreshRequest]:
    with database(app).reader() as session:
        return list(session.scalars(select(RefreshRequest).order_by(RefreshRequest.number)))


def test_refresh_now_asks_once_however_often_it_is_pressed(app: Flask) -> None:
    client = signed_in(app, "technician")
    for _ in range(3):
        assert client.post(f"/devices/{DISK}/refresh").status_code == 302
    (asked,) = requests(app)
    assert (asked.device_id, asked.asked_by, asked.sent_at, asked.answered_at) == (
        DISK,
        "technician.one",
        None,
        None,
    )


def test_each_refresh_has_a_number_of_its_own(app: Flask) -> None:
    client = signed_in(app, "technician")
    for device_id in (DISK, HEALTHY, HALF):
        client.post(f"/devices/{device_id}/refresh")
    assert [row.number for row in requests(app)] == [1, 2, 3]


def test_progress_is_told_step_by_step(app: Flask, now: datetime) -> None:
    client = signed_in(app, "technician")
    client.post(f"/devices/{DISK}/refresh")
    (asked,) = requests(app)
    path = f"/devices/{DISK}/refresh/{asked.id}"
    assert "at most 60 s" in client.get(path).text
    for column, words in (("sent_at", "is reading now"), ("answered_at", "data-done")):
        with database(app).writer() as session, session.begin():
            session.execute(update(RefreshRequest).values({column: asked.asked_at + timedelta(seconds=2)}))
        assert words in client.get(path).text
    assert client.get(f"/devices/{HEALTHY}/refresh/{asked.id}").status_code == 404


def test_a_device_that_is_away_is_said_to_answer_when_it_is_back(app: Flask) -> None:
    client = signed_in(app, "technician")
    client.post(f"/devices/{AWAY}/refresh")
    assert "The device is shut down: it answers when it is back." in client.get(f"/devices/{AWAY}").text


def test_revoking_asks_for_the_name_and_ends_the_credential(app: Flask, now: datetime) -> None:
    with database(app).writer() as session, session.begin():
        session.add(
            Credential(fingerprint="a" * 64, device_id=DISK, serial_number="1", issued_at=now, expires_at=now)
        )
    client = signed_in(app)
    client.post(f"/devices/{DISK}/revoke", data={"name": "another"})
    with database(app).reader() as session:
        assert session.get_one(Device, DISK).revoked_at is None
    client.post(f"/devices/{DISK}/revoke", data={"name": "tul-clerk-014"})
    with database(app).reader() as session:
        assert session.get_one(Device, DISK).revoked_at is not None
        assert session.get_one(Credential, "a" * 64).revoked_at is not None
    assert "tul-clerk-014" not in client.get("/devices").text
    assert "tul-clerk-014" in client.get("/devices?revoked=1").text
    assert client.post(f"/devices/{DISK}/refresh").status_code == 409
