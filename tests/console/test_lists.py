"""Lists: pages by key, allow-listed sorting, filters, and a constant number of statements."""

import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select, update

from collector.store.devices import Device
from collector.store.findings import Finding
from collector.store.installation import Fact
from collector.store.inventory import InventorySection
from collector.store.tickets import Ticket
from collector.tickets import sla
from console import devices, tickets
from tests.console import world
from tests.console.conftest import database, make_app, signed_in


def many(app: Flask, count: int, now: datetime, begin: int = 0) -> None:
    with database(app).writer() as session, session.begin():
        if begin == 0:
            session.add(world.Site(name=world.COURT, created_at=now))
            session.flush()
        for number in range(begin, count):
            id = f"{number:016x}"
            world.device(
                session, id, f"pc-{number % 7}", now, reported_at=None if number % 5 == 0 else now - timedelta(minutes=number % 3),
                worst_severity=("", "warning", "critical")[number % 3], model=f"M{number % 4}", site=None if number % 11 == 0 else world.COURT,
            )  # fmt: skip
            world.probe(session, id, "patches", now, [], "failed", f"reason {number % 3}")
            world.ticket(session, id, f"t{number:015x}", 100 + number, f"Title {number % 9}", now, opened_at=now - timedelta(hours=number % 4))  # fmt: skip
            session.add(Finding(device_id=id, id=f"f{number}", rule="r", rule_hash="h", state="open", severity="warning", summary="s", since_at=now, opened_at=now))  # fmt: skip
            session.add(InventorySection(device_id=id, section="disks", hash=1, announced_hash=1, items=zlib.compress(b"{}"), items_count=0, changed_at=now, seen_at=now))  # fmt: skip


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, files: dict[str, Path], now: datetime) -> Iterator[Flask]:
    """Lists of several pages, for tests that only look at them."""
    directory = tmp_path_factory.mktemp("long")
    shutil.copy(files["empty"], directory / "t.db")
    app = make_app(directory)
    many(app, 130, now)
    yield app
    database(app).engine.dispose()


def walk(client: FlaskClient, path: str, link: str, pattern: str) -> list[str]:
    """All rows, page by page, by following `rel`."""
    seen: list[str] = []
    for _ in range(50):
        text = client.get(path).text
        rows = re.findall(pattern, text)
        seen = seen + rows if link == "next" else rows + seen
        following = re.search(rf'rel="{link}" href="([^"]+)"', text)
        if following is None:
            return seen
        path = following[1].replace("&amp;", "&")
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("down", ["", "-"])
@pytest.mark.parametrize("key", sorted(devices.SORTS))
def test_every_device_is_on_exactly_one_page_in_each_order(long: Flask, key: str, down: str) -> None:
    client = signed_in(long)
    pattern = r'class="name" href="/devices/([0-9a-f]{16})"'
    seen = walk(client, f"/devices?sort={down}{key}", "next", pattern)
    assert len(seen) == 130
    assert len(set(seen)) == 130


def test_the_way_back_shows_the_same_pages(long: Flask) -> None:
    client = signed_in(long)
    pattern = r'class="name" href="/devices/([0-9a-f]{16})"'
    forth = walk(client, "/devices?sort=name", "next", pattern)
    path = "/devices?sort=name"
    for _ in range(2):
        path = re.search(r'rel="next" href="([^"]+)"', client.get(path).text)[1].replace("&amp;", "&")  # type: ignore[index]
    assert walk(client, path, "prev", pattern) == forth


@pytest.mark.parametrize("key", sorted(tickets.SORTS))
def test_every_ticket_is_on_exactly_one_page_in_each_order(long: Flask, key: str) -> None:
    seen = walk(signed_in(long), f"/tickets?sort=-{key}", "next", r'class="name" href="/tickets/(\d+)"')
    assert len(seen) == len(set(seen)) == 130


def test_the_worst_stands_first(app: Flask) -> None:
    text = signed_in(app).get("/devices").text
    names = re.findall(r"<bdi>((?:tul|nor)-[a-z0-9-]+)</bdi>", text)
    assert set(names[:2]) == {"tul-clerk-014", "nor-front-01"}
    assert names[2] == "tul-court3-av"
    assert [int(n) for n in re.findall(r'href="/tickets/(\d+)"', signed_in(app).get("/tickets").text)][
        :2
    ] == [1043, 1041]


