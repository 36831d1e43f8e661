"""What the API tells: the same as the pages, by the same filters, inert, and at the same cost for one and a hundred."""

import json
from datetime import datetime
from typing import Any

import pytest
from flask import Flask

from collector.store.devices import Site
from console import access, devices, lists, tickets
from console.api import document
from console.api.problem import PATH
from tests.console import hostile
from tests.console.api import keys
from tests.console.conftest import database, signed_in
from tests.console.decided import DISK, RECORDER
from tests.console.rows import COURT, device, finding, ticket
from tests.console.test_lists import counted

LISTS = (
    "devices", "findings", "tickets", "rooms", "situations", "planned-work", f"devices/{DISK}/accepted-values", "rules", "overrides",
    "sites", "enrolment-tokens",
)  # fmt: skip


@pytest.fixture
def county(county: Flask) -> Flask:
    keys.make(county)
    return county


def test_one_device_is_told_with_what_is_known_of_it_and_how_old_that_is(county: Flask) -> None:
    told = keys.Caller(county, "viewer").get(f"/api/v1/devices/{DISK}").json
    assert (told["host_name"], told["verdict"]) == ("tul-clerk-014", "critical")
    assert [found["rule"] for found in told["findings"]] == [
        "disk_pending_sectors",
        "security_updates_missing",
    ]
    reading = next(row for row in told["readings"] if row["metric"] == "disk_pending_sectors_count")
    assert reading["value"] == 40 and reading["read_at"] is not None
    disks = (
        keys.Caller(county, "viewer")
        .get(next(row["url"] for row in told["sections"] if row["name"] == "disks"))
        .json
    )
    assert "S4EVNF0M712345" in disks["items"] and disks["seen_at"]


def test_what_is_not_known_is_null_and_not_zero(county: Flask) -> None:
    told = keys.Caller(county, "viewer").get("/api/v1/devices/77a0c1d2e3f40516").json
    assert (told["verdict"], told["presence"], told["patch_state"]) == ("unknown", "unknown", "unknown")
    assert told["uptime_seconds"] is None and told["reported_at"] is None and told["readings"] == []


def test_a_ticket_is_told_with_events_and_evidence(county: Flask) -> None:
    told = keys.Caller(county, "viewer").get("/api/v1/tickets/1041").json
    assert told["legal"] == ["pending", "resolved"] and len(told["events"]) >= 2
    assert {row["name"] for row in told["clocks"]} == {"respond", "resolve"}
    assert told["evidence"] and told["evidence"][0]["body"]["clauses"]


def test_rooms_are_told_with_their_reasons(county: Flask) -> None:
    program = keys.Caller(county, "viewer")
    (row,) = program.get("/api/v1/rooms").json["items"]
    one = program.get(row["url"]).json
    assert (
        (one["readiness"], one["reason"]) == (row["readiness"], row["reason"]) == ("unknown", row["reason"])
    )
    assert one["devices"] == [f"/api/v1/devices/{RECORDER}"] and {item["result"] for item in one["items"]}
    assert program.get("/api/v1/rooms?verdict=ready").json["items"] == []


def test_coverage_and_sites_and_rules_are_told(county: Flask) -> None:
    program = keys.Caller(county, "lead")
    assert program.get("/api/v1/coverage").json["devices_with_an_unread_probe"] > 0
    site = program.get("/api/v1/sites").json["items"][1]
    assert site["name"] == COURT and site["devices"] > 0 and program.get(site["url"]).json == site
    rule = program.get("/api/v1/rules/filesystem_nearly_full").json
    assert "Filesystem used" in rule["bad"] and rule["source"]["raise_above"]


@pytest.mark.parametrize("query", ["", "presence=silent", "q=S4EV", "site=Norman+Field+Office&sort=-age", "severity=critical", "patch=unknown", "probe=patches"])  # fmt: skip
def test_the_list_of_devices_is_that_of_its_page(county: Flask, query: str) -> None:
    page = signed_in(county, "viewer").get(f"/devices.csv?{query}").text.strip().splitlines()[1:]
    told = keys.Caller(county, "viewer").get(f"/api/v1/devices?{query}").json
    assert [line.split(",")[0] for line in page] == [row["id"] for row in told["items"]]


