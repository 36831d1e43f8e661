"""The search on the list of devices: by what is on the label, on the door, and on the part in one's hand."""

import re
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, insert, text

from collector import part_serials
from collector.store.devices import Device
from collector.store.inventory import PartSerial
from console import create_app, devices, lists
from console.config import Config
from tests.console.conftest import database, signed_in
from tests.console.hostile import STRINGS
from tests.console.test_hostile import Reader
from tests.console.test_lists import counted, many

DISK, RECORDER = "0c7be3a9d4f15862", "1b22c8f04e6a9d31"


def parts(app: Flask, device_id: str, section: str, **serials: str) -> None:
    rows = part_serials.of_section(
        device_id, section, {key: {"serial": serial} for key, serial in serials.items()}
    )
    with database(app).writer() as session, session.begin():
        session.execute(insert(PartSerial), rows)


def names(html: str) -> set[str]:
    return set(re.findall(r'class="name" href="/devices/([0-9a-f]{16})"', html))


@pytest.mark.parametrize(
    "typed",
    [
        "tul-clerk-014",
        "0c7be3a",
        "CLERK'S COUNTER 2",
        "10.20.4.",
        "tulsa county",
        "optiplex 7090",
        "TC-",
        DISK,
    ],
)
def test_a_device_is_found_by_what_one_knows_of_it(app: Flask, typed: str) -> None:
    assert DISK in names(signed_in(app).get("/devices", query_string={"q": typed}).text)


@pytest.mark.parametrize(
    ("section", "word"),
    [
        ("disks", "disk"),
        ("batteries", "battery"),
        ("memory_modules", "memory module"),
        ("displays", "display"),
        ("projectors", "projector"),
    ],
)
def test_a_device_is_found_by_a_part_and_the_list_says_so(app: Flask, section: str, word: str) -> None:
    parts(app, RECORDER, section, one="S5Y2NF0R", two="Z1")
    client = signed_in(app)
    for typed in ("S5Y2NF0R", "s5y2", "s5y2 nf0r"):
        answer = client.get("/devices", query_string={"q": typed}).text
        assert names(answer) == {RECORDER}
        assert f"{word} S5Y2NF0R" in answer
    assert "S5Y2NF0R" not in client.get("/devices").text.replace('value="S5Y2NF0R"', "")
    assert RECORDER not in names(client.get("/devices?q=Y2NF0R").text)
    assert "tul-court3-av" in client.get("/devices.csv?q=s5y2").text


def test_the_search_costs_the_same_number_of_statements_however_many_parts_match(
    empty: Flask, now: datetime
) -> None:
    client, costs, begin = signed_in(empty), [], 0
    for count in (1, 50, 300):
        many(empty, count, now, begin)
        for number in range(begin, count):
            parts(empty, f"{number:016x}", "disks", a=f"SER{number}A", b=f"SER{number}B")
        begin = count
        with counted(database(empty).engine) as statements:
            assert f"disk SER{0}A" in client.get("/devices?q=ser&sort=name").text
        costs.append(len(statements))
    assert len(set(costs)) == 1, costs


def test_a_hostile_serial_is_shown_and_does_nothing(app: Flask) -> None:
    client, wrong = signed_in(app), []
    for number, string in enumerate(STRINGS):
        parts(app, RECORDER, "disks", **{f"k{number}": f"QQQ{string}"})
        answer = client.get("/devices", query_string={"q": f"QQQ{string}"})
        read = Reader(answer.text)
        if read.wrong or part_serials.plain(f"QQQ{string}")[:40] not in "".join(read.text):
            wrong.append((string, read.wrong))
    assert wrong == []


def test_the_list_looks_parts_up_in_the_index_on_both_databases(
    engine: Engine, tmp_path: Path, now: datetime
) -> None:
    app = create_app(Config(state_dir=tmp_path, database=engine.url.render_as_string(hide_password=False)))
    many(app, 400, now)
    with engine.begin() as connection:
        rows = [
            {"device_id": f"{n % 400:016x}", "section": "disks", "key": f"k{n}", "serial": f"S{n:07d}"}
            for n in range(20_000)
        ]
        connection.execute(insert(PartSerial), rows)
        connection.execute(text("ANALYZE"))
    with app.test_request_context("/devices?q=S0000017"):
        asked = devices.wish()
        listed = lists.everything(devices.query(asked), asked, sorts=devices.SORTS, ids=Device.id)
    word = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    compiled = listed.compile(engine, compile_kwargs={"render_postcompile": True})
    values = compiled.construct_params()
    with engine.connect() as connection:
        bound = tuple(values[name] for name in compiled.positiontup) if compiled.positiontup else values
        plan = "\n".join(str(row) for row in connection.exec_driver_sql(f"{word} {compiled}", bound))
    assert "ix_part_serial_serial" in plan, plan
    database(app).engine.dispose()