@pytest.mark.parametrize(
    "query",
    [
        "sort=host_name;drop table device", "sort=--name", "sort='", "sort=password_hash", "after=%00", "after=abc", "after=bnVsbA",
        "after=WyJ2IixudWxsLCJ4Il0", "before=WyJ2IixbMV0sIngiXQ", "q=%25", "q=%27%3B--", "q=%00", "presence='+OR+1=1--", "site=%F0%9F%94%92",
        "after=WyJ2IiwieCIsIngiXQ&sort=age", "after=WyJ0IiwiMjAyNi0wMS0wMSIsIngiXQ&sort=age", "after=WyJ2IiwxZTk5OSwieCJd",
        "after=WyJ2IiwiXHUwMDAwIiwieCJd&sort=name", "after=WyJ2IiwiXHVkODAwIiwieCJd&sort=name", f"q={'x' * 3000}", "probe=x&reason=%00",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/devices", "/devices.csv", "/tickets", "/tickets.csv", "/audit"])
def test_nothing_in_the_address_breaks_a_list(shown: Flask, path: str, query: str) -> None:
    assert signed_in(shown).get(f"{path}?{query}").status_code == 200


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=COURT3", {"tul-court3-av"}),
        ("q=0C7BE3A", {"tul-clerk-014"}),
        ("q=Chambers", {"tul-judge-02"}),
        ("q=t_l", set()),
        ("q=%25", set()),
        ("presence=silent", {"nor-front-01"}),
        ("presence=silent&newly=1", {"nor-front-01"}),
        ("patch=unknown", {"tul-judge-02", "nor-desk-11"}),
        ("severity=warning", {"tul-court3-av"}),
        (f"site={quote(world.OFFICE)}&severity=none", {"nor-lt-07", "nor-desk-11"}),
        ("probe=patches", {"tul-judge-02"}),
        (f"probe=patches&reason={quote('apt did not answer within 60 s')}", {"tul-judge-02"}),
        ("probe=battery", set()),
    ],
)
def test_filters_show_what_they_say(shown: Flask, query: str, names: set[str]) -> None:
    text = signed_in(shown).get(f"/devices?{query}").text
    assert set(re.findall(r"<bdi>((?:tul|nor)-[a-z0-9-]+)</bdi>", text)) == names


def test_every_tile_of_today_leads_to_a_list_with_its_number_of_rows(county: Flask, now: datetime) -> None:
    with database(county).writer() as session, session.begin():
        # One whose time is over, and one that has a quarter of it left; nobody is at work at night.
        for number, hours in ((1042, 5), (1043, 3.5)):
            ticket = session.scalars(select(Ticket).where(Ticket.number == number)).one()
            ticket.state, ticket.priority, ticket.sla, ticket.site = "new", 2, sla.shipped(), ""
            ticket.opened_at, ticket.touched_at = now - timedelta(hours=hours), now
    client = signed_in(county)
    tiles = re.findall(
        r'<li><a href="([^"]+)"[^>]*><span class="count">.*?</span>(\d+)</span>', client.get("/").text
    )
    assert len(tiles) == 8
    counts = {}
    for url, count in tiles:
        text = client.get(url.replace("&amp;", "&")).text
        assert count == "0" or re.search(rf">{count} (ticket|device|room|situation)s?", text), url
        counts[url] = int(count)
    assert counts["/tickets?due=over"] >= 1 and counts["/tickets?due=soon"] >= 1
    assert "1042" in client.get("/tickets?due=over").text
    assert ">1042<" not in client.get("/tickets?due=soon").text
    assert counts["/situations"] >= 1 and counts["/devices?blind=1"] >= 1


def test_a_quiet_day_is_said_calmly_and_only_while_somebody_listens(app: Flask, now: datetime) -> None:
    def today() -> str:
        return " ".join(signed_in(app).get("/").text.split())

    assert "Nothing needs anybody now." not in today()
    with database(app).writer() as session, session.begin():
        session.execute(update(Ticket).values(state="closed", closed_at=now))
        session.execute(update(Device).values(presence="online"))
        session.merge(Fact(name="alive_at", value=datetime.now(UTC).isoformat()))
    assert "Nothing needs anybody now." in today() and "last heard of one" in today()
    with database(app).writer() as session, session.begin():
        session.merge(Fact(name="alive_at", value=(now - timedelta(hours=1)).isoformat()))
    assert "Nothing needs anybody now." not in today()
    assert "What stands here is from then" in today()


def test_the_filter_stays_while_sorting_and_in_the_csv(app: Flask) -> None:
    client = signed_in(app)
    text = client.get("/devices?presence=silent").text
    assert "/devices?presence=silent&amp;sort=name" in text
    csv = re.search(r'class="csv" href="([^"]+)"', text)
    assert csv is not None
    lines = client.get(csv[1].replace("&amp;", "&")).text.strip().splitlines()
    assert len(lines) == 2 and "nor-front-01" in lines[1]


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_a_page_costs_the_same_number_of_statements_for_1_50_and_500_devices(
    empty: Flask, now: datetime
) -> None:
    client = signed_in(empty)
    costs: dict[str, list[int]] = {}
    begin = 0
    for count in (1, 50, 500):
        many(empty, count, now, begin)
        begin = count
        for path in ("/", "/devices", "/devices.csv", "/tickets", "/tickets.csv", "/coverage", "/devices/0000000000000000", "/tickets/100", "/enrolment", "/rules", "/rules/disk_hot", "/situations", "/planned-work", "/sites"):  # fmt: skip
            with counted(database(empty).engine) as statements:
                assert client.get(path).status_code == 200
            costs.setdefault(path, []).append(len(statements))
    assert all(len(set(counts)) == 1 for counts in costs.values()), costs
    assert max(counts[0] for counts in costs.values()) <= 20, costs
