"""Parts, depots and warranty: the lists, their files, and the counts of whoever stands in a depot."""

import csv
import io
import re
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select
from werkzeug.test import TestResponse

from collector.spares.kinds import KINDS
from collector.store.people import AuditEntry
from collector.store.spares import Contract, Depot, FittingPart, Stock, Warranty
from console import create_app, spares
from console.config import Config
from tests.console import spares as entered
from tests.console import world
from tests.console.conftest import database, signed_in
from tests.console.hostile import STRINGS
from tests.console.test_brief import plain
from tests.console.test_hostile import Reader
from tests.console.test_lists import counted


@pytest.fixture
def stocked(app: Flask, now: datetime) -> Flask:
    with database(app).writer() as session, session.begin():
        entered.build(session, now)
    return app


def hand_in(client: FlaskClient, kind: str, text: str | bytes, name: str = "a.csv") -> TestResponse:
    body = text if isinstance(text, bytes) else text.encode()
    return client.post(f"/parts/{kind}/look", data={"file": (io.BytesIO(body), name)})


def form(text: str) -> dict[str, str]:
    """What the button below a difference sends."""
    rows = re.search(r'<textarea name="rows"[^>]*>\n(.*?)</textarea>', text, re.DOTALL)
    version = re.search(r'name="version" value="([^"]*)"', text)
    assert rows is not None and version is not None
    import html

    return {"rows": html.unescape(rows[1]), "version": version[1], "name": "a.csv"}


def quantity(app: Flask, depot: str = "Basement", number: str = entered.DRIVE) -> int:
    with database(app).reader() as session:
        return session.get_one(Stock, (depot, number)).quantity


def test_what_to_order_and_what_ends_soon_stands_first(stocked: Flask) -> None:
    text = plain(signed_in(stocked, "viewer").get("/parts").text)
    assert "2 part numbers below the minimum" in text
    assert "! order 1 MZ-77E250B Basement" in text and "✕ order 1 ELPLP96" in text
    assert "1 within 60 days , 1 within 90" in text and "NOBODY1 not enrolled" in text
    assert "Compatibility map 4 rows 2 days ago by lead.one" in text


def test_an_empty_page_says_what_to_do_next(app: Flask) -> None:
    client = signed_in(app, "lead")
    text = plain(client.get("/parts").text)
    assert "Nothing is entered yet" in text and "Compatibility map" in text
    for kind in KINDS:
        text = plain(client.get(f"/parts/{kind}").text)
        assert "is entered yet" in text and "Show what it would change" in text, kind
    assert "Show what it would change" not in signed_in(app, "technician").get("/parts/stock").text


def test_a_file_is_shown_as_a_difference_and_changes_nothing_before_a_second_word(stocked: Flask) -> None:
    client = signed_in(stocked, "lead")
    shown = hand_in(
        client, "stock", f"part number;Depot;quantity\r\n{entered.DRIVE};basement;7\r\nNEW-1;Van 4;1\r\n"
    )
    text = plain(shown.text)
    assert "1 added, 1 changed, 3 gone, 0 as before. Nothing is changed yet." in text
    assert "quantity 2 7" in text and "minimum 3 0" in text and "Van 4, NEW-1" in text
    assert quantity(stocked) == 2
    answer = client.post("/parts/stock", data=form(shown.text), follow_redirects=True)
    assert "Stock: 1 added, 1 changed, 3 gone" in answer.text
    assert quantity(stocked) == 7
    with database(stocked).reader() as session:
        entry = session.scalars(
            select(AuditEntry).where(AuditEntry.who == "lead.one").order_by(AuditEntry.at.desc())
        ).first()
    assert entry is not None and entry.action == "spares: stock imported"


def test_a_list_that_somebody_counted_in_the_meantime_is_not_replaced(stocked: Flask) -> None:
    lead, technician = signed_in(stocked, "lead"), signed_in(stocked, "technician")
    shown = hand_in(lead, "stock", f"depot,part number,quantity\nBasement,{entered.DRIVE},7\n")
    counting = {"depot": "Basement", "part_number": entered.DRIVE, "seen": "2", "found": "1"}
    assert technician.post("/parts/stock/count", data=counting).status_code == 302
    assert lead.post("/parts/stock", data=form(shown.text)).status_code == 409
    assert quantity(stocked) == 1
    assert technician.post("/parts/stock/count", data=counting).status_code == 409, "they saw 2"
    assert quantity(stocked) == 1


@pytest.mark.parametrize("found", ["", "-1", "1.5", "many", "9" * 30])
def test_a_count_that_is_no_number_changes_nothing(stocked: Flask, found: str) -> None:
    client = signed_in(stocked, "technician")
    data = {
        "depot": "Basement",
        "part_number": entered.DRIVE,
        "seen": "2",
        "found": found,
        "next": "//evil.example/",
    }
    answer = client.post("/parts/stock/count", data=data)
    assert answer.status_code == 302 and answer.headers["Location"] == "/"
    assert "Nothing was changed" in client.get("/parts").text
    assert quantity(stocked) == 2