@pytest.mark.parametrize("path", LISTS)
def test_following_next_shows_everything_once(county: Flask, path: str) -> None:
    program = keys.Caller(county)
    whole = program.get(f"{PATH}{path}").json
    url, seen = f"{PATH}{path}" + ("" if path == "rules" else "?limit=1"), []
    while url:
        told = program.get(url).json
        assert told["total"] == whole["total"]
        seen += told["items"]
        url = told["next"]
    assert seen == whole["items"] and len(seen) == whole["total"]


@pytest.mark.parametrize("sorts", [("devices", devices.SORTS), ("tickets", tickets.SORTS)])
def test_every_order_of_the_page_can_be_followed(county: Flask, sorts: tuple[str, dict[str, Any]]) -> None:
    program = keys.Caller(county)
    for key in sorts[1]:
        for sign in ("", "-"):
            url, seen = f"{PATH}{sorts[0]}?limit=4&sort={sign}{key}", []
            while url:
                told = program.get(url).json
                seen += [row["url"] for row in told["items"]]
                url = told["next"]
            assert len(seen) == len(set(seen)) == told["total"], key


@pytest.mark.parametrize(
    "query",
    ["presense=silent", "limit=0", "limit=x", "limit=201", "sort=secret", "presence=gone", "after=x", "after=WyJ2Iix0cnVlLCJ4Il0", "q=a&q=b",
     "after=WyJ2IiwiXHUwMDAwIiwieCJd&sort=name", "q=%00"],
)  # fmt: skip
def test_what_a_list_does_not_understand_it_names(county: Flask, query: str) -> None:
    answer = keys.Caller(county).get(f"/api/v1/devices?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["where"].startswith("query.")


def test_past_findings_are_asked_for_by_device_or_by_rule(county: Flask) -> None:
    program = keys.Caller(county)
    assert program.get("/api/v1/findings?state=any").status_code == 422
    told = program.get(f"/api/v1/findings?state=any&device={RECORDER}").json
    assert {row["device_id"] for row in told["items"]} == {RECORDER}
    assert all(row["suppressed"] for row in program.get("/api/v1/findings?suppressed=1").json["items"])


def test_an_empty_county_is_told_as_empty(empty: Flask) -> None:
    keys.make(empty)
    program = keys.Caller(empty)
    for path in (
        "devices",
        "findings",
        "tickets",
        "rooms",
        "situations",
        "planned-work",
        "overrides",
        "sites",
        "enrolment-tokens",
    ):
        assert program.get(f"{PATH}{path}").json == {
            "items": [],
            "total": 0,
            "is_more": False,
            "next": None,
        }, path


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/devices/gone", "/api/v1/tickets/99", "/api/v1/rooms/a/b", "/api/v1/sites/x", f"/api/v1/devices/{DISK}/sections/none", "/api/v1/rules/none", "/api/v1/overrides/x", "/api/v1/situations/1", "/api/v1/tickets/2147483648", f"/api/v1/tickets/{'9' * 5000}"])  # fmt: skip
def test_what_is_not_there_is_a_problem_in_words(county: Flask, path: str) -> None:
    answer = keys.Caller(county).get(path)
    assert answer.status_code == 404 and answer.mimetype == "application/problem+json"
    assert answer.json["status"] == 404 and answer.json["detail"].endswith(".")


def test_a_method_that_is_not_taken_says_which_are(county: Flask) -> None:
    answer = keys.Caller(county).call("DELETE", "/api/v1/tickets/1041")
    assert answer.status_code == 405 and answer.mimetype == "application/problem+json"
    assert {"GET", "PATCH"} <= set(answer.headers["Allow"].split(", "))


def test_a_failure_tells_nothing_of_the_inside(county: Flask) -> None:
    def broken() -> None:
        raise RuntimeError("secret inside")

    county.view_functions["api_coverage.page"] = broken
    answer = keys.Caller(county).get("/api/v1/coverage")
    assert (
        answer.status_code == 500
        and answer.mimetype == "application/problem+json"
        and "secret" not in answer.text
    )


def test_hostile_texts_travel_as_text(empty: Flask, now: datetime) -> None:
    keys.make(empty)
    with database(empty).writer() as session, session.begin():
        for n, text in enumerate(hostile.STRINGS):
            id = f"{n:016x}"
            device(session, id, text, now, site=None, room=text[:100], model=text[:200], maker=text[:200])
            session.flush()
            finding(session, id, f"f{n}", "disk_hot", now, summary=text, label=text, component=text)
            ticket(session, id, f"t{n}", 100 + n, text, now)
    program = keys.Caller(empty, "viewer")
    for path, field in (("devices?sort=age", "host_name"), ("findings", "summary"), ("tickets", "title")):
        answer = program.get(f"{PATH}{path}{'&' if '?' in path else '?'}limit=200")
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert {row[field] for row in json.loads(answer.data)["items"]} == set(hostile.STRINGS)


def test_a_list_costs_the_same_number_of_statements_for_1_and_100(empty: Flask, now: datetime) -> None:
    keys.make(empty, now)
    program, costs, begin = keys.Caller(empty), {}, 0
    for count in (1, 100):
        with database(empty).writer() as session, session.begin():
            if not begin:
                session.add(Site(name=COURT, time_zone="UTC", created_at=now))
                session.flush()
            for n in range(begin, count):
                id = f"{n:016x}"
                device(session, id, f"d{n}", now, site=COURT, room=f"Courtroom {n}", group="av")
                session.flush()
                finding(session, id, f"f{n}", "disk_hot", now)
                ticket(session, id, f"t{n}", 100 + n, "Hot", now)
        begin = count
        for path in (*LISTS[:5], "overrides", "sites", "coverage", f"devices/{0:016x}", "tickets/100"):
            path = path.replace(DISK, f"{0:016x}")
            with counted(database(empty).engine) as statements:
                assert program.get(f"{PATH}{path}").status_code == 200
            costs.setdefault(path, []).append(
                len([text for text in statements if not text.startswith("BEGIN")])
            )
    assert all(len(set(counts)) == 1 for counts in costs.values()), costs
    assert costs["devices"] == [3, 3], costs  # the key, how many, the rows


def test_the_document_holds_every_route_of_the_api_and_no_other(county: Flask) -> None:
    told = json.loads(county.test_client().get("/api/v1/openapi.json").data)
    assert told["openapi"].startswith("3.1")
    operations = {row["operationId"]: row for methods in told["paths"].values() for row in methods.values()}
    routes = {rule.endpoint for rule in county.url_map.iter_rules() if rule.rule.startswith(PATH)} - {
        "api_document.openapi"
    }
    assert set(operations) == {endpoint.removeprefix("api_").replace(".", "_") for endpoint in routes}
    for rule, _method, row in document.operations(county):
        said = operations[rule.endpoint.removeprefix("api_").replace(".", "_")]
        assert said["x-role"] == access.ROUTE[rule.endpoint]
        needed = {
            place["name"] for place in said["parameters"] if place["required"] and place["in"] == "header"
        }
        assert needed == ({"If-Match"} if row.changes else set())
        assert ("428" in said["responses"]) == row.changes


def test_the_document_is_open_and_the_same_for_all(county: Flask) -> None:
    answer = county.test_client().get("/api/v1/openapi.json")
    again = county.test_client().get(
        "/api/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}
    )
    assert (answer.status_code, again.status_code) == (200, 304)


def test_the_page_tells_each_call_without_a_script(county: Flask) -> None:
    text = signed_in(county, "viewer").get("/api").text
    for rule, method, row in document.operations(county):
        assert f'id="{rule.endpoint.removeprefix("api_").replace(".", "_")}"' in text, (method, rule)
        assert row.noun in text
    assert "cdn" not in text.casefold() and "Idempotency-Key" in text


def test_what_was_not_counted_to_the_end_says_so(county: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "COUNTED", 3)
    told = keys.Caller(county, "viewer").get(f"{PATH}devices?limit=2").json
    assert (told["total"], told["is_more"]) == (3, True)
