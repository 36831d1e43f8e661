"""Serials of parts beside their packed sections: kept with each change, and found by their beginning."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select, text

from collector import part_serials
from collector.store import reader_maker
from collector.store.inventory import PartSerial
from protos.report_pb2 import OK, Item, Outcome, Report, Section
from tests.collector.world import NOON, Collector, Machine

HOUR = timedelta(hours=1)


def _send(machine: Machine, hours: int, name: str, **serials: str) -> None:
    """A section with one item a serial."""
    section = Section(
        name=name,
        hash=hash((name, *sorted(serials.items()))) & 0xFFFFFFFF,
        items=[Item(key=key, facts={"model": "x", "serial": serial}) for key, serial in serials.items()],
    )
    machine.send(Report(outcomes=[Outcome(probe="p", outcome=OK)], sections=[section]), NOON + hours * HOUR)


def _found(engine: Engine, typed: str) -> list[tuple[str, str]]:
    condition = part_serials.begins_with(typed)
    assert condition is not None
    with reader_maker(engine)() as session:
        return sorted((row.section, row.key) for row in session.scalars(select(PartSerial).where(condition)))


def test_a_part_is_found_by_its_serial_and_by_how_it_begins_in_any_case(engine: Engine) -> None:
    machine = Collector(engine).enrol("pc-1")
    _send(machine, 0, "disks", sda="S5Y2NF0R123456", sdb="WD-WX11A")
    for typed in ("S5Y2NF0R123456", "s5y2nf0r", " S5Y2 NF0R ", "S5Y"):
        assert _found(engine, typed) == [("disks", "sda")], typed
    assert _found(engine, "wd-") == [("disks", "sdb")]
    assert _found(engine, "5Y2NF0R") == [], "the beginning is what counts"


def test_a_part_that_was_taken_out_is_not_found_any_more(engine: Engine) -> None:
    machine = Collector(engine).enrol("pc-1")
    _send(machine, 0, "disks", sda="AAA111", sdb="BBB222")
    _send(machine, 0, "batteries", BAT0="AAA999")
    _send(machine, 1, "disks", sda="CCC333")
    assert _found(engine, "AAA") == [("batteries", "BAT0")]
    assert _found(engine, "BBB") == []
    assert _found(engine, "CCC") == [("disks", "sda")]


def test_a_projector_that_does_not_answer_keeps_its_serial(engine: Engine) -> None:
    machine = Collector(engine).enrol("room-1")
    _send(machine, 0, "projectors", front="X5Z1234")
    silent = Section(
        name="projectors", hash=5, items=[Item(key="front", facts={"host": "192.0.2.9", "last_error": "timed out"})]
    )  # fmt: skip
    machine.send(Report(sections=[silent]), NOON + HOUR)
    assert _found(engine, "X5Z1234") == [("projectors", "front")]


def test_what_a_maker_left_unfilled_is_no_serial(engine: Engine) -> None:
    machine = Collector(engine).enrol("pc-1")
    _send(machine, 0, "memory_modules", DIMM1="To be filled by O.E.M.", DIMM2="", DIMM3="00000000")
    with reader_maker(engine)() as session:
        assert session.scalars(select(PartSerial)).all() == []


def test_sections_of_things_without_serials_leave_no_rows(engine: Engine) -> None:
    _send(Collector(engine).enrol("pc-1"), 0, "software", bash="ABC123")
    with reader_maker(engine)() as session:
        assert session.scalars(select(PartSerial)).all() == []


@pytest.mark.parametrize("typed", ["", "  ", "ab", "a b"])
def test_too_short_a_text_asks_nothing(typed: str) -> None:
    assert part_serials.begins_with(typed) is None


@given(st.text(max_size=600))
def test_any_text_is_compared_as_it_is_kept(serial: str) -> None:
    rows = part_serials.of_section("d", "disks", {"k": {"serial": serial}})
    assert all(0 < len(row["serial"]) <= 255 and row["serial"] == part_serials.plain(serial) for row in rows)


@pytest.mark.parametrize("typed", ["S0012345", "S00123"])
def test_a_serial_is_looked_up_in_the_index(engine: Engine, typed: str) -> None:
    machine = Collector(engine).enrol("pc-1")
    with engine.begin() as connection:
        connection.execute(
            PartSerial.__table__.insert(),  # type: ignore[attr-defined]
            [
                {"device_id": machine.device_id, "section": "disks", "key": f"k{n}", "serial": f"S{n:07d}"}
                for n in range(20_000)
            ],
        )
        connection.execute(text("ANALYZE part_serial"))
        condition = part_serials.begins_with(typed)
        assert condition is not None
        query = str(
            select(PartSerial.device_id)
            .where(condition)
            .compile(engine, compile_kwargs={"literal_binds": True})
        ).replace("%%", "%")
        word = "EXPLAIN" if engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
        plan = "\n".join(str(row) for row in connection.execute(text(f"{word} {query}")))
    assert "ix_part_serial_serial" in plan, plan