def test_a_count_is_as_fresh_as_the_moment_it_was_made(stocked: Flask) -> None:
    client = signed_in(stocked, "technician")
    data = {"depot": "Basement", "part_number": entered.DRIVE, "seen": "2", "found": "2"}
    client.post("/parts/stock/count", data=data)
    text = plain(client.get("/parts/stock?depot=Basement").text)
    assert re.search(
        r"MZ-77E250B Basement Tulsa County Courthouse lies there 2 minimum 3 counted (just now|\d+ s ago)",
        text,
    )


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_csv_taken_away_and_handed_in_again_changes_nothing(stocked: Flask, kind: str) -> None:
    client = signed_in(stocked, "lead")
    taken = client.get(f"/parts/{kind}.csv").data
    for body in (taken, taken.decode("utf-8-sig").encode("utf-16")):
        assert " 0 added, 0 changed, 0 gone" in plain(hand_in(client, kind, body).text)


def test_the_samples_can_be_handed_in_as_they_are(empty: Flask) -> None:
    client = signed_in(empty, "lead")
    for kind in KINDS:
        shown = hand_in(client, kind, client.get(f"/parts/{kind}/sample.csv").data)
        assert "1 added" in plain(shown.text), (kind, plain(shown.text))
        assert client.post(f"/parts/{kind}", data=form(shown.text)).status_code == 302


def test_mistakes_are_told_by_line_and_column_and_nothing_is_changed(stocked: Flask) -> None:
    client = signed_in(stocked, "lead")
    shown = hand_in(client, "warranty", "serial,ends on,contract\n1.2E+11,3/1/2027,Prо\n", "<b>w.csv")
    assert shown.status_code == 400
    for words in ("&lt;b&gt;w.csv, line 2, column serial", "shortened by a spreadsheet", "column ends on", "column contract: there is no contract"):  # fmt: skip
        assert words in shown.text, words
    assert signed_in(stocked, "lead").post("/parts/stock/look").status_code == 400
    assert client.post("/parts/stock", data={"rows": "nonsense"}).status_code == 400
    rows = f"depot,part number,quantity\nBasement,{entered.DRIVE},7\n"
    assert client.post("/parts/stock", data={"rows": rows, "version": ""}).status_code == 409, (
        "never looked at"
    )
    assert quantity(stocked) == 2


@pytest.mark.parametrize("kind", list(KINDS))
def test_lists_filter_sort_and_go_on_to_the_next_page(empty: Flask, now: datetime, kind: str) -> None:
    day = now.date()
    with database(empty).writer() as session, session.begin():
        session.add_all(Depot(name=f"D{n}", site="", note="") for n in range(60))
        session.flush()
        for n in range(60):
            session.add(
                FittingPart(
                    id=f"{n}", part="drive", part_number=f"P{n % 7}", model=f"M{n}", at_least_bytes=n or None
                )
            )
            session.add(Stock(depot=f"D{n}", part_number="P1", quantity=n % 5, minimum=2, counted_at=now))
            session.add(
                Contract(name=f"C{n}", vendor="V", ends_on=day + timedelta(days=n) if n % 9 else None)
            )
            session.add(Warranty(system_serial=f"S{n}", ends_on=day + timedelta(days=n - 3), imported_at=now))
    client, of = signed_in(empty), spares._LISTS[kind]
    for key in of.sorts:
        for down in ("", "-"):
            first = client.get(f"/parts/{kind}?sort={down}{key}").text
            following = re.search(r'rel="next" href="([^"]+)"', first)
            assert following is not None, key
            second = client.get(following[1].replace("&amp;", "&")).text
            assert first.count("<tr>") + second.count("<tr>") == 62, (key, down)
    assert "Nothing matches." in client.get(f"/parts/{kind}?q=nothing+of+it").text
    if kind == "stock":
        assert client.get("/parts/stock.csv?low=1").text.count("\n") == 25
    if kind in ("warranty", "contracts"):
        assert client.get("/parts/warranty.csv?ends=ended").text.count("\n") == 4


def test_as_many_statements_for_one_row_as_for_a_thousand(empty: Flask, now: datetime) -> None:
    client, costs, done = signed_in(empty), {}, 0
    for count in (1, 1000):
        with database(empty).writer() as session, session.begin():
            session.add_all(Depot(name=f"D{n}") for n in range(done, count))
            session.flush()
            session.add_all(
                Stock(depot=f"D{n}", part_number="P", quantity=0, minimum=1, counted_at=now)
                for n in range(done, count)
            )
            session.add_all(
                Warranty(system_serial=f"S{n}", ends_on=now.date(), imported_at=now)
                for n in range(done, count)
            )
            session.add_all(Contract(name=f"C{n}", ends_on=now.date()) for n in range(done, count))
            session.add_all(
                FittingPart(id=f"{n}", part="fan", part_number=f"F{n}") for n in range(done, count)
            )
        done = count
        for path in ("/parts", *(f"/parts/{kind}" for kind in KINDS)):
            with counted(database(empty).engine) as statements:
                assert client.get(path).status_code == 200
            costs.setdefault(path, []).append(len(statements))
    assert all(one == many for one, many in costs.values()), costs


