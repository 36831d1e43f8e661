"""Each page on a database with many rows: through an index, and with as many statements for 10,000 devices as for one.

What a page executes is taken from the page itself, and which pages, orders and filters there are from the addresses and
the pages: a list that is added later is looked at too.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from bench import county
from bench.addresses import addresses
from collector.roles import ROLES
from collector.store import Base, open_engine, schema
from collector.store.people import ApiKey
from console import bearer, create_app
from console.config import Config
from console.sessions import digest
from tests.console.conftest import TEMPLATES, signed_in

# Rows that grow with the fleet or with time. All others are as many as people typed or imported.
BIG = {
    "device", "finding", "transition", "ticket", "ticket_event", "evidence", "outbox", "probe_result", "inventory_section",
    "inventory_part", "inventory_change", "part_serial", "report", "report_hour", "spool", "gap", "audit", "booking", "readiness_check",
    "credential", "refresh_request", "device_state", "state_checkpoint", "escalation", "acceptance", "baseline_part",
}  # fmt: skip
# Indexes of few rows alone: whoever walks one from end to end reads what was asked for, not the table.
OF_FEW_ROWS = {
    str(index.name)
    for table in Base.metadata.sorted_tables
    for index in table.indexes
    if (rows := index.dialect_options["sqlite"]["where"]) is not None
    and str(rows) != "revoked_at IS NULL"  # nearly all
}
# All tickets of all years by their devices' names: an index holds columns of one table, so they are put in order.
PUT_IN_ORDER = {"/tickets?sort=device&state=any"}
# What leads to another page.
REDIRECTS = {"labels.follow": 302}
# Not asked here: what answers only where it is set up, and what draws for seconds (tests of their own count theirs).
LEFT_OUT = ("health.", "oidc.", "labels.page")
SMALL = replace(county.SMALL, devices=300, sites=4, rooms=3, cleared=3_000, closed=300, working=40, audit=300)


class Links(HTMLParser):
    """The orders and filters that a page offers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.sorts: set[str] = set()
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "a":
            self.sorts |= set(re.findall(r"[?&]sort=(-?\w+)", given.get("href", "")))
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select and given.get("value"):
            self.fields[self._select] = given["value"]
        elif tag == "input" and given.get("type") == "search":
            self.fields[given["name"]] = "none has this"


def api_sorts(client: FlaskClient) -> dict[str, set[str]]:
    """Endpoint → the orders that its description offers, each from both ends."""
    found: dict[str, set[str]] = {}
    for operations in client.get("/api/v1/openapi.json").get_json()["paths"].values():
        for told in operations.get("get", {}).get("parameters", ()):
            if told["name"] == "sort":
                keys = re.findall(r"\w+", told["schema"]["pattern"])
                found[operations["get"]["operationId"]] = {
                    f"{sign}{key}" for key in keys for sign in ("", "-")
                }
    return found


def asked(path: str, text: str, sorts: Iterable[str] = ()) -> Iterator[str]:
    """The page, by each order and with each filter it offers, and by each order of the whole list."""
    offered = Links(text)
    yield path
    for key in sorted(offered.sorts.union(sorts)):
        yield f"{path}?{urlencode({'sort': key})}"
        if "state" in offered.fields:
            yield f"{path}?{urlencode({'sort': key, 'state': 'any'})}"
    for name, value in sorted(offered.fields.items()):
        yield f"{path}?{urlencode({name: value})}"


@contextmanager
def executed(engine: Engine) -> Iterator[list[tuple[str, Any]]]:
    statements: list[tuple[str, Any]] = []

    def note(
        _connection: object, _cursor: object, statement: str, parameters: object, *_more: object
    ) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            statements.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def read_through(engine: Engine, statement: str, parameters: Any) -> list[str]:
    """Lines of its plan that look at every row of a big table: that no index leads to, or that are put in order after it."""
    is_sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if not is_sqlite:
            # Of so few rows a scan is right; what is asked is whether an index could lead to them at all.
            connection.exec_driver_sql("SET enable_seqscan = off")
        words = "EXPLAIN QUERY PLAN" if is_sqlite else "EXPLAIN"
        lines = [str(row[-1]) for row in connection.exec_driver_sql(f"{words} {statement}", parameters)]
    # SQLite names a table by its alias: `device_1`.
    pattern = r"^SCAN (\w+?)(?:_\d+)?$" if is_sqlite else r"Seq Scan on (\w+)"
    found = [line for line in lines if (table := re.search(pattern, line)) and table[1] in BIG]
    if is_sqlite:
        found += _sorted_whole(lines)
    return found


