"""What a collector remembers of devices: read for many at once, and no less than for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from collector.memory import DeviceMemory, Memory
from tests.collector.world import NOON, Collector, Machine, filesystem


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("SELECT"):
            statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def fill(machine: Machine, used: float) -> None:
    """For longer than the rule waits."""
    for minutes in (0, 20, 40):
        machine.send(filesystem(used), NOON + timedelta(minutes=minutes))


def told(memory: DeviceMemory) -> dict[str, Any]:
    columns = {name: value for name, value in vars(memory.device).items() if not name.startswith("_")}
    return {**asdict(replace(memory, device=None, state=None)), **columns, "state": memory.state.to_bytes()}  # type: ignore[arg-type]


def test_many_are_read_as_one_is_and_in_as_many_statements(engine: Engine) -> None:
    collector = Collector(engine)
    machines = collector.enrol_many([f"desk-{n}" for n in range(40)])
    for n, machine in enumerate(machines):
        fill(machine, 0.99 if n % 2 else 0.5)
    ids = [machine.device_id for machine in machines]
    with Session(engine) as session:
        with counted(engine) as for_one:
            alone = Memory().of(session, ids[1])
        together = Memory()
        with counted(engine) as for_all:
            together.bring(session, ids)
        assert len(for_all) == len(for_one)
        with counted(engine) as again:
            together.bring(session, ids)
            assert told(together.of(session, ids[1])) == told(alone)
        assert again == []
        assert [bool(together.of(session, id).findings) for id in ids] == [n % 2 == 1 for n in range(40)]


def test_what_a_session_has_read_before_is_read_anew(engine: Engine) -> None:
    collector = Collector(engine)
    machine = collector.enrol("desk")
    with Session(engine, expire_on_commit=False) as session:
        before = Memory().of(session, machine.device_id)
        session.commit()  # and keeps what it has read
        fill(machine, 0.99)
        after = Memory().of(session, machine.device_id)
    assert before.device.open_findings == 0 < after.device.open_findings
    assert after.device.version > before.device.version


def test_an_unknown_device_is_said_to_be_one_and_hides_no_other(engine: Engine) -> None:
    collector = Collector(engine)
    machine = collector.enrol("desk")
    memory = Memory()
    with Session(engine) as session:
        memory.bring(session, ["nobody", machine.device_id])
        assert memory.of(session, machine.device_id).device.host_name == "desk"
        with pytest.raises(KeyError):
            memory.of(session, "nobody")


def test_more_than_fit_are_read_and_the_first_of_them_given_up(engine: Engine) -> None:
    collector = Collector(engine)
    ids = [machine.device_id for machine in collector.enrol_many(["a", "b", "c"])]
    memory = Memory(capacity=2)
    with Session(engine) as session:
        memory.bring(session, ids)
        with counted(engine) as statements:
            memory.of(session, ids[2])
        assert statements == []
        assert memory.of(session, ids[0]).device.host_name == "a"
