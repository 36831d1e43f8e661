"""What the store tells of rooms, and what comes of it: the same for one room and for forty."""

from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, event, update

from collector.rooms import readiness
from collector.rooms import room as rooming
from collector.store import reader_maker, session_maker
from collector.store.devices import Device
from collector.store.inventory import InventorySection
from collector.store.rooms import Room
from collector.store.situations import Maintenance
from tests.collector.rooms.courtroom import (
    HOUR,
    NOW,
    PROJECTOR,
    TULSA,
    Courtroom,
)
from tests.collector.rooms.test_readiness import AT_0640, by_name


@contextmanager
def counted(engine: Engine) -> Any:
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


def test_the_store_tells_the_same_in_as_many_statements_for_1_10_and_40_rooms(engine: Engine) -> None:
    broken: list[Courtroom] = []
    counts = []
    for many in (1, 10, 40):
        with session_maker(engine)() as session, session.begin():
            for n in range(len(broken), many):
                room = Courtroom(f"Courtroom {n}", f"av-{n}").books(2 * HOUR, HOUR)
                if n % 10 == 3:
                    room.reads(PROJECTOR, projector_lamp_fault_state=2)
                    room.finds("projector_lamp_error", PROJECTOR, "critical", "Lamp", AT_0640)
                if n % 10 == 4:
                    room.falls_silent(AT_0640)
                broken.append(room)
                room.save(session)
        with reader_maker(engine)() as session, counted(engine) as statements:
            rooms = rooming.rooms(session)
            listed = len(statements)
            found = readiness.verdicts(session, rooms, NOW)
            counts.append(len(statements) - listed)
        assert len(found) == many
        for room in broken:
            there, here = found[TULSA, room.name], readiness.judge(room.known(), NOW)
            assert (there.verdict, there.reason, there.since) == (here.verdict, here.reason, here.since)
    assert len(set(counts)) == 1, counts
    print(f"{counts[0]} statements, whatever the number of rooms")


def test_a_section_of_which_newer_items_are_on_their_way_is_not_judged(engine: Engine) -> None:
    with session_maker(engine)() as session, session.begin():
        Courtroom().save(session)
        session.flush()
        session.execute(
            update(InventorySection).where(InventorySection.section == "cameras").values(announced_hash=2)
        )
    with reader_maker(engine)() as session:
        (verdict,) = readiness.verdicts(session, rooming.rooms(session), NOW).values()
    assert verdict.verdict == "unknown"
    assert verdict.reason == "Logitech BRIO: its newest description is still on the way"


def test_a_room_is_judged_by_its_hosts_and_not_by_a_desk_that_stands_there(engine: Engine) -> None:
    with session_maker(engine)() as session, session.begin():
        Courtroom().save(session)
        session.add(
            Device(id="d", host_name="clerk", site=TULSA, room="Courtroom 3", device_class="desktop", presence="silent", enrolled_at=NOW)
        )  # fmt: skip
    with reader_maker(engine)() as session:
        (verdict,) = readiness.verdicts(session, rooming.rooms(session), NOW).values()
    assert verdict.verdict == "ready" and "clerk" not in str(verdict)


def test_the_parts_of_a_revoked_host_are_still_expected(engine: Engine) -> None:
    with session_maker(engine)() as session, session.begin():
        Courtroom().save(session)
        gone = Courtroom(host="av-4")
        gone.device.revoked_at = AT_0640
        gone.save(session)
    with reader_maker(engine)() as session:
        (verdict,) = readiness.verdicts(session, rooming.rooms(session), NOW).values()
    assert verdict.verdict == "unknown" and "av-4: its certificate was revoked" in verdict.reason


def test_planned_work_of_the_room_is_read_from_the_store(engine: Engine) -> None:
    with session_maker(engine)() as session, session.begin():
        Courtroom().save(session)
        session.add(Room(site=TULSA, name="Courtroom 3", hours={}, created_at=NOW))
        for n, (room, begins, rule) in enumerate(
            [("Courtroom 3", -HOUR, ""), ("Courtroom 9", -HOUR, ""), ("Courtroom 3", HOUR, ""), ("Courtroom 3", -HOUR, "one_rule")]
        ):  # fmt: skip
            session.add(
                Maintenance(id=str(n), site=TULSA, room=room, rule=rule, starts_at=NOW + begins, ends_at=NOW + 2 * HOUR, why=f"w{n}", who="bob", created_at=NOW)
            )  # fmt: skip
    with reader_maker(engine)() as session:
        (verdict,) = readiness.verdicts(session, rooming.rooms(session), NOW + timedelta(seconds=1)).values()
    assert [item.reason for item in by_name(verdict, "planned work")] == [
        "planned work is under way until 09:15, by bob: w0"
    ]