def _sorted_whole(lines: list[str]) -> list[str]:
    """SQLite's way of reading all and sorting it then: an index is walked from end to end, and not for its order."""
    if "USE TEMP B-TREE FOR ORDER BY" not in lines:
        return []
    pattern = r"^SCAN (\w+?)(?:_\d+)? USING (?:COVERING )?INDEX (\w+)"
    return [
        line
        for line in lines
        if (found := re.search(pattern, line)) and found[1] in BIG and found[2] not in OF_FEW_ROWS
    ]


def filled(directory: Path, url: str, size: county.Size) -> Flask:
    app = create_app(Config(state_dir=directory, database=url))
    app.jinja_env.bytecode_cache = TEMPLATES
    engine = app.extensions["database"].engine
    schema.upgrade(engine)
    county.fill(engine, size, datetime.now(UTC).replace(microsecond=0))
    app.config.update(TESTING=True)
    return app


def browser(app: Flask) -> FlaskClient:
    """Signed in as administrator, with an API key in the pocket."""
    engine, now = app.extensions["database"].engine, datetime.now(UTC)
    client, secret = signed_in(app, now=now), bearer.new_secret()
    with Session(engine) as session, session.begin():
        session.add(ApiKey(id="k1", token_hash=digest(secret), title="t", user="admin.one", role=ROLES[-1], created_at=now, expires_at=now + timedelta(days=1), seen_at=now))  # fmt: skip
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {secret}"
    return client


def test_no_page_reads_through_a_big_table(database_url: str, tmp_path: Path) -> None:
    app = filled(tmp_path, database_url, SMALL)
    client, engine = browser(app), app.extensions["database"].engine
    with Session(engine) as session:
        pages = addresses(app, session)
    wrong: dict[str, list[str]] = {}
    seen: set[str] = set()
    described = api_sorts(client)
    assert described
    for endpoint, path in pages.items():
        if endpoint.startswith(LEFT_OUT):
            continue
        of_api = described.get(endpoint.removeprefix("api_").replace(".", "_"), ())
        for address in asked(path, client.get(path).text, of_api):
            with executed(engine) as statements:
                answered = client.get(address).status_code
            assert answered == REDIRECTS.get(endpoint, 200), address
            for statement, parameters in statements if address not in PUT_IN_ORDER else ():
                if statement not in seen and (lines := read_through(engine, statement, parameters)):
                    wrong.setdefault(f"{endpoint} {address.partition('?')[2]}", []).append(
                        f"{lines} {statement[-300:]}"
                    )
                seen.add(statement)
    engine.dispose()
    assert wrong == {}


def test_a_list_that_no_index_leads_to_is_noticed(database_url: str, tmp_path: Path) -> None:
    engine = open_engine(database_url)
    schema.upgrade(engine)
    assert read_through(engine, "SELECT * FROM device WHERE agent_version = 'x'", ())
    assert not read_through(engine, "SELECT * FROM device WHERE host_name = 'x'", ())
    if engine.dialect.name == "sqlite":
        everything = "SELECT * FROM device WHERE revoked_at IS NULL ORDER BY"
        assert read_through(engine, f"{everything} boot_id", ())
        assert not read_through(engine, f"{everything} presence, id", ())
    engine.dispose()


def test_a_page_costs_as_many_statements_for_10000_devices_as_for_one(tmp_path: Path) -> None:
    costs: dict[str, list[int]] = {}
    few = replace(
        SMALL, devices=1, sites=1, rooms=1, cleared=1, closed=1, working=1, audit=1, situations=1, decisions=1
    )
    many = replace(
        few, devices=10_000, sites=10, rooms=3, cleared=1_000, closed=500, working=300, audit=500, situations=2, decisions=20
    )  # fmt: skip
    some = replace(few, devices=100, sites=4, rooms=3, cleared=200, closed=50, working=10, situations=2)
    for size in (few, some, many):
        directory = tmp_path / str(size.devices)
        app = filled(directory, f"sqlite:///{directory / 't.db'}", size)
        client, engine = browser(app), app.extensions["database"].engine
        with Session(engine) as session:
            pages = addresses(app, session)
        for endpoint, path in pages.items():
            if endpoint.startswith(LEFT_OUT):
                continue
            with executed(engine) as statements:
                answered = client.get(path).status_code
            assert answered == REDIRECTS.get(endpoint, 200), path
            costs.setdefault(endpoint, []).append(len(statements))
        engine.dispose()
    assert {endpoint: counts for endpoint, counts in costs.items() if len(set(counts)) > 1} == {}
