"""What an inventory remembers of a part that tells nothing of itself for a while, and what it writes down."""

from datetime import timedelta

from sqlalchemy import Engine, select

from collector import inventory
from collector.store import reader_maker
from collector.store.inventory import InventoryChange
from protos.report_pb2 import OK, Item, Outcome, Report, Section
from tests.collector.world import NOON, Collector, Machine

HOUR = timedelta(hours=1)


def _projector(machine: Machine, hours: int, **facts: str) -> None:
    section = Section(
        name="projectors",
        hash=hash(tuple(sorted(facts.items()))) & 0xFFFFFFFF,
        items=[Item(key="front", facts=facts)],
    )
    outcomes = [Outcome(probe="projectors", outcome=OK)]
    machine.send(Report(outcomes=outcomes, sections=[section]), NOON + hours * HOUR)


def _facts(engine: Engine, machine: Machine) -> dict[str, str]:
    with reader_maker(engine)() as session:
        return inventory.items(session, machine.device_id, "projectors")["front"]


def _changes(engine: Engine) -> list[str]:
    with reader_maker(engine)() as session:
        return [row.kind for row in session.scalars(select(InventoryChange))]


def test_a_projector_that_does_not_answer_is_still_the_same_projector(engine: Engine) -> None:
    machine = Collector(engine).enrol("room-201")
    _projector(machine, 0, host="192.0.2.9", model="EX-100", serial="S1", lamp_part="LP96", input="31")
    _projector(machine, 1, host="192.0.2.9", last_error="timed out")
    facts = _facts(engine, machine)
    assert (facts["model"], facts["serial"], facts["lamp_part"]) == ("EX-100", "S1", "LP96")
    assert facts["last_error"] == "timed out"
    assert "input" not in facts, "what it was set to is not known now"
    assert _changes(engine) == []


def test_another_projector_in_its_place_inherits_nothing(engine: Engine) -> None:
    machine = Collector(engine).enrol("room-201")
    _projector(machine, 0, host="192.0.2.9", model="EX-100", serial="S1")
    _projector(machine, 1, host="192.0.2.9", model="PT-9")
    assert "serial" not in _facts(engine, machine)
    assert _changes(engine) == ["changed"]
