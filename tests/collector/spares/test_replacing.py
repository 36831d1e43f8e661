"""A file replaces a list wholly or not at all, on both databases; what it would change is told first."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from collector.spares import cover, kinds, replacing, shelf
from collector.spares.fitting import Wanted
from collector.spares.kinds import CONTRACTS, DEPOTS, KINDS, MAP, STOCK, WARRANTY, Kind
from collector.spares.replacing import Changed, Difference
from collector.spares.shelf import Taking
from collector.spares.table_file import Mistakes
from collector.store import session_maker
from collector.store.devices import Device, Site
from collector.store.people import AuditEntry
from collector.store.spares import Depot, FittingPart, Stock, Warranty

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
FILES = {
    MAP: "part,form factor,interface,capacity,model,part number,description\ndrive,M.2 2280,NVMe,512 GB,,P-1,A drive\nlamp,,,,EPSON*,ELPLP96,\n",
    DEPOTS: "depot,site,note\nBasement,tulsa,key at the desk\nVan,,\n",
    STOCK: "depot,part number,quantity,minimum,counted at\nbasement,P-1,2,3,2026-11-20\nVan,P-1,1,,2026-11-21T10:00:00Z\n",
    CONTRACTS: "contract,vendor,contact,terms,ends on\nPro,Dell,+1 800,keep your drive,2028-01-31\n",
    WARRANTY: "serial,starts on,ends on,contract\n0c7 be3a,,2027-03-01,pro\nX9,2024-01-01,2025-01-01,\n",
}


@pytest.fixture
def session(engine: Engine) -> Session:
    with session_maker(engine)() as session:
        session.add(Site(name="Tulsa", created_at=NOW))
        session.commit()
        yield session


def take(session: Session, kind: Kind, text: str = "", **more: str) -> Difference:
    body = (text or FILES[kind]).encode()
    told = replacing.replace(session, kind, body, "a.csv", who="lead.one", now=NOW, **more)
    session.commit()
    return told


def refused(session: Session, kind: Kind, text: str) -> list[str]:
    with pytest.raises(Mistakes) as mistakes:
        take(session, kind, text)
    session.rollback()
    return mistakes.value.sentences


def test_the_five_files_are_taken_and_taken_again_change_nothing(session: Session) -> None:
    for kind in KINDS.values():
        assert len(take(session, kind).added) == len(FILES[kind].splitlines()) - 1
    for kind in KINDS.values():
        assert take(session, kind).is_none, kind.name
    assert session.get_one(Stock, ("Basement", "P-1")).quantity == 2, "a depot is found without its capitals"
    assert session.get_one(Warranty, "0C7BE3A").contract == "Pro"
    entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "spares: stock imported")).all()
    told = [(entry.who, entry.data["added"]) for entry in entries if entry.data is not None]
    assert sorted(told) == [("lead.one", 0), ("lead.one", 2)]


def test_what_is_not_in_the_file_is_gone_and_what_differs_is_told(session: Session) -> None:
    for kind in (MAP, DEPOTS, STOCK):
        take(session, kind)
    text = "depot,part number,quantity\nBasement,p-1,5\nBasement,P-2,1\n"
    told = replacing.compare(session, STOCK, text.encode(), "a.csv", NOW)
    assert told.words == "1 added, 1 changed, 1 gone, 0 as before"
    (pair,) = told.changed
    assert ("quantity", 2, 5) in told.changes(*pair) and ("minimum", 3, 0) in told.changes(*pair)
    assert session.get_one(Stock, ("Van", "P-1")), "to look changes nothing"
    take(session, STOCK, text)
    rows = session.execute(
        select(Stock.depot, Stock.part_number, Stock.quantity).order_by(Stock.part_number.desc())
    )
    assert {tuple(row) for row in rows} == {("Basement", "p-1", 5), ("Basement", "P-2", 1)}


def test_one_mistake_refuses_the_file_and_each_is_named(session: Session) -> None:
    take(session, DEPOTS)
    take(session, STOCK)
    said = refused(session, STOCK, "depot,part number,quantity,counted at\nVan,A,1,11/20/2026\nNowhere,B,-1,\nVan,C,,2027-01-01\nvan,D,1,\nVan,d,2,\n")  # fmt: skip
    assert [one.split(": ")[0] for one in said] == [
        "a.csv, line 2, column counted at", "a.csv, line 3, column depot", "a.csv, line 3, column quantity",
        "a.csv, line 4, column quantity", "a.csv, line 4, column counted at", "a.csv, lines 5 and 6",
    ]  # fmt: skip
    assert "there is Basement, Van" in said[1]
    assert session.get_one(Stock, ("Van", "P-1")).quantity == 1


def test_what_others_name_cannot_go(session: Session) -> None:
    for kind in KINDS.values():
        take(session, kind)
    assert "a.csv: depot 'Van' is not in it" in refused(session, DEPOTS, "depot\nBasement\n")[0]
    assert "contract 'Pro' is not in it" in refused(session, CONTRACTS, "contract\nOther\n")[0]


def test_a_list_that_changed_since_it_was_looked_at_is_not_replaced(session: Session) -> None:
    take(session, DEPOTS)
    take(session, STOCK)
    seen = replacing.last(session)["stock"].version
    replacing.count(session, "Van", "P-1", seen=1, found=4, who="technician.one", now=NOW)
    session.commit()
    with pytest.raises(Changed):
        take(session, STOCK, seen=seen)
    session.rollback()
    assert session.get_one(Stock, ("Van", "P-1")).quantity == 4
    take(session, STOCK, seen=replacing.last(session)["stock"].version)


def test_who_counts_what_another_has_counted_is_told_so(session: Session) -> None:
    take(session, DEPOTS)
    take(session, STOCK)
    later = NOW + timedelta(days=1)
    replacing.count(session, "Van", "P-1", seen=1, found=0, who="technician.one", now=later)
    with pytest.raises(Changed):
        replacing.count(session, "Van", "P-1", seen=1, found=2, who="technician.two", now=later)
    row = session.get_one(Stock, ("Van", "P-1"), populate_existing=True)
    assert (row.quantity, row.counted_at) == (0, later)


def test_what_is_written_is_read_as_the_same(session: Session) -> None:
    for kind in KINDS.values():
        take(session, kind)
    for kind in KINDS.values():
        rows = [
            {c.field: getattr(row, c.field) for c in kind.columns}
            for row in session.scalars(select(kind.table))
        ]
        lines = [kind.headings, *([kinds.cell(c, row) for c in kind.columns] for row in rows)]
        text = "\n".join(",".join(str(cell) for cell in line) for line in lines)
        assert take(session, kind, text).is_none, kind.name


def test_a_warranty_read_again_is_as_fresh_as_its_list(session: Session) -> None:
    take(session, CONTRACTS)
    take(session, WARRANTY)
    later = NOW + timedelta(days=9)
    replacing.replace(session, WARRANTY, FILES[WARRANTY].encode(), "a.csv", who="x", now=later)
    assert set(session.scalars(select(Warranty.imported_at))) == {later}


def test_a_device_finds_its_warranty_by_its_serial_however_it_is_spelt(session: Session) -> None:
    take(session, CONTRACTS)
    take(session, WARRANTY)
    session.add(Device(id="d1", system_serial="0c7BE3a ", enrolled_at=NOW))
    session.add(Device(id="d2", system_serial="", enrolled_at=NOW))
    session.flush()
    found = cover.of_devices(session, select(Device.id), {"x9"})
    mine = cover.find(found, "0c7BE3a ")
    assert mine is not None and (mine.vendor, mine.state(NOW.date())) == ("Dell", cover.IN_FORCE)
    other = cover.find(found, "X9")
    assert other is not None and other.state(NOW.date()) == cover.ENDED
    assert cover.find(found, "") is None


def test_a_depot_at_the_site_comes_first_and_nothing_is_promised_twice(session: Session) -> None:
    for kind in (MAP, DEPOTS, STOCK):
        take(session, kind)
    kept = shelf.read(session)
    wanted = Wanted(part="drive", form_factor="M.2 2280", interface="NVMe", capacity_bytes=500 * 10**9)
    numbers = kept.fits(wanted).numbers
    assert numbers == ("P-1",)
    taking = Taking(kept, "Tulsa")
    first = taking.take(numbers, 1)
    assert [(one.lying.depot, one.left) for one in first] == [("Basement", 2)]
    assert [(one.lying.depot, one.count) for one in taking.take(numbers, 5)] == [("Basement", 1), ("Van", 1)]
    assert taking.take(numbers, 1) == [] and taking.lies(numbers)


def test_a_number_that_a_part_calls_itself_fits_where_a_depot_has_it(session: Session) -> None:
    for kind in (MAP, DEPOTS, STOCK):
        take(session, kind)
    kept = shelf.read(session)
    assert kept.fits(Wanted(part="memory", own_numbers=("p-1",))).numbers == ("p-1",)
    assert kept.fits(Wanted(part="memory", own_numbers=("HMA",))).numbers == ()
    assert kept.fits(Wanted(part="filter", own_numbers=("ELPAF54",), is_told=True)).numbers == ("ELPAF54",)


def test_rows_that_differ_in_what_they_fit_are_no_duplicates(session: Session) -> None:
    text = "part,model,part number\nbattery,Latitude 5*,B-1\nbattery,Latitude 7*,B-1\n"
    assert len(take(session, MAP, text).added) == 2
    assert len(session.scalars(select(FittingPart)).all()) == 2
    assert "lines 2 and 3" in refused(session, MAP, "part,part number\nfan,F\nFAN,f\n")[0]
    assert "'drvie' is none of drive" in refused(session, MAP, "part,part number\ndrvie,F\n")[0]
    assert session.scalars(select(Depot)).all() == []