@pytest.mark.parametrize("texts", [STRINGS[:40], STRINGS[40:]], ids=["first", "rest"])
def test_whatever_people_enter_is_shown_and_none_of_it_is_alive(
    empty: Flask, now: datetime, texts: list[str]
) -> None:
    client, wrong = signed_in(empty), []
    told = ["".join(c for c in text if c.isprintable() or c in "\n\t").strip() for text in texts]
    with database(empty).writer() as session, session.begin():
        for n, text in enumerate(told):
            name = f"{text[:90]} {n}"
            session.add(FittingPart(id=f"{n}", part="fan", description=text, form_factor=text[:64], interface=text[:64], model=text, part_number=name))  # fmt: skip
            session.add(Depot(name=name, note=text))
            session.add(Contract(name=name, vendor=text[:100], contact=text, terms=text, ends_on=now.date()))
            session.add(Warranty(system_serial=name, contract=name, ends_on=now.date(), imported_at=now))
            session.flush()
            session.add(Stock(depot=name, part_number=name, quantity=0, minimum=1, counted_at=now))
    for path in ("/parts", *(f"/parts/{kind}" for kind in KINDS)):
        answer = client.get(path)
        read = Reader(answer.text)
        if answer.status_code != 200 or read.wrong or any(script.strip() for script in read.scripts):
            wrong.append((path, answer.status_code, read.wrong))
        shown = "".join(read.text)
        wrong += [
            (path, 200, [text]) for text in told if path != "/parts" and text.split("\n")[0][:40] not in shown
        ]
    for kind in KINDS:
        rows = list(csv.reader(io.StringIO(client.get(f"/parts/{kind}.csv").text.removeprefix("\ufeff"))))
        assert len(rows) == len(told) + 1
        formulas = ("=", "+", "-", "@", "\t", "|", "＝")
        wrong += [(kind, 0, [one]) for row in rows for one in row if one.startswith(formulas)]
    assert wrong == []


def test_a_hostile_file_is_told_inert(stocked: Flask) -> None:
    client, wrong = signed_in(stocked, "lead"), []
    for text in STRINGS[::3]:
        told = "".join(c for c in text if c.isprintable())[:90]
        for body in (
            f"{told}\n1\n",
            _row("depot", told),
            _row("depot", told, "part number", "x", "quantity", told),
        ):
            for kind in ("depots", "stock"):
                shown = hand_in(client, kind, body, f"{told}.csv")
                read = Reader(shown.text)
                bad = [one for one in read.wrong if one != "<textarea>"]
                if (
                    shown.status_code not in (200, 400)
                    or bad
                    or any(script.strip() for script in read.scripts)
                ):
                    wrong.append((kind, body, shown.status_code, bad))
    assert wrong == []


def _row(*pairs: str) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([pairs[::2], pairs[1::2]])
    return out.getvalue()


def test_pages_files_and_counts_work_on_either_database(
    engine: Engine, tmp_path: object, now: datetime
) -> None:
    app = create_app(Config(state_dir=tmp_path, database=engine.url.render_as_string(hide_password=False)))  # type: ignore[arg-type]
    app.config.update(WTF_CSRF_ENABLED=False)
    with database(app).writer() as session, session.begin():
        world.build(session, now)
        session.flush()
        entered.build(session, now)
    client = signed_in(app)
    paths = ["/parts", *(f"/parts/{kind}{end}" for kind in KINDS for end in ("", ".csv"))]
    paths += [f"/parts/{kind}?sort=-{key}&q=a" for kind in KINDS for key in spares._LISTS[kind].sorts]
    paths += [f"/parts/{kind}?ends={when}" for kind in ("warranty", "contracts") for when in spares.ENDS]
    paths += [
        "/parts/stock?low=1&depot=Van+4%00",
        "/parts/parts?part=drive",
        "/parts/warranty?ends=no&after=WyJ2Iiw3LCJ4Il0",
    ]
    assert {path: status for path in paths if (status := client.get(path).status_code) != 200} == {}
    for kind, text in entered.files(now).items():
        shown = hand_in(client, kind, text)
        assert shown.status_code == 200, kind
        if "<textarea" in shown.text:  # a warranty list told again is younger
            assert client.post(f"/parts/{kind}", data=form(shown.text)).status_code == 302
    data = {"depot": "Van 4", "part_number": "960-001186", "seen": "1", "found": "0"}
    assert client.post("/parts/stock/count", data=data).status_code == 302
    assert quantity(app, "Van 4", "960-001186") == 0
    database(app).engine.dispose()
