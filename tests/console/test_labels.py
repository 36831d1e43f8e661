"""Labels: which devices, what stands on them, and where their code leads."""

import re
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient

from console import labels
from tests.console import world
from tests.console.conftest import database, signed_in
from tests.console.test_lists import counted, many

DISK = "0c7be3a9d4f15862"


def _labels(client: FlaskClient, path: str) -> list[str]:
    return re.findall(r'<div class="label">.*?</div><p>(.*?)</p></div>', client.get(path).text, re.DOTALL)


def test_a_label_says_name_tag_and_room_and_carries_a_code(app: Flask) -> None:
    found = _labels(signed_in(app, "technician"), "/devices/labels?q=tul-clerk-014")
    assert len(found) == 1
    assert "<bdi>tul-clerk-014</bdi>" in found[0]
    assert "<bdi>TC-" in found[0]
    assert "<bdi>Clerk&#39;s counter 2</bdi>" in found[0]
    text = signed_in(app).get("/devices/labels?q=tul-clerk-014").text
    assert text.count('<svg class="matrix"') == 1 or text.count("matrix") == 1


def test_the_code_holds_the_short_address_and_no_more(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    addresses: list[str] = []
    real = labels.code
    monkeypatch.setattr(labels, "code", lambda address: addresses.append(address) or real(address))  # type: ignore[func-returns-value]
    signed_in(app).get("/devices/labels?q=tul-clerk-014")
    assert addresses == [f"http://localhost/d/{DISK[:12]}"]


def test_the_sheet_holds_the_devices_of_the_filter_24_to_a_sheet(empty: Flask, now: datetime) -> None:
    many(empty, 60, now)
    client = signed_in(empty)
    text = client.get("/devices/labels?severity=warning&paper=a4").text
    assert text.count('<div class="label">') == 20
    assert text.count('<section class="labels a4"') == 1
    assert client.get("/devices/labels").text.count('<section class="labels letter"') == 3
    assert "No device matches" in client.get("/devices/labels?q=nothing-like-it").text


def test_more_devices_than_sheets_go_on_further_pages(empty: Flask, now: datetime) -> None:
    many(empty, 250, now)
    client = signed_in(empty)
    first = client.get("/devices/labels?sort=name").text
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following is not None
    second = client.get(following[1].replace("&amp;", "&")).text
    assert (first.count('<div class="label">'), second.count('<div class="label">')) == (240, 10)


def test_labels_cost_the_same_number_of_statements_for_1_and_100_devices(empty: Flask, now: datetime) -> None:
    client, costs, begin = signed_in(empty), set(), 0
    for count in (1, 100):
        many(empty, count, now, begin)
        begin = count
        with counted(database(empty).engine) as statements:
            assert client.get("/devices/labels").status_code == 200
        costs.add(len(statements))
    assert len(costs) == 1


def test_the_label_leads_to_the_device_behind_the_sign_in(app: Flask) -> None:
    assert signed_in(app, "viewer").get(f"/d/{DISK[:12]}").headers["Location"] == f"/devices/{DISK}"
    asked = app.test_client().get(f"/d/{DISK[:12]}")
    assert asked.headers["Location"] == f"/sign-in?next=/d/{DISK[:12]}"
    unknown = app.test_client().get("/d/ffffffffffff")
    assert unknown.headers["Location"].startswith("/sign-in"), "who is not signed in learns nothing"


@pytest.mark.parametrize(
    "label", ["ffffffffffff", DISK[:11], "0c7be3a9d4f1x", "_" * 12, "%25" * 12, DISK + "0"]
)
def test_an_unknown_label_leads_nowhere(app: Flask, label: str) -> None:
    assert signed_in(app).get(f"/d/{label}").status_code == 404


def test_two_devices_with_one_label_are_both_shown(app: Flask, now: datetime) -> None:
    with database(app).writer() as session, session.begin():
        world.device(session, f"{DISK[:12]}ffff", "twin", now)
    client = signed_in(app)
    answer = client.get(f"/d/{DISK[:12]}")
    assert answer.headers["Location"] == f"/devices?q={DISK[:12]}"
    assert client.get(f"/d/{DISK}").headers["Location"] == f"/devices/{DISK}", "the whole id is a label too"


def test_a_viewer_prints_no_labels_and_is_offered_none(app: Flask) -> None:
    client = signed_in(app, "viewer")
    assert client.get("/devices/labels").status_code == 403
    assert "/devices/labels" not in client.get("/devices").text
    assert "/devices/labels?sort=worst&amp;" not in client.get("/devices").text
    assert (
        "/devices/labels?site=" in signed_in(app, "technician").get("/devices?site=Norman+Field+Office").text
    )
